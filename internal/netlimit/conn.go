package netlimit

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// writeChunk is how much a client has to accept within the write timeout.
const writeChunk = 64 << 10

// A conn is a connection of a Listener.
type conn struct {
	net.Conn
	listener *Listener

	entered atomic.Int64 // its state and since when: see enter
	writing atomic.Int64 // when the write under way began, in Unix nanoseconds, or 0

	mu sync.Mutex
	// explicit is the deadline that the server has set, zero for none; armed is
	// when the one for progress was last set.
	explicit, armed time.Time
}

// A state and the microseconds since 1970 fit into one word together.
const stateBits = 3

func (c *conn) enter(s http.ConnState) {
	c.entered.Store(time.Now().UnixMicro()<<stateBits | int64(s))
}

func (c *conn) state() (http.ConnState, time.Time) {
	word := c.entered.Load()
	return http.ConnState(word & (1<<stateBits - 1)), time.UnixMicro(word >> stateBits)
}

func (c *conn) since() time.Time {
	_, since := c.state()
	return since
}

// Write fails when the client does not accept a part of b in time.
func (c *conn) Write(b []byte) (written int, err error) {
	timeout := c.listener.options.WriteTimeout
	now := time.Now()
	c.writing.Store(now.UnixNano())
	defer c.writing.Store(0)
	for {
		if timeout > 0 {
			if err := c.arm(now, timeout); err != nil {
				return written, err
			}
		}
		part := b[written:min(len(b), written+writeChunk)]
		n, err := c.Conn.Write(part)
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
		now = time.Now()
	}
}

// arm makes a write fail that takes longer than the timeout. Deadlines cost more
// than looking at the clock, so one that was set just now will do.
func (c *conn) arm(now time.Time, timeout time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline := now.Add(timeout)
	if !c.explicit.IsZero() && c.explicit.Before(deadline) || now.Sub(c.armed) < timeout/8 {
		return nil
	}
	c.armed = now
	return c.Conn.SetWriteDeadline(deadline)
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.explicit, c.armed = t, time.Time{}
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.explicit, c.armed = t, time.Time{}
	return c.Conn.SetDeadline(t)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.listener.forget(c)
	return c.Conn.Close()
}
