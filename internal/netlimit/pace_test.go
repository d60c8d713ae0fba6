package netlimit

import (
	"fmt"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func peer(address string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(address), Port: 1} }

// TestClientsKeepToTheConnectionRate checks that a client opens at most burst + rate * time
// connections, and as many as that if it tries to.
func TestClientsKeepToTheConnectionRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 1000).Draw(t, "rate")
		p, now := newPacer(rate, nil), time.Unix(1e9, 0)
		start, opened := now, 0
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "pause")))
			for range rapid.IntRange(0, 500).Draw(t, "attempts") {
				if p.allow(peer("192.0.2.1"), now) {
					opened++
				}
			}
			if most := float64(rate) * (burstSeconds + now.Sub(start).Seconds()); float64(opened) > most+1 {
				t.Fatalf("%d connections are open after %v; at most %.1f are allowed", opened, now.Sub(start), most)
			}
		}
		// A client that waits has its whole allowance again.
		now, opened = now.Add(burstSeconds*time.Second), 0
		for p.allow(peer("192.0.2.1"), now) {
			opened++
		}
		if want := burstSeconds * rate; opened < want-1 || opened > want+1 {
			t.Errorf("a client that has waited opens %d connections at once, want %d", opened, want)
		}
	})
}

func TestClientsAreToldApartByNetwork(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		same                bool
	}{
		{name: "one IPv4 address", first: "192.0.2.1", second: "192.0.2.1", same: true},
		{name: "two IPv4 addresses", first: "192.0.2.1", second: "192.0.2.2"},
		{name: "one IPv6 network", first: "2001:db8::1", second: "2001:db8::ffff:2", same: true},
		{name: "two IPv6 networks", first: "2001:db8:0:1::1", second: "2001:db8:0:2::1"},
		{name: "an IPv4 address in IPv6", first: "192.0.2.1", second: "::ffff:192.0.2.1", same: true},
	} {
		p, now := newPacer(1, nil), time.Unix(1e9, 0)
		for p.allow(peer(c.first), now) {
		}
		if allowed := p.allow(peer(c.second), now); allowed == c.same {
			t.Errorf("%s: the second connection is allowed = %v", c.name, allowed)
		}
	}
}

// TestRememberedClientsAreBounded checks that clients with many addresses use a bounded
// amount of memory, and that clients are remembered again once others are forgotten.
func TestRememberedClientsAreBounded(t *testing.T) {
	p, now := newPacer(1, nil), time.Unix(1e9, 0)
	for i := range 3 * maxClients {
		p.allow(peer(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)), now)
	}
	if n := len(p.whole); n > maxClients {
		t.Errorf("%d clients are remembered, at most %d may be", n, maxClients)
	}
	now = now.Add(time.Minute)
	for p.allow(peer("192.0.2.1"), now) {
		if len(p.whole) > maxClients {
			t.Fatal("more clients are remembered than may be")
		}
	}
}
