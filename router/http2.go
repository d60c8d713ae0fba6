package router

import (
	"net/http"
	"time"

	"souk/router/gateway/config"
)

// Limits of one HTTP/2 connection. The number of streams is configurable.
const (
	// http2Receive bounds the bytes of request bodies that a connection buffers before
	// a handler reads them, http2ReceiveStream those of one stream.
	http2Receive       = 1 << 20
	http2ReceiveStream = 256 << 10
	// http2Ping is how long a connection may be silent before the router sends a PING,
	// http2Pong how long it waits for the acknowledgment.
	http2Ping = 30 * time.Second
	http2Pong = 15 * time.Second
	// http2Write is how long a write may make no progress before the connection is
	// closed.
	http2Write = 30 * time.Second
)

// speakHTTP2 enables HTTP/2 in addition to HTTP/1.1: negotiated on a port with TLS, and with
// prior knowledge on one without (RFC 9113, section 3.3).
func speakHTTP2(server *http.Server, c config.HTTP) {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	if !c.HTTP2 {
		return
	}
	server.Protocols.SetHTTP2(server.TLSConfig != nil)
	server.Protocols.SetUnencryptedHTTP2(server.TLSConfig == nil)
	server.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams:          c.HTTP2Streams,
		MaxReceiveBufferPerConnection: http2Receive,
		MaxReceiveBufferPerStream:     http2ReceiveStream,
		SendPingTimeout:               http2Ping,
		PingTimeout:                   http2Pong,
		WriteByteTimeout:              http2Write,
	}
}
