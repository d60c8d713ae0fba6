package rest

import "encoding/json"

// quote appends s as a JSON string.
func quote(to []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string can always be marshalled
	return append(to, quoted...)
}
