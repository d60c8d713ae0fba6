package subgraph

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"souk/internal/lazydeadline"
	"souk/internal/rawsocket"
	"souk/router/execute"
)

// A conn is a connection to a subgraph. It serves one request at a time.
type conn struct {
	lazydeadline.Conn
	// raw is the socket of the connection. It is nil if that does not provide it. Such a
	// connection cannot be checked between requests, so it serves only one.
	raw syscall.RawConn
	r   *bufio.Reader
	// used is set once the connection has served a request.
	used bool
	// idle is when the last request ended.
	idle time.Time
	// retires is when the connection stops accepting requests. Zero means never.
	retires time.Time
	first   firstWrite
	// trailer is set while a trailer section is read.
	trailer bool
	// wholeHeader keeps all fields of a response header, for hooks.
	wholeHeader bool
}

// A firstWrite is the state of conn.begin. It is part of the connection so that a request
// does not allocate it.
type firstWrite struct {
	b   []byte
	n   int
	err error
	// request has b. It is released once the socket has accepted all of it.
	request *execute.Buffer
	// whole is set if nothing follows b. tried is set once it has been written as far as possible.
	whole, tried bool
	run          func(fd uintptr) (done bool)
}

// connBuffer is the size of the buffer that responses are read through.
const connBuffer = 16 << 10

func newConn(opened net.Conn) *conn {
	c := &conn{Conn: lazydeadline.Conn{Conn: opened}, raw: socketOf(opened)}
	if s := rawsocket.New(opened); s != nil {
		c.Conn.Conn = s
	}
	c.r = bufio.NewReaderSize(c, connBuffer)
	c.first.run = c.first.once
	return c
}

// errStale means that a connection was closed or received bytes while it was idle. The
// request has not been sent, so it is safe to send it on another connection, even if it is
// a mutation.
var errStale = errors.New("the connection was closed or received bytes while it was idle")

// errUnsolicited is errStale for bytes that belong to no request.
var errUnsolicited = fmt.Errorf("%w: unsolicited bytes", errStale)

// begin starts a request: it checks that nothing can be read, and writes as much as the socket
// accepts without blocking. It returns the number of bytes written, and releases the request if
// that is all of it. If that is also whole, it returns when something can be read.
//
// Bytes that arrive before a request is sent do not answer it: they are a late duplicate, a
// 408 for an idle connection, or the end of the connection. Taking them for the response
// could give one caller's data to another. The check and the write are consecutive system
// calls, so only bytes that arrive between the two go unnoticed. HTTP/1.1 cannot detect
// those; HTTP/2 can, because each response names its request.
//
// All this happens in one call of RawConn.Read. It makes the poller forget what has arrived before,
// of which the check finds that it is nothing, and then waits for what arrives later. So no
// response goes unnoticed, and no read comes too early, which would be another system call.
func (c *conn) begin(request *execute.Buffer, whole bool) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	f := &c.first
	f.b, f.n, f.err, f.request, f.whole, f.tried = request.B, 0, nil, request, whole, false
	err := c.raw.Read(f.run)
	for err != nil && !f.tried && errors.Is(err, os.ErrDeadlineExceeded) && c.Extend() {
		err = c.raw.Read(f.run)
	}
	f.b, f.request = nil, nil
	if f.tried {
		err = f.err // reading the response finds the others
	}
	return f.n, err
}

// once writes when it is called first. It reports whether there is nothing to wait for.
func (f *firstWrite) once(fd uintptr) bool {
	if f.tried {
		return true
	}
	f.tried = true
	f.checked(fd)
	if f.err != nil || f.n < len(f.b) {
		return true
	}
	f.request.Release() // others may use it while the subgraph works
	f.b, f.request = nil, nil
	return !f.whole
}

// checked performs one non-blocking write if nothing can be read.
func (f *firstWrite) checked(fd uintptr) {
	if f.err = quiet(fd); f.err != nil {
		return
	}
	n, err := writeNow(fd, f.b)
	if err != nil {
		f.err = fmt.Errorf("%w: %w", errStale, err)
		return
	}
	f.n = n
}

// stale reports whether an idle connection cannot serve another request.
func (c *conn) stale(now time.Time) bool {
	if !c.retires.IsZero() && !now.Before(c.retires) {
		return true
	}
	var found error
	err := c.raw.Control(func(fd uintptr) { found = quiet(fd) })
	return err != nil || found != nil
}

// writeUntil writes the rest of a request. The deadline ends with it.
func (c *conn) writeUntil(deadline time.Time, parts ...[]byte) error {
	err := c.SetWriteDeadline(deadline)
	for _, part := range parts {
		if err == nil && len(part) > 0 {
			_, err = c.Write(part)
		}
	}
	if err != nil {
		return err
	}
	return c.SetWriteDeadline(time.Time{})
}

// Cancelled implements lazycontext.Waiter.
func (c *conn) Cancelled() { c.Abort() }
