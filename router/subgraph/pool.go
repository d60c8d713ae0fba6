package subgraph

import (
	"context"
	"net"
	"sync"
	"time"
)

// A pool holds the connections to one host.
type pool struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	maxIdle int
	timeout time.Duration // of idle connections
	// lifetime returns how long a new connection accepts requests. 0 means no bound.
	lifetime func() time.Duration
	// slots has an element for each connection in use. It is nil without a bound.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*conn // the most recently used is last
	reaper *time.Timer
	closed bool
}

// reapInterval is the maximum time between checks of idle connections. It bounds how long
// a connection is kept after the subgraph has closed it.
const reapInterval = 5 * time.Second

func (p *pool) init(address string, s *Subgraph, jitter func() float64) {
	p.address, p.dial, p.maxIdle, p.timeout = address, s.Dial, s.MaxIdleConnections, s.IdleTimeout
	p.lifetime = func() time.Duration { return lifetime(s.MaxConnectionAge, jitter) }
	if s.MaxConnections > 0 {
		p.slots = make(chan struct{}, s.MaxConnections)
	}
}

// lifetime returns a random lifetime between 80 and 100 percent of age, so that connections
// that were opened together do not all retire together.
func lifetime(age time.Duration, jitter func() float64) time.Duration {
	return age - time.Duration(jitter()*float64(age/5))
}

// get returns an idle connection or opens one. The subgraph may have closed an idle one;
// conn.begin detects that.
func (p *pool) get(ctx context.Context, deadline time.Time) (*conn, error) {
	if p.slots != nil {
		if err := p.wait(ctx, deadline); err != nil {
			return nil, err
		}
	}
	if c := p.take(); c != nil {
		return c, nil
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	opened, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		p.free()
		return nil, err
	}
	c := newConn(opened)
	if d := p.lifetime(); d > 0 {
		c.retires = time.Now().Add(d)
	}
	return c, nil
}

// wait waits for a slot, until the deadline.
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

// take returns the most recently used idle connection that has not retired, or nil. It
// closes those that have.
func (p *pool) take() *conn {
	now := time.Now() // not while others wait
	p.mu.Lock()
	defer p.mu.Unlock()
	for last := len(p.idle) - 1; last >= 0; last-- {
		c := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		if c.retires.IsZero() || now.Before(c.retires) {
			return c
		}
		_ = c.Close()
	}
	return nil
}

// put returns a reusable connection to the pool.
func (p *pool) put(c *conn) {
	defer p.free()
	now := time.Now()
	c.used, c.idle = true, now
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < p.maxIdle && c.raw != nil && (c.retires.IsZero() || now.Before(c.retires))
	if keep {
		p.idle = append(p.idle, c)
		if p.reaper == nil {
			p.reaper = time.AfterFunc(min(p.timeout, reapInterval), p.reap)
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

// reap closes idle connections that have timed out, have retired, were closed by the
// subgraph or have received unsolicited bytes.
func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	kept := p.idle[:0]
	for _, c := range p.idle {
		if now.Sub(c.idle) >= p.timeout || c.stale(now) {
			_ = c.Close()
		} else {
			kept = append(kept, c)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	if p.reaper = nil; len(kept) > 0 && !p.closed {
		oldest := p.timeout - now.Sub(kept[0].idle)
		p.reaper = time.AfterFunc(min(oldest, reapInterval), p.reap)
	}
}

// close closes the idle connections. Those in use close when their requests end.
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
