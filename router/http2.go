package router

import (
	"net/http"
	"time"

	"souk/router/gateway/config"
)

// Bounds of one HTTP/2 connection beside the number of its streams, which is
// configured.
const (
	// http2Receive is what a connection holds of request bodies that no handler
	// has read yet, http2ReceiveStream what one request does.
	http2Receive       = 1 << 20
	http2ReceiveStream = 256 << 10
	// http2Ping is how long a connection may be silent before the router asks
	// whether the client is still there, http2Pong how long it waits for an
	// answer.
	http2Ping = 30 * time.Second
	http2Pong = 15 * time.Second
	// http2Write is how long a connection may take no byte of what is written.
	http2Write = 30 * time.Second
)

// speakHTTP2 lets a server without TLS speak HTTP/2 to clients that begin with
// its preface (prior knowledge, RFC 9113, section 3.3), beside HTTP/1.1.
func speakHTTP2(server *http.Server, c config.HTTP) {
	if !c.HTTP2 {
		return
	}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	server.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams:          c.HTTP2Streams,
		MaxReceiveBufferPerConnection: http2Receive,
		MaxReceiveBufferPerStream:     http2ReceiveStream,
		SendPingTimeout:               http2Ping,
		PingTimeout:                   http2Pong,
		WriteByteTimeout:              http2Write,
	}
}
