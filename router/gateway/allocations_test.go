//go:build !race

package gateway_test

import "testing"

// TestWarmRequestAllocatesLittle: all of a request but the network, from its
// headers to its answer (the race detector empties pools at random).
func TestWarmRequestAllocatesLittle(t *testing.T) {
	send := warm(t, `{"query":"query Hello($name: String) { hello(name: $name) }","variables":{"name":"x"}}`)
	if n := testing.AllocsPerRun(200, func() { send() }); n > 20 {
		t.Errorf("%v allocations", n)
	}
}
