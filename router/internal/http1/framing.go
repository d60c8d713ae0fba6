package http1

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// A framing knows whether the head of a request on a connection may have had a Content-Length.
// net/http removes that field from a chunked request, and keeps the connection open. A proxy that
// goes by Content-Length would see another request in what follows, so that RFC 9112, section 6.1,
// says to close the connection after the response.
//
// All bytes count, because pipelined requests arrive together. So a chunked request behind one with
// a Content-Length, or after a body that has such a line, closes the connection, too. Clients rarely
// send both.
type framing struct {
	length atomic.Bool
	seen   int // bytes of lengthLine at the end of what has been read
}

// lengthLine is what the line of the field begins with, in lower case.
const lengthLine = "\ncontent-length"

// read looks at the bytes that follow.
func (f *framing) read(b []byte) {
	for len(b) > 0 && !f.length.Load() {
		if f.seen == 0 {
			n := bytes.IndexByte(b, '\n')
			if n < 0 {
				return
			}
			f.seen, b = 1, b[n+1:]
			continue
		}
		switch c := b[0]; {
		case c == lengthLine[f.seen] || 'A' <= c && c <= 'Z' && c+'a'-'A' == lengthLine[f.seen]:
			f.seen, b = f.seen+1, b[1:]
			f.length.Store(f.seen == len(lengthLine))
		default: // a line break may begin the next line
			f.seen = 0
		}
	}
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

// closeAmbiguous makes net/http close replayed connections after a chunked request that may have a
// Content-Length.
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
		if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
			if f, _ := r.Context().Value(framingKey{}).(*framing); f != nil && f.length.Load() {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}
