package http1

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk/router/internal/lazycontext"
)

// unknown is the length of a body that the handler has not declared.
const unknown = -1

// undecided is how many bytes of a body without a declared length are kept until it is known whether
// there are more. net/http has the same bound.
const undecided = 2 << 10

// An exchange is one request with its response. It implements http.ResponseWriter with the methods
// that http.ResponseController uses.
type exchange struct {
	conn    *conn
	context lazycontext.Context
	url     url.URL
	body    body
	header  http.Header
	head    bool // the method is HEAD

	status   int // 0 before WriteHeader
	length   int64
	written  int64
	snapshot http.Header // of header, until the head is written; nil if it is not needed
	pending  []byte      // the beginning of a body whose framing is undecided
	trailers []string    // that the handler has announced
	framed   bool        // the head is in the output
	chunked  bool
	last     bool // the connection ends with this response
	duplex   bool
	hijacked bool
	out      *output
	err      error // of the first write that failed
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	switch {
	case x.hijacked:
		x.conn.server.logf("http1: WriteHeader on a hijacked connection")
		return
	case x.status != 0:
		x.conn.server.logf("http1: superfluous WriteHeader with status %d", status)
		return
	case status < 100 || status > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	case status < 200 && status != http.StatusSwitchingProtocols:
		x.writeInformational(status)
		return
	}
	x.status = status
	x.length = x.declared()
	if x.decided() {
		x.writeHead(x.header, nil, false)
		return
	}
	x.snapshot = x.header.Clone()
}

// declared returns the Content-Length of the handler.
func (x *exchange) declared() int64 {
	values := x.header["Content-Length"]
	if len(values) == 0 || values[0] == "" {
		return unknown
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 {
		x.conn.server.logf("http1: invalid Content-Length of %q", values[0])
		x.header.Del("Content-Length")
		return unknown
	}
	return n
}

// decided reports whether the head does not depend on the body.
func (x *exchange) decided() bool {
	_, typed := x.header["Content-Type"]
	return x.length != unknown && typed || !hasBody(x.status)
}

// hasBody reports whether responses with a status have a body (RFC 9110, section 6.4.1).
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// Write implements io.Writer.
func (x *exchange) Write(p []byte) (int, error) {
	switch {
	case x.hijacked:
		return 0, http.ErrHijacked
	case x.status == 0:
		x.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !hasBody(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	x.written += int64(len(p))
	if x.length != unknown && x.written > x.length {
		return 0, http.ErrContentLength
	}
	if !x.framed {
		if len(x.pending)+len(p) <= undecided && x.length == unknown {
			x.pending = append(x.pending, p...)
			return len(p), nil
		}
		first := p
		if n := len(x.pending); n > 0 {
			first = slices.Concat(x.pending, p[:min(len(p), undecided-n)])
		}
		x.writeHead(x.snapshot, first, false)
		x.writePending()
	}
	if err := x.writeBody(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (x *exchange) WriteString(s string) (int, error) { return x.Write([]byte(s)) }

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError implements the method that http.ResponseController calls.
func (x *exchange) FlushError() error {
	if x.hijacked {
		return http.ErrHijacked
	}
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if !x.framed {
		x.writeHead(x.snapshot, x.pending, false)
		x.writePending()
	}
	return x.flush()
}

// SetReadDeadline implements the method that http.ResponseController calls.
func (x *exchange) SetReadDeadline(t time.Time) error { return x.conn.in.SetReadDeadline(t) }

// SetWriteDeadline implements the method that http.ResponseController calls.
func (x *exchange) SetWriteDeadline(t time.Time) error {
	x.conn.writeDeadline = true
	return x.conn.rwc.SetWriteDeadline(t)
}

// EnableFullDuplex implements the method that http.ResponseController calls.
func (x *exchange) EnableFullDuplex() error {
	x.duplex = true
	return nil
}

// Hijack implements http.Hijacker.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := x.conn
	if x.hijacked {
		return nil, nil, http.ErrHijacked
	}
	if err := x.flush(); err != nil {
		return nil, nil, fmt.Errorf("http1: sending the response before the connection is hijacked: %w", err)
	}
	x.hijacked, c.taken = true, true
	x.body.mu.Lock()
	x.body.closed = true
	x.body.mu.Unlock()
	c.state.Store(ended)
	c.server.watch.remove(c)
	c.server.forget(c)
	_ = c.rwc.SetDeadline(time.Time{})
	first := c.buffer[c.start:c.end:c.end]
	c.buffer, c.start, c.end = nil, 0, 0
	reader := bufio.NewReaderSize(&replayed{Conn: c.rwc, first: first}, max(firstBuffer, len(first)))
	if _, err := reader.Peek(len(first)); err != nil {
		return nil, nil, fmt.Errorf("http1: reading what has arrived: %w", err)
	}
	c.report(http.StateHijacked)
	return c.rwc, bufio.NewReadWriter(reader, bufio.NewWriterSize(c.rwc, firstBuffer)), nil
}

// finish completes the response when the handler has returned.
func (x *exchange) finish(r *http.Request) outcome {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if !x.framed {
		x.writeHead(x.snapshot, x.pending, true)
		x.writePending()
	}
	if x.chunked && !x.head {
		x.writeTrailers()
	}
	_ = x.flush() // kept in x.err
	_ = x.body.Close()
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll() // as net/http
	}
	short := !x.head && x.length != unknown && hasBody(x.status) && x.length != x.written
	switch {
	case x.err != nil || short:
		return broken
	case x.last || x.body.left.Load() > 0:
		return final
	}
	return keep
}

// announced returns the trailer fields in the values of Trailer.
func announced(values []string) []string {
	var names []string
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			switch name {
			case "", "Transfer-Encoding", "Content-Length", "Trailer": // RFC 9110, section 6.5.1
			default:
				names = append(names, name)
			}
		}
	}
	return names
}

var _ interface {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
	io.StringWriter
} = (*exchange)(nil)
