// Package netlimit limits the resources that clients can occupy with connections to an
// HTTP server: the number of connections, the rate at which each client opens them, and the
// time that a write makes no progress.
//
// net/http has deadlines only for whole responses, which a large response to a slow
// client exceeds, and no limit on connections. A listener that stops accepting at the
// limit, such as golang.org/x/net/netutil, lets idle connections lock out everyone
// else. This listener closes the connection that has been idle longest to make room
// for a new one. listener.go is the hub, pace.go limits the rate of each client, victims.go
// selects the connections to close, and conn.go watches writes.
package netlimit

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"souk/internal/rawsocket"
)

// Options configure a Listener.
type Options struct {
	// MaxConnections is the maximum number of open connections; 0 means no limit.
	MaxConnections int
	// ConnectionRate is the number of connections that one client may open per second,
	// over a period of a few seconds; 0 means no limit. A client is an IPv4 address or an
	// IPv6 /64 network.
	ConnectionRate int
	// Exempt, if not nil, reports whether ConnectionRate does not apply to an address, such
	// as that of a proxy, which opens connections for many clients.
	Exempt func(netip.Addr) bool
	// WriteTimeout is the time in which a client must accept the next 64 KiB of a
	// response; 0 means no limit.
	WriteTimeout time.Duration
	// Closed, if not nil, is called for each connection that is closed or refused
	// to enforce a limit, with the address of its client.
	Closed func(Reason, net.Addr)
}

// A Reason is the reason for closing a connection.
type Reason string

// The reasons.
const (
	// Idle: it was waiting for a request and made room for another connection.
	Idle Reason = "idle"
	// Refused: all other connections were busy.
	Refused Reason = "refused"
	// Rate: its client opened connections faster than ConnectionRate.
	Rate Reason = "rate"
	// Slow: it was closed by CloseSlowest, or a write made no progress and it made
	// room for another connection.
	Slow Reason = "slow"
)

// A Listener limits the connections of another listener. It is safe for concurrent use.
// Its method ConnState must be the ConnState hook of the http.Server.
type Listener struct {
	net.Listener
	options Options
	pacer   *pacer // nil without ConnectionRate

	accepting sync.Mutex // guards pacer

	mu      sync.Mutex
	conns   map[*conn]struct{}
	victims victims
}

// Wrap returns a Listener for l.
func Wrap(l net.Listener, o Options) *Listener {
	if o.Closed == nil {
		o.Closed = func(Reason, net.Addr) {}
	}
	return &Listener{Listener: l, options: o, pacer: newPacer(o.ConnectionRate, o.Exempt), conns: map[*conn]struct{}{}}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !l.allow(inner.RemoteAddr()) {
			// A reset, because closing in order leaves state in the kernel for a minute.
			if tcp, ok := inner.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = inner.Close()
			l.options.Closed(Rate, inner.RemoteAddr())
			continue
		}
		c := &conn{Conn: inner, stream: inner, listener: l}
		if s := rawsocket.New(inner); s != nil {
			c.stream = s
		}
		c.enter(http.StateNew)
		if l.admit(c) {
			return c, nil
		}
		_ = inner.Close()
		l.options.Closed(Refused, inner.RemoteAddr())
	}
}

// allow reports whether a client may open another connection now.
func (l *Listener) allow(peer net.Addr) bool {
	if l.pacer == nil {
		return true
	}
	l.accepting.Lock()
	defer l.accepting.Unlock()
	return l.pacer.allow(peer, time.Now())
}

// Len returns the number of open connections.
func (l *Listener) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// admit adds a connection if there is room or if it can close another one.
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
		l.options.Closed(reason, victim.RemoteAddr())
	}
	return !full || victim != nil
}

// ConnState records the state of connections; see http.Server.ConnState.
func (l *Listener) ConnState(c net.Conn, state http.ConnState) {
	own, ok := c.(*conn)
	if !ok {
		if wrapped, over := c.(interface{ NetConn() net.Conn }); over { // TLS
			own, ok = wrapped.NetConn().(*conn)
		}
	}
	if ok {
		own.enter(state)
	}
}

// minStall is the minimum duration of a write before its client counts as slow.
const minStall = 200 * time.Millisecond

// CloseSlowest closes the connection with the longest current write, which frees the
// memory of its response. It returns false if no client is slow.
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
	l.options.Closed(Slow, slowest.RemoteAddr())
	return true
}

// freshGrace is how long a shutdown waits for the first request of a connection at most. net/http
// waits a second longer.
const freshGrace = 5 * time.Second

// Shutdown shuts down a server that serves the listener. A connection without a request so far, such
// as one that a browser opens in advance, is closed after 5 seconds or half of the time that ctx
// leaves: it does not use up the time of requests, and its end is no error.
func (l *Listener) Shutdown(ctx context.Context, server interface {
	Shutdown(ctx context.Context) error
}) error {
	grace := freshGrace
	if deadline, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(deadline)/2)
	}
	timer := time.AfterFunc(grace, l.closeFresh)
	defer timer.Stop()
	return server.Shutdown(ctx)
}

// closeFresh closes the connections without a request so far.
func (l *Listener) closeFresh() {
	var fresh []*conn
	l.mu.Lock()
	for c := range l.conns {
		if state, _ := c.state(); state == http.StateNew {
			fresh = append(fresh, c)
		}
	}
	l.mu.Unlock()
	for _, c := range fresh {
		_ = c.Close()
	}
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
