// Package netlimit bounds what clients can hold of an HTTP server by its
// connections: how many there are, and how long a write may make no progress.
//
// net/http has deadlines for whole responses only, which a large response to a
// slow client does not keep, and no bound on connections. A limiting listener
// that merely stops accepting (golang.org/x/net/netutil) lets idle connections
// keep everybody else out; this one closes the connection that has been idle
// longest to make room for a new one.
package netlimit

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Options configure a Listener.
type Options struct {
	// MaxConnections is how many connections may be open; 0 for any number.
	MaxConnections int
	// WriteTimeout is how long a client may take to accept the next 64 KiB of a
	// response; 0 for ever.
	WriteTimeout time.Duration
	// Closed, unless nil, is called for each connection that is closed or refused
	// to keep a bound.
	Closed func(Reason)
}

// A Reason says why a connection was closed.
type Reason string

// The reasons.
const (
	// Idle: closed while it waited for a request, to make room for another.
	Idle Reason = "idle"
	// Refused: all others were busy.
	Refused Reason = "refused"
	// Slow: closed by CloseSlowest, or while a write made no progress, to make room
	// for another connection.
	Slow Reason = "slow"
)

// A Listener bounds the connections of another listener. It is safe for
// concurrent use. Its ConnState must be that of the http.Server.
type Listener struct {
	net.Listener
	options Options

	mu      sync.Mutex
	conns   map[*conn]struct{}
	victims victims
}

// Wrap makes a Listener.
func Wrap(l net.Listener, o Options) *Listener {
	if o.Closed == nil {
		o.Closed = func(Reason) {}
	}
	return &Listener{Listener: l, options: o, conns: map[*conn]struct{}{}}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: inner, listener: l}
		c.enter(http.StateNew)
		if l.admit(c) {
			return c, nil
		}
		_ = inner.Close()
		l.options.Closed(Refused)
	}
}

// Len is the number of open connections.
func (l *Listener) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// admit counts a connection in, closing another one if there are too many.
func (l *Listener) admit(c *conn) bool {
	l.mu.Lock()
	var victim *conn
	var reason Reason
	full := l.options.MaxConnections > 0 && len(l.conns) >= l.options.MaxConnections
	if full {
		if victim, reason = l.victims.next(l.conns); victim != nil {
			delete(l.conns, victim)
		}
	}
	if !full || victim != nil {
		l.conns[c] = struct{}{}
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Conn.Close()
		l.options.Closed(reason)
	}
	return !full || victim != nil
}

// ConnState follows the state of the connections; see http.Server.ConnState.
func (l *Listener) ConnState(c net.Conn, state http.ConnState) {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = wrapped.NetConn()
	}
	if c, ok := c.(*conn); ok {
		c.enter(state)
	}
}

// minStall is how long a write has to be under way for its client to be slow.
const minStall = 200 * time.Millisecond

// CloseSlowest closes the connection whose write has been under way longest,
// which frees the response it waits with. It reports false if none is slow.
func (l *Listener) CloseSlowest() bool {
	l.mu.Lock()
	var slowest *conn
	var begun int64
	for c := range l.conns {
		if at := c.writing.Load(); at != 0 && (slowest == nil || at < begun) {
			slowest, begun = c, at
		}
	}
	l.mu.Unlock()
	if slowest == nil || time.Since(time.Unix(0, begun)) < minStall {
		return false
	}
	_ = slowest.Close()
	l.options.Closed(Slow)
	return true
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
