package netlimit

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"souk/internal/linger"
)

// writeChunk is the number of bytes that a client must accept within WriteTimeout.
const writeChunk = 64 << 10

// A conn is a connection accepted by a Listener.
type conn struct {
	net.Conn
	stream   net.Conn // for reads and writes
	listener *Listener

	entered atomic.Int64 // state and its start; see enter
	writing atomic.Int64 // start of the current write in Unix nanoseconds, or 0
	two     [2][]byte    // of WriteTwo

	mu sync.Mutex
	// explicit is the deadline set by the server, or zero. armed is the time at
	// which the deadline for progress was last set.
	explicit, armed time.Time
}

// stateBits is the number of bits for the state in conn.entered. The other bits hold
// microseconds since 1970, so that both fit into one atomic word.
const stateBits = 3

// enter records a state and the current time.
func (c *conn) enter(s http.ConnState) {
	c.entered.Store(time.Now().UnixMicro()<<stateBits | int64(s))
}

func (c *conn) state() (http.ConnState, time.Time) {
	word := c.entered.Load()
	return http.ConnState(word & (1<<stateBits - 1)), time.UnixMicro(word >> stateBits)
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) { return c.stream.Read(b) }

// Write implements net.Conn. It fails if the client does not accept writeChunk bytes
// within WriteTimeout.
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
		n, err := c.stream.Write(part)
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
		now = time.Now()
	}
}

// WriteTwo writes two byte slices like Write, with a single system call if the second one is short
// and the client accepts all.
func (c *conn) WriteTwo(first, second []byte) (written int, err error) {
	timeout := c.listener.options.WriteTimeout
	now := time.Now()
	c.writing.Store(now.UnixNano())
	if timeout > 0 {
		err = c.arm(now, timeout)
	}
	part := second[:min(len(second), writeChunk)]
	if err == nil {
		var n int64
		c.two = [2][]byte{first, part}
		buffers := net.Buffers(c.two[:])
		n, err = buffers.WriteTo(c.Conn)
		c.two = [2][]byte{}
		written = int(n)
	}
	c.writing.Store(0)
	if err != nil || len(part) == len(second) {
		return written, err
	}
	n, err := c.Write(second[len(part):])
	return written + n, err
}

// SyscallConn implements syscall.Conn. It is for looking at the socket: reads and writes must go
// through the connection.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// NetConn returns the connection itself, as that of tls.Conn does.
func (c *conn) NetConn() net.Conn { return c.Conn }

// CloseWrite ends the server's direction of the connection. It only waits for its client then, so it
// may be closed to make room for others.
func (c *conn) CloseWrite() error {
	c.enter(http.StateIdle)
	return linger.CloseWrite(c.Conn)
}

// arm sets a write deadline for the timeout. Setting a deadline is more expensive than
// reading the clock, so arm keeps a deadline that was set recently.
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
