package subgraph

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// A conn is a connection to a subgraph. It serves one request at a time.
type conn struct {
	net.Conn
	// raw is the socket below Conn; nil if Conn does not tell. Such a
	// connection cannot be checked between two requests, so it serves only one.
	raw syscall.RawConn
	r   *bufio.Reader
	// used is set once the connection has served a request.
	used bool
	// idle is when the last request ended.
	idle time.Time
	// retires is when the connection takes no more requests; zero for never.
	retires time.Time
	first   firstWrite
	// trailer is set while a trailer section is read.
	trailer bool
	// wholeHeader keeps all fields of a response's header.
	wholeHeader bool
}

// A firstWrite is the state of conn.begin. It is kept with the connection so
// that a request allocates nothing for it.
type firstWrite struct {
	b   []byte
	n   int
	err error
	run func(fd uintptr) (done bool)
}

// connBuffer is the size of the buffer that responses are read through.
const connBuffer = 16 << 10

func newConn(opened net.Conn) *conn {
	c := &conn{Conn: opened, r: bufio.NewReaderSize(opened, connBuffer)}
	if s, ok := opened.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	c.first.run = func(fd uintptr) bool {
		c.first.checked(fd)
		return true
	}
	return c
}

// errStale says that a connection was closed, or carried bytes, while no
// request was under way. Nothing has been sent, so any request may be sent on
// another connection.
var errStale = errors.New("the connection was closed or carried bytes while it was idle")

// errUnasked is the form of errStale for bytes that belong to no request.
var errUnasked = fmt.Errorf("%w: it has bytes that answer no request", errStale)

// begin starts a request: it makes certain that nothing can be read, and
// writes as much of b as the socket takes without waiting.
//
// What can be read before a request is sent answers no request: it is a late
// duplicate, a 408 about an idle connection, or the end of the connection. To
// take it for the answer to this request would hand one caller's data to
// another. The check and the write are consecutive system calls without a
// point between them where another goroutine could run, so nothing but bytes
// that are on the wire at that very moment can go unnoticed. HTTP/1.1 has no
// means against those; HTTP/2 has.
func (c *conn) begin(b []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	c.first.b, c.first.n, c.first.err = b, 0, nil
	err := c.raw.Write(c.first.run)
	c.first.b = nil
	if err == nil {
		err = c.first.err
	}
	return c.first.n, err
}

// checked is one write of what the socket takes, if nothing can be read.
func (f *firstWrite) checked(fd uintptr) {
	if f.err = quiet(fd); f.err != nil {
		return
	}
	for {
		n, err := syscall.Write(int(fd), f.b)
		switch {
		case err == nil:
			f.n = n
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EAGAIN):
			f.err = fmt.Errorf("%w: %w", errStale, err)
		}
		return
	}
}

// quiet gives errStale if a socket has anything to read, or has ended.
func quiet(fd uintptr) error {
	for {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errStale, err)
		case n > 0:
			return errUnasked
		default:
			return errStale
		}
	}
}

// stale says whether an idle connection can serve no further request.
func (c *conn) stale(now time.Time) bool {
	if !c.retires.IsZero() && !now.Before(c.retires) {
		return true
	}
	var found error
	err := c.raw.Control(func(fd uintptr) { found = quiet(fd) })
	return err != nil || found != nil
}

// abort makes all that waits for the connection fail at once.
func (c *conn) abort() { _ = c.SetDeadline(time.Unix(1, 0)) }
