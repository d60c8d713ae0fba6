package rest

import "encoding/json"

// quote appends s as a JSON string.
func quote(to []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // encoding a string cannot fail
	return append(to, quoted...)
}
