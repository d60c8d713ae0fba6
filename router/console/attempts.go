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

// attempts bounds how often an address may send wrong tokens. A wrong token that is repeated
// counts once: a program with an old token gets 401, which says what to do.
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

// failed counts a wrong token, unless there were too many from its address: then it returns
// how long the address has to wait.
func (a *attempts) failed(from netip.Prefix, digest [sha256.Size]byte) time.Duration {
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
	if one.free.Before(now) {
		one.free = now
	}
	if wait := one.free.Sub(now) - (maxAttempts-1)*attemptEvery; wait > 0 {
		return wait
	}
	if one.last == digest {
		return 0
	}
	one.last = digest
	one.free = one.free.Add(attemptEvery)
	return 0
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
