// Package lazydeadline sets the read deadlines of connections only when they are needed. conn.go has
// all of it.
package lazydeadline

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// A Conn is a connection with a new read deadline for each request. Setting one on a socket is dear
// compared with a request, and nearly all pass unused. So a deadline that is set on the socket
// already stays if it is not later than the one that is wanted. When it strikes early, the next one
// is set and the read repeated.
type Conn struct {
	net.Conn

	mu      sync.Mutex
	wanted  time.Time // zero for none
	armed   time.Time // on the socket; zero for none
	aborted bool
}

// SetReadDeadline implements net.Conn. It may be called while a read is in progress.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return nil
	}
	c.wanted = t
	if t.IsZero() || !c.armed.IsZero() && !c.armed.After(t) {
		return nil
	}
	return c.arm()
}

// arm sets the wanted deadline on the socket. The caller holds c.mu.
func (c *Conn) arm() error {
	c.armed = c.wanted
	return c.Conn.SetReadDeadline(c.armed)
}

// ReadDeadline returns the deadline that is wanted, or zero for none.
func (c *Conn) ReadDeadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wanted
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !c.Extend() {
			return n, err
		}
	}
}

// Extend reports whether a read that has exceeded its deadline is to be repeated, because that
// deadline was one of before. It sets the wanted one then.
func (c *Conn) Extend() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	early := c.armed.Before(c.wanted) && time.Now().Before(c.wanted)
	if c.wanted.IsZero() {
		early = !c.armed.IsZero()
	}
	return early && !c.aborted && c.arm() == nil
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// Abort makes all reads and writes fail, also those in progress, and ignores later deadlines.
func (c *Conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	_ = c.SetDeadline(time.Unix(1, 0))
}
