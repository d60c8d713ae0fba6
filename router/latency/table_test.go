package latency_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/latency"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// observe reports requests of one duration, one a second.
func observe(t *latency.Table, at time.Time, subgraph string, took time.Duration, requests int) time.Time {
	for range requests {
		at = at.Add(time.Second)
		t.Observe(subgraph, at, took)
	}
	return at
}

func TestEstimatesNeedSamples(t *testing.T) {
	table := latency.New()
	table.Measure([]string{"products"})
	at := observe(table, start, "products", 100*time.Millisecond, 19)
	observe(table, at, "unmeasured", time.Second, 100)
	if e := table.Estimates(); len(e.Of) != 0 {
		t.Fatalf("19 requests make the estimates %v", e)
	}
	observe(table, at, "products", 100*time.Millisecond, 10)
	e := table.Estimates()
	if got := e.Of["products"]; len(e.Of) != 1 || got < 80*time.Millisecond || got > 125*time.Millisecond {
		t.Errorf("requests of 100 ms make the estimates %v", e)
	}
}

func TestEstimatesChangeOnlyByMoreThanAStep(t *testing.T) {
	table := latency.New()
	table.Measure([]string{"products"})
	at := observe(table, start, "products", 100*time.Millisecond, 100)
	before := table.Estimates()
	for range 10 { // around the estimate, on both sides
		at = observe(table, at, "products", 85*time.Millisecond, 100)
		at = observe(table, at, "products", 130*time.Millisecond, 100)
	}
	if got := table.Estimates(); got != before {
		t.Errorf("small changes replaced %v by %v", before, got)
	}
	at = observe(table, at, "products", 300*time.Millisecond, 300)
	after := table.Estimates()
	if got := after.Of["products"]; after == before || got < 200*time.Millisecond || got > 400*time.Millisecond {
		t.Errorf("requests of 300 ms make the estimates %v", after)
	}
	observe(table, at, "products", 30*time.Second, 1)
	if got := table.Estimates(); got != after {
		t.Errorf("one slow request made the estimates %v", got)
	}
}

// TestEstimatesAreComparedAtIntervals changes latencies from one second to the next.
func TestEstimatesAreComparedAtIntervals(t *testing.T) {
	table := latency.New()
	table.Measure([]string{"products"})
	at, versions, last := start, 0, table.Estimates()
	for i := range 1000 {
		took := 10 * time.Millisecond
		if i%2 == 0 {
			took = 10 * time.Second
		}
		for range 100 {
			at = at.Add(10 * time.Millisecond)
			table.Observe("products", at, took)
		}
		if e := table.Estimates(); e != last {
			versions, last = versions+1, e
		}
	}
	if versions == 0 || versions > 200 {
		t.Errorf("the estimates changed %d times in 1000 s", versions)
	}
}

func TestEstimatesAreInherited(t *testing.T) {
	former := latency.New()
	former.Measure([]string{"products", "reviews"})
	at := observe(former, start, "products", 100*time.Millisecond, 100)
	at = observe(former, at, "reviews", 20*time.Millisecond, 100)
	table := latency.New()
	table.Measure([]string{"products", "users"})
	table.Inherit(former)
	got := table.Estimates()
	if len(got.Of) != 1 || got.Of["products"] != former.Estimates().Of["products"] {
		t.Errorf("got %v of %v", got, former.Estimates())
	}
	// The averages are inherited, too: one more request is enough for a change, not for a new
	// average.
	observe(table, at.Add(time.Minute), "products", 10*time.Second, 1)
	if after := table.Estimates(); after != got {
		t.Errorf("after one request %v", after)
	}
	table.Measure([]string{"users"})
	observe(table, at.Add(2*time.Minute), "users", 50*time.Millisecond, 100)
	if after := table.Estimates(); len(after.Of) != 1 || after.Of["users"] == 0 {
		t.Errorf("forgotten subgraphs remain: %v", after)
	}
}

// TestEstimatesFollow compares the estimate with any steady latency.
func TestEstimatesFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := latency.New()
		table.Measure([]string{"products"})
		at := start
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			took := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Minute)).Draw(t, "latency"))
			at = observe(table, at, "products", took, 500)
			got := table.Estimates().Of["products"].Seconds() / took.Seconds()
			if got < 1/1.51 || got > 1.51 {
				t.Fatalf("latency %v is estimated as %v", took, table.Estimates().Of["products"])
			}
		}
	})
}

func TestObserveDoesNotAllocate(t *testing.T) {
	table := latency.New()
	table.Measure([]string{"products"})
	at := observe(table, start, "products", 100*time.Millisecond, 100)
	if n := testing.AllocsPerRun(100, func() { table.Observe("products", at, 100*time.Millisecond) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	table := latency.New()
	table.Measure([]string{"products"})
	for b.Loop() {
		table.Observe("products", start, 100*time.Millisecond)
	}
}
