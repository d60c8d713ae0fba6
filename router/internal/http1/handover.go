package http1

import (
	"net"
	"sync"
	"time"

	"souk/internal/linger"
)

// A feed is a listener whose connections come from this package.
type feed struct {
	address net.Addr
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newFeed(address net.Addr) *feed {
	return &feed{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (f *feed) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// Addr implements net.Listener.
func (f *feed) Addr() net.Addr { return f.address }

// give passes a connection on. It reports false if nobody accepts any more.
func (f *feed) give(c net.Conn) bool {
	select {
	case f.conns <- c:
		return true
	case <-f.closed:
		return false
	}
}

// A replayed connection returns bytes that have been read from it once more.
type replayed struct {
	net.Conn
	first   []byte
	framing framing
}

// Read implements net.Conn.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.first) == 0 {
		n, err := r.Conn.Read(p)
		r.framing.read(p[:n])
		return n, err
	}
	n := copy(p, r.first)
	r.framing.read(p[:n])
	if r.first = r.first[n:]; len(r.first) == 0 {
		r.first = nil
	}
	return n, nil
}

// NetConn returns the connection itself, as that of tls.Conn does.
func (r *replayed) NetConn() net.Conn { return r.Conn }

// CloseWrite ends the server's direction of the connection, as that of net.TCPConn does.
func (r *replayed) CloseWrite() error { return linger.CloseWrite(r.Conn) }

// handOver gives the connection to net/http with the bytes that no request has used.
func (c *conn) handOver() {
	first := c.buffer[c.start:c.end:c.end]
	c.buffer = nil
	c.release()
	_ = c.rwc.SetReadDeadline(time.Time{})
	to := c.server.feed
	if c.served {
		to = c.server.laterFeed
	}
	if !to.give(&replayed{Conn: c.rwc, first: first}) {
		_ = c.rwc.Close()
	}
}
