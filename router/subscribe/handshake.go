package subscribe

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"

	"souk/internal/detach"
)

// A handshake writes the headers of a WebSocket handshake as spelled in RFC 6455.
// The canonical form of net/http is Sec-Websocket-Protocol, but some clients
// compare header names case-sensitively.
//
// It also gives the library a connection with small buffers, which outlives the handler
// if possible.
type handshake struct {
	http.ResponseWriter
	request *http.Request

	// detached is set if the connection outlives the handler.
	detached *detach.Response
	wire     *wire
}

// The buffers of a WebSocket, in bytes. A client's pings and complete messages fit into
// readBuffer; it reads larger ones with more calls. The library writes only control frames,
// of at most 127 bytes (RFC 6455, section 5.5).
const readBuffer, writeBuffer = 256, 128

// Hijack implements http.Hijacker.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	var (
		conn   net.Conn
		buffer *bufio.ReadWriter
	)
	d, buffer, err := detach.Take(h.ResponseWriter, h.request)
	if conn = d; errors.Is(err, detach.ErrUnsupported) {
		d = nil
		conn, buffer, err = http.NewResponseController(h.ResponseWriter).Hijack()
	}
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // the library wraps it
	}
	h.detached, h.wire = d, &wire{Conn: conn}
	ahead, err := buffer.Peek(buffer.Reader.Buffered())
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // as above
	}
	// The library takes over what is buffered.
	in := bufio.NewReaderSize(bytes.NewReader(bytes.Clone(ahead)), max(readBuffer, len(ahead)))
	if _, err := in.Peek(len(ahead)); err != nil {
		return nil, nil, err //nolint:wrapcheck // as above
	}
	return h.wire, bufio.NewReadWriter(in, bufio.NewWriterSize(h.wire, writeBuffer)), nil
}

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
