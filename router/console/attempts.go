package console

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxAttempts is how many wrong tokens an address may try at once. After that it may try
	// one every attemptEvery.
	maxAttempts  = 20
	attemptEvery = 3 * time.Second
	// maxAddresses bounds the addresses that are told apart. The others share one count.
	maxAddresses = 1024
)

// attempts bounds how often tokens can be guessed. A wrong token that is repeated counts
// once: a program with an old token does not lock out others on its address.
type attempts struct {
	now func() time.Time

	mu sync.Mutex
	by map[netip.Prefix]*attempt
}

// An attempt has the wrong tokens from one address.
type attempt struct {
	free time.Time // when the address may try maxAttempts again
	last [sha256.Size]byte
}

// wait returns how long an address has to wait until its token is checked.
func (a *attempts) wait(from netip.Prefix) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.by[from]
	if one == nil && len(a.by) >= maxAddresses {
		one = a.by[netip.Prefix{}]
	}
	if one == nil {
		return 0
	}
	return max(one.free.Sub(a.now())-(maxAttempts-1)*attemptEvery, 0)
}

// failed counts a wrong token.
func (a *attempts) failed(from netip.Prefix, digest [sha256.Size]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.by[from] == nil && len(a.by) >= maxAddresses {
		for p, one := range a.by {
			if one.free.Before(now) {
				delete(a.by, p)
			}
		}
		if len(a.by) >= maxAddresses {
			from = netip.Prefix{}
		}
	}
	one := a.by[from]
	if one == nil {
		one = &attempt{}
		a.by[from] = one
	}
	if one.last == digest {
		return
	}
	one.last = digest
	if one.free.Before(now) {
		one.free = now
	}
	one.free = one.free.Add(attemptEvery)
}

// sender returns the address that a request comes from: an IPv4 address or an IPv6 network.
func sender(r *http.Request) netip.Prefix {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	ip := address.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, err := ip.Prefix(bits)
	if err != nil { // unreachable: the address has that many bits
		return netip.Prefix{}
	}
	return prefix
}
