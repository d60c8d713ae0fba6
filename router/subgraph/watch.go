package subgraph

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptrace"
	"os"
	"sync"
	"syscall"
	"time"
)

// A watchedConn closes a gap in net/http. The read loop of net/http discards a connection
// with unsolicited bytes, but a request can take the connection from the pool after the bytes
// have arrived and before the read loop sees them. The bytes would then become the response
// to that request. On a reused HTTP/1.1 connection, a watchedConn lets a request be written
// only while the read loop is waiting and the socket has no bytes, and records whether that
// was so. conn.begin does the same for the direct client.
type watchedConn struct {
	net.Conn
	raw syscall.RawConn // nil if Conn has none; then no request is let through

	mu    sync.Mutex
	state watchState
	// waiting is set while the read loop waits for bytes. Then its buffer is empty.
	waiting bool
	waits   chan struct{} // receives a value when waiting is set
}

type watchState int

const (
	requested watchState = iota // a request has been written
	taken                       // a request has taken the connection but is not written yet
	refused                     // no request may be written any more
)

func watch(opened net.Conn) *watchedConn {
	return &watchedConn{Conn: opened, raw: socketOf(opened), waits: make(chan struct{}, 1)}
}

// Read reads from the socket. It holds the lock while bytes leave the socket, so that
// tryWrite sees them either in the socket or by the change of state.
func (c *watchedConn) Read(b []byte) (n int, err error) {
	if c.raw == nil || len(b) == 0 {
		return c.Conn.Read(b)
	}
	var failed error
	err = c.raw.Read(func(fd uintptr) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		var blocked bool
		if n, blocked, failed = readNow(fd, b); blocked {
			c.setWaiting()
			return false
		}
		c.waiting = false
		if c.state == taken {
			c.state = refused
		}
		return true
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, os.NewSyscallError("read", failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *watchedConn) setWaiting() {
	c.waiting = true
	select {
	case c.waits <- struct{}{}:
	default:
	}
}

// maxWatch bounds how long a write waits for the read loop to wait again, which normally
// takes microseconds.
const maxWatch = 50 * time.Millisecond

// Write writes b. If a request has just taken the connection, b begins that request, and the
// connection is checked first.
func (c *watchedConn) Write(b []byte) (int, error) {
	if c.is(requested) {
		return c.Conn.Write(b)
	}
	timer := time.NewTimer(maxWatch)
	defer timer.Stop()
	for {
		n, done, err := c.tryWrite(b)
		if err != nil {
			return 0, err
		}
		if done {
			if n == len(b) {
				return n, nil
			}
			rest, err := c.Conn.Write(b[n:])
			return n + rest, err
		}
		select {
		case <-c.waits:
		case <-timer.C:
			c.refuse()
		}
	}
}

// tryWrite checks the connection and writes, under the lock. done is false if the read loop
// is not waiting yet.
func (c *watchedConn) tryWrite(b []byte) (n int, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == refused || c.raw == nil:
		c.state = refused
		return 0, false, errStale
	case !c.waiting:
		return 0, false, nil
	}
	w := firstWrite{b: b}
	if err := c.raw.Control(w.checked); err != nil {
		w.err = err
	}
	if w.err != nil {
		c.state = refused
		return 0, false, w.err
	}
	c.state = requested
	return w.n, true, nil
}

// take is called when a request has taken the connection from the pool.
func (c *watchedConn) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == requested {
		c.state = taken
	}
}

func (c *watchedConn) is(state watchState) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == state
}

func (c *watchedConn) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = refused
}

// answers reports whether the request that took the connection was written before anything
// was read. If it was not, it never will be.
func (c *watchedConn) answers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != requested {
		c.state = refused
	}
	return c.state == requested
}

// A watchedRequest records the connection that a request took last.
type watchedRequest struct {
	mu        sync.Mutex
	conn      *watchedConn
	handshake handshakeWatch
}

// trace returns a context that records the connections of a request. HTTP/2 connections need
// no check, because each response there names its request.
func (r *watchedRequest) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeDone: r.handshake.done, GotConn: func(info httptrace.GotConnInfo) {
		opened := info.Conn
		if secure, ok := opened.(*tls.Conn); ok {
			if secure.ConnectionState().NegotiatedProtocol == "h2" {
				return
			}
			opened = secure.NetConn()
		}
		c, _ := opened.(*watchedConn)
		if c != nil && info.Reused {
			c.take()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.conn = c
	}})
}

// answers reports whether the received response answers the request.
func (r *watchedRequest) answers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn == nil || r.conn.answers()
}
