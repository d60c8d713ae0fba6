package http1

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// A framing knows whether the heads of requests on a connection may have had a Content-Length and a
// Transfer-Encoding. net/http removes the first from a chunked request, and the second from one of
// HTTP/1.0, and keeps the connection open. A proxy that goes by what net/http has removed would see
// another request in what follows, so that RFC 9112, section 6.1, says to close the connection after
// the response.
//
// With TLS, connections remain open: net/http finds TLS by the type of a connection, *tls.Conn, so that
// nothing can look at what it decrypts, and handlers see neither of the fields that it removes.
//
// All bytes count, because pipelined requests arrive together. So a chunked request behind one with
// a Content-Length, or after a body that has such a line, closes the connection, too. Clients rarely
// send both.
type framing struct {
	length, coding atomic.Bool
	seen           int // bytes of line; 0 if it cannot become one of the two
	line           [len(codingLine)]byte
}

// lengthLine and codingLine are what the lines of the fields begin with, in lower case.
const (
	lengthLine = "\ncontent-length"
	codingLine = "\ntransfer-encoding"
)

// read looks at the bytes that follow.
func (f *framing) read(b []byte) {
	for len(b) > 0 && (!f.length.Load() || !f.coding.Load()) {
		if f.seen == 0 {
			n := bytes.IndexByte(b, '\n')
			if n < 0 {
				return
			}
			b = b[n:]
		}
		c := b[0]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == '\n' { // a line break begins the next line
			f.seen = 0
		}
		f.line[f.seen] = c
		f.seen++
		b = b[1:]
		switch line := string(f.line[:f.seen]); {
		case line == lengthLine:
			f.length.Store(true)
			f.seen = 0
		case line == codingLine:
			f.coding.Store(true)
			f.seen = 0
		case !strings.HasPrefix(lengthLine, line) && !strings.HasPrefix(codingLine, line):
			f.seen = 0
		}
	}
}

// ambiguous reports whether net/http has removed something from a request that others may go by.
func (f *framing) ambiguous(r *http.Request) bool {
	if len(r.TransferEncoding) > 0 {
		return f.length.Load()
	}
	return r.ProtoMinor == 0 && f.coding.Load()
}

// framingKey is that of the framing in the contexts of connections that net/http serves.
type framingKey struct{}

// Guard returns a listener for a standard server without TLS that serves all requests itself. The
// server closes connections after ambiguous requests then.
func Guard(standard *http.Server, l net.Listener) net.Listener {
	closeAmbiguous(standard)
	return guarded{l}
}

// A guarded listener lets closeAmbiguous see what its connections receive.
type guarded struct{ net.Listener }

// Accept implements net.Listener.
func (g guarded) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &replayed{Conn: c}, nil
}

// closeAmbiguous makes net/http close replayed connections after ambiguous requests.
func closeAmbiguous(standard *http.Server) {
	adapt, next := standard.ConnContext, standard.Handler
	standard.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if adapt != nil {
			ctx = adapt(ctx, c)
		}
		if r, ok := c.(*replayed); ok {
			ctx = context.WithValue(ctx, framingKey{}, &r.framing)
		}
		return ctx
	}
	standard.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0) {
			if f, _ := r.Context().Value(framingKey{}).(*framing); f != nil && f.ambiguous(r) {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}
