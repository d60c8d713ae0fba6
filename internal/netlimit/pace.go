package netlimit

import (
	"net"
	"net/netip"
	"time"
)

const (
	// burstSeconds is how many seconds' worth of new connections a client may open at once.
	burstSeconds = 4
	// maxClients bounds the number of client addresses that a pacer remembers, about 64
	// bytes each. While that many clients are at their limits, further ones are not paced;
	// MaxConnections still applies to them.
	maxClients = 8192
	// sweepEvery is the minimum time between two searches for clients to forget.
	sweepEvery = 100 * time.Millisecond
)

// A pacer limits the rate at which each client opens connections, by the generic cell rate
// algorithm (ITU-T I.371). It is not safe for concurrent use.
//
// For each client it keeps the time at which the client's allowance is whole again. Each
// connection moves that time by one interval, and it may be at most burst ahead.
type pacer struct {
	interval, burst time.Duration
	exempt          func(netip.Addr) bool
	whole           map[netip.Addr]time.Time
	swept           time.Time
}

// newPacer returns a pacer for a number of connections per second, or nil if it is 0.
func newPacer(rate int, exempt func(netip.Addr) bool) *pacer {
	if rate <= 0 {
		return nil
	}
	interval := time.Second / time.Duration(rate)
	return &pacer{interval: interval, burst: burstSeconds * time.Second, exempt: exempt, whole: map[netip.Addr]time.Time{}}
}

// allow reports whether a client may open another connection now.
func (p *pacer) allow(peer net.Addr, now time.Time) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return true // a Unix socket: the clients are on this machine
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	if p.exempt != nil && p.exempt(address) {
		return true
	}
	client := network(address)
	whole, known := p.whole[client]
	if whole.Before(now) {
		whole = now
	}
	if whole = whole.Add(p.interval); whole.Sub(now) > p.burst {
		return false
	}
	if known || len(p.whole) < maxClients || p.sweep(now) {
		p.whole[client] = whole
	}
	return true
}

// sweep forgets the clients whose allowances are whole. It reports whether there is room for
// another client.
func (p *pacer) sweep(now time.Time) bool {
	if now.Sub(p.swept) < sweepEvery {
		return false
	}
	p.swept = now
	for client, whole := range p.whole {
		if !whole.After(now) {
			delete(p.whole, client)
		}
	}
	return len(p.whole) < maxClients
}

// network returns what identifies a client: its IPv4 address, or the /64 network of its IPv6
// address, because a client can choose any address in that (RFC 4291, section 2.5.1).
func network(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}
