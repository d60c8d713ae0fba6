//go:build !race

package planner_test

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/execute"
)

// Most of what planning needs is memory of earlier plannings. The race detector empties pools at
// random.
func TestPlanningAllocatesLittle(t *testing.T) {
	archive, err := txtar.ParseFile("../testdata/benchmark.txtar")
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, archive)
	for _, o := range []struct {
		text                 string
		plan, draft, compile float64
	}{
		{text: "{ users { id name } topProducts { upc name price reviews { id body } } }", plan: 50, draft: 6, compile: 20},
		{text: c.files["benchmark.graphql"], plan: 660, draft: 420, compile: 72},
	} {
		op := c.operation(t, o.text)
		p, err := c.planner.Plan(op)
		if err != nil {
			t.Fatal(err)
		}
		executor := execute.New(execute.Options{})
		plan := testing.AllocsPerRun(100, func() { _, _ = c.planner.Plan(op) })
		draft := testing.AllocsPerRun(100, func() {
			if d, err := c.planner.Draft(op); err == nil {
				d.Release()
			}
		})
		compile := testing.AllocsPerRun(100, func() { _, _ = executor.Compile(p) })
		if t.Logf("%v, %v and %v allocations", plan, draft, compile); plan > o.plan || draft > o.draft || compile > o.compile {
			t.Errorf("planning makes %v allocations, a draft %v and compiling %v; at most %v, %v and %v are allowed", plan, draft, compile, o.plan, o.draft, o.compile)
		}
	}
}

// Operations that are large need no new memory either, as long as they follow each other.
func TestLargePlanningsUseMemoryAgain(t *testing.T) {
	c, op := largeOperation(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the garbage collector empties pools
	least := uint64(math.MaxUint64)
	for range 5 { // a goroutine may move to another processor, whose pool is empty
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := c.planner.Plan(op); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if most := uint64(10 << 20); least > most {
		t.Errorf("planning allocates %d bytes, at most %d are allowed", least, most)
	}
}
