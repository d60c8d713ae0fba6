package subgraph

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// A pool keeps the connections to one host.
type pool struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	maxIdle int
	timeout time.Duration
	// slots bounds the connections; nil for no bound.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*conn // the one used last at the end
	reaper *time.Timer
	closed bool
}

// A conn is a connection to a subgraph.
type conn struct {
	net.Conn
	r    *bufio.Reader
	used bool // it has served a request
	idle time.Time
}

func (p *pool) init(address string, s *Subgraph) {
	p.address, p.dial, p.maxIdle, p.timeout = address, s.Dial, s.MaxIdleConnections, s.IdleTimeout
	if s.MaxConnections > 0 {
		p.slots = make(chan struct{}, s.MaxConnections)
	}
}

// get takes an idle connection, or opens one. With sure it makes certain that
// an idle one was not closed by the other side.
func (p *pool) get(ctx context.Context, deadline time.Time, sure bool) (*conn, error) {
	if p.slots != nil {
		if err := p.wait(ctx, deadline); err != nil {
			return nil, err
		}
	}
	for {
		c := p.take()
		if c == nil {
			break
		}
		if !sure || c.alive() {
			return c, nil
		}
		_ = c.Close()
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	opened, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		p.free()
		return nil, err
	}
	return &conn{Conn: opened, r: bufio.NewReaderSize(opened, 16<<10)}, nil
}

// wait waits until there may be one connection more.
func (p *pool) wait(ctx context.Context, deadline time.Time) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) free() {
	if p.slots != nil {
		<-p.slots
	}
}

func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// put gives a connection back that can be used again.
func (p *pool) put(c *conn) {
	defer p.free()
	c.used, c.idle = true, time.Now()
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < p.maxIdle
	if keep {
		p.idle = append(p.idle, c)
		if p.reaper == nil {
			p.reaper = time.AfterFunc(p.timeout, p.reap)
		}
	}
	p.mu.Unlock()
	if !keep {
		_ = c.Close()
	}
}

// drop closes a connection.
func (p *pool) drop(c *conn) {
	_ = c.Close()
	p.free()
}

// reap closes the connections that have been idle for too long: those at the
// front.
func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	old := 0
	for old < len(p.idle) && now.Sub(p.idle[old].idle) >= p.timeout {
		_ = p.idle[old].Close()
		old++
	}
	n := copy(p.idle, p.idle[old:])
	clear(p.idle[n:])
	p.idle = p.idle[:n]
	if p.reaper = nil; n > 0 && !p.closed {
		p.reaper = time.AfterFunc(p.timeout-now.Sub(p.idle[0].idle), p.reap)
	}
}

// close closes the idle connections; those in use close when they are done.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
	if p.reaper != nil {
		p.reaper.Stop()
	}
}

// alive says whether nothing came over an idle connection: neither its end
// nor bytes that nobody asked for.
func (c *conn) alive() bool {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return true
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = control.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
