//go:build !race

package gateway_test

import "testing"

// The bound covers a whole request except the network, from its headers to its
// response. The race detector empties pools at random.
func TestWarmRequestAllocatesLittle(t *testing.T) {
	send := warm(t, `{"query":"query Hello($name: String) { hello(name: $name) }","variables":{"name":"x"}}`)
	if n := testing.AllocsPerRun(200, func() { send() }); n > 20 {
		t.Errorf("a warm request makes %v allocations", n)
	}
}
