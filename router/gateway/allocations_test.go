//go:build !race

package gateway_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// The bound covers a whole request except the network, from its headers to its
// response. The race detector empties pools at random.
func TestWarmRequestAllocatesLittle(t *testing.T) {
	send := warm(t, `{"query":"query Hello($name: String) { hello(name: $name) }","variables":{"name":"x"}}`)
	if n := testing.AllocsPerRun(200, func() { send() }); n > 14 {
		t.Errorf("a warm request makes %v allocations", n)
	}
}

// Latencies cost an operation nothing that could not be planned in another way.
func TestWeighingLatencyAllocatesNothing(t *testing.T) {
	const body = `{"query":"query Hello($name: String) { hello(name: $name) }","variables":{"name":"x"}}`
	o := gateway.Options{Supergraph: sdl, Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil }}
	c := config.Default()
	without := warmWith(t, c, o, body)
	c.QueryPlanner.WeighLatency = true
	with := warmWith(t, c, o, body)
	if a, b := testing.AllocsPerRun(200, func() { without() }), testing.AllocsPerRun(200, func() { with() }); b > a {
		t.Errorf("a warm request makes %v allocations, and %v without latencies", b, a)
	}
}

// What demand control adds does not depend on the size of the response.
func TestDemandControlAllocatesLittle(t *testing.T) {
	allocations := make([]float64, len(demandModes))
	for i, m := range demandModes {
		send := warmCosts(t, 200, "page: {first: $first}, ids: [1, 2, 3]", m.change)
		allocations[i] = testing.AllocsPerRun(200, func() { send() })
		if more := allocations[i] - allocations[0]; more > 6 {
			t.Errorf("%s: a warm request makes %v allocations more than without demand control", m.name, more)
		}
	}
	t.Logf("allocations: %v", allocations)
}

// An operation that differs from earlier ones in literals costs little more than one that has been
// there before, and one that differs in a name is bounded, too.
func TestColdRequestsAllocateLittle(t *testing.T) {
	for name, c := range map[string]struct {
		body func(int) string
		most float64
	}{"literals": {alike, 45}, "distinct": {distinct, 83}} {
		send := cold(t, c.body)
		for range 3 {
			send()
		}
		n := testing.AllocsPerRun(200, send)
		if t.Logf("%s: %v allocations", name, n); n > c.most {
			t.Errorf("%s: a request makes %v allocations, at most %v are allowed", name, n, c.most)
		}
	}
}

// What a cold operation takes until it can be executed is mostly its program, which is kept.
func TestColdStagesTakeLittleMemory(t *testing.T) {
	const most = 6800
	run := coldStages(t, benchSupergraph(t), coldDistinct)
	all := func() {
		for _, stage := range run {
			if err := stage.run(); err != nil {
				t.Fatal(err)
			}
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // pools keep what later operations use again
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))  // of which each processor has its own
	for range 20 {
		all()
	}
	const times = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		all()
	}
	runtime.ReadMemStats(&after)
	allocations, bytes := (after.Mallocs-before.Mallocs)/times, (after.TotalAlloc-before.TotalAlloc)/times
	if t.Logf("%d allocations, %d bytes", allocations, bytes); allocations > 33 || bytes > most {
		t.Errorf("parsing, planning and compiling make %d allocations of %d bytes, at most 33 of %d are allowed", allocations, bytes, most)
	}
}
