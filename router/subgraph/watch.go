package subgraph

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"os"
	"sync"
	"syscall"
	"time"
)

// A watchedConn closes a gap in net/http. Its reader notices bytes that nobody
// asked for, but a request can take the connection from the pool after they
// arrived and before the reader has looked at them; they would become its
// answer. For HTTP/1.1, a watchedConn lets a request on a reused connection be
// written only while the reader waits for bytes and there are none, and tells
// whether it was: conn.begin does the same for the router's own client.
type watchedConn struct {
	net.Conn
	raw syscall.RawConn // nil if Conn has none: no request is let through

	mu    sync.Mutex
	state watchState
	// waiting is set while the reader waits for bytes. Then it holds none in a
	// buffer, either.
	waiting bool
	waits   chan struct{} // gets a value when waiting is set
}

type watchState int

const (
	asked   watchState = iota // a request is under way, or was
	taken                     // a request has taken the connection, and is not written
	refused                   // it is not let through, nor is any other
)

func watch(opened net.Conn) *watchedConn {
	c := &watchedConn{Conn: opened, waits: make(chan struct{}, 1)}
	if s, ok := opened.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

// Read reads what there is. Bytes leave the socket under the lock, so that
// they are seen either there or by the change of state.
func (c *watchedConn) Read(b []byte) (n int, err error) {
	if c.raw == nil || len(b) == 0 {
		return c.Conn.Read(b)
	}
	var failed error
	err = c.raw.Read(func(fd uintptr) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for {
			n, failed = syscall.Read(int(fd), b)
			if !errors.Is(failed, syscall.EINTR) {
				break
			}
		}
		if errors.Is(failed, syscall.EAGAIN) {
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

// maxWatch bounds the wait for the reader, which has only to come round.
const maxWatch = 50 * time.Millisecond

// Write writes b, which begins a request if one has taken the connection.
func (c *watchedConn) Write(b []byte) (int, error) {
	if c.is(asked) {
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

// tryWrite checks the connection and writes in one step. It gives done = false
// if the reader is still to come round.
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
	c.state = asked
	return w.n, true, nil
}

// take is called when a request has taken the connection from the pool.
func (c *watchedConn) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == asked {
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

// answers says whether the request that took the connection was written before
// anything was read. If not, it will not be.
func (c *watchedConn) answers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != asked {
		c.state = refused
	}
	return c.state == asked
}

// A watchedRequest remembers the connection that a request took last.
type watchedRequest struct {
	mu        sync.Mutex
	conn      *watchedConn
	handshake handshakeWatch
}

// trace makes a request watch the connections it takes. Those of HTTP/2 need
// none of it: each answer there names its request.
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

// answers says whether what came over the connection answers the request.
func (r *watchedRequest) answers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn == nil || r.conn.answers()
}
