//go:build !race

package planner_test

import (
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
		text          string
		plan, compile float64
	}{
		{text: "{ users { id name } topProducts { upc name price reviews { id body } } }", plan: 55, compile: 55},
		{text: c.files["benchmark.graphql"], plan: 900, compile: 220},
	} {
		op := c.operation(t, o.text)
		p, err := c.planner.Plan(op)
		if err != nil {
			t.Fatal(err)
		}
		executor := execute.New(execute.Options{})
		plan := testing.AllocsPerRun(100, func() { _, _ = c.planner.Plan(op) })
		compile := testing.AllocsPerRun(100, func() { _, _ = executor.Compile(p) })
		if t.Logf("%v and %v allocations", plan, compile); plan > o.plan || compile > o.compile {
			t.Errorf("planning makes %v allocations and compiling %v, at most %v and %v are allowed", plan, compile, o.plan, o.compile)
		}
	}
}
