package subscribe

import "net/http"

// A handshake writes the header of a WebSocket handshake as RFC 6455 spells
// it: net/http's canonical form is Sec-Websocket-Protocol, and there are
// clients that compare names by case.
type handshake struct{ http.ResponseWriter }

// Unwrap lets the WebSocket library find the connection to take over.
func (h *handshake) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader sends the header in that spelling. Afterwards the canonical names
// are back, under which the library reads what was agreed on.
func (h *handshake) WriteHeader(status int) {
	header := h.Header()
	spelled := map[string]string{
		"Sec-Websocket-Accept":     "Sec-WebSocket-Accept",
		"Sec-Websocket-Extensions": "Sec-WebSocket-Extensions",
		"Sec-Websocket-Protocol":   "Sec-WebSocket-Protocol",
		"Sec-Websocket-Version":    "Sec-WebSocket-Version",
	}
	rename := func(from, to string) {
		if values, ok := header[from]; ok {
			header[to] = values
			delete(header, from)
		}
	}
	for canonical, name := range spelled {
		rename(canonical, name)
	}
	h.ResponseWriter.WriteHeader(status)
	for canonical, name := range spelled {
		rename(name, canonical)
	}
}
