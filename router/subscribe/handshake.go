package subscribe

import "net/http"

// A handshake writes the headers of a WebSocket handshake as spelled in RFC 6455.
// The canonical form of net/http is Sec-Websocket-Protocol, but some clients
// compare header names case-sensitively.
type handshake struct{ http.ResponseWriter }

// Unwrap lets the WebSocket library reach the connection to hijack.
func (h *handshake) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader sends the headers with the RFC 6455 spelling. It then restores the
// canonical names, because the library reads the negotiated values from them.
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
