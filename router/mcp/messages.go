package mcp

import (
	"bytes"
	"encoding/json"
)

// Counted returns how many messages in the body of a request count as requests of their own: those
// that ask for a response, except calls of tools, which count as operations. Without a session,
// every message counts, because it begins one.
func Counted(body []byte, session bool) (n int) {
	type message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	var list []message
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if json.Unmarshal(trimmed, &list) != nil {
			return 1
		}
	} else {
		var one message
		if json.Unmarshal(body, &one) != nil {
			return 1
		}
		list = []message{one}
	}
	for _, m := range list {
		switch {
		case m.Method == "tools/call" && len(m.ID) > 0:
		case !session || m.Method != "" && len(m.ID) > 0:
			n++
		}
	}
	return n
}

// ErrorBody returns an error of JSON-RPC that belongs to no message, with a code of the router and
// a text.
func ErrorBody(code, text string) []byte {
	const serverError = -32000 // the first of those that JSON-RPC 2.0 leaves to servers
	body, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": nil,
		"error": map[string]any{"code": serverError, "message": text, "data": map[string]string{"code": code}},
	})
	if err != nil { // unreachable: every value can be encoded
		panic(err)
	}
	return body
}
