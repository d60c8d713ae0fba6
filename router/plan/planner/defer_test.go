package planner_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"souk/router/plan/planner"
)

// Deferring some selections never makes an operation impossible to plan.
func TestDeferredSelectionsHavePlans(t *testing.T) {
	planned, deferred := 0, 0
	for g := range randomGraphs(t, 2) {
		c := &testCase{model: g.model, planner: g.planner, subgraphs: subgraphs(t, g.sdl, g.model)}
		plan := func(text string) error {
			doc, err := g.schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.planner.Plan(doc.Operation(nil))
			if err == nil {
				check(t, c, p)
			}
			return err
		}
		for range 4 {
			text := g.query()
			if plan(text) != nil {
				continue // some fields cannot be fetched everywhere
			}
			planned++
			for range 4 {
				later := deferSome(g.r, text)
				if !strings.Contains(later, "@defer") {
					continue
				}
				deferred++
				if err := plan(later); err != nil {
					t.Errorf("graph %d: %v\n%s\n%s", g.seed, err, later, g.sdl)
				}
			}
		}
	}
	t.Logf("planned %d operations, and %d that defer some of their selections", planned, deferred)
	if deferred < planned {
		t.Errorf("planned %d operations, but only %d that defer something", planned, deferred)
	}
}

// Deferring some selections never makes the initial payload wait for more than it would without them.
func TestInitialPayloadsWaitForNothingElse(t *testing.T) {
	var c tally
	for g := range randomGraphs(t, 5) {
		for range 8 {
			text := deferSome(g.r, g.query())
			if !strings.Contains(text, "@defer") {
				continue
			}
			doc, err := g.schema.Parse(text, "")
			if err != nil {
				t.Fatal(err)
			}
			op := doc.Operation(nil)
			got, x, err := g.planner.Explain(op)
			if err != nil {
				continue // some fields cannot be fetched everywhere
			}
			alone := *op
			if alone.Selections = withoutDeferred(op.Selections); len(alone.Selections) == 0 {
				continue
			}
			_, want, err := g.planner.Explain(&alone)
			if err != nil {
				t.Errorf("graph %d: %s has a plan, and none without its deferred selections: %v\n%s", g.seed, text, err, g.sdl)
				continue
			}
			c.planned++
			if x.Search == planner.Incomplete || want.Search == planner.Incomplete {
				c.incomplete++
				continue
			}
			if made := cost(got); made.InitialRequests != want.Chosen.Requests || made.InitialLevels != want.Chosen.Levels {
				t.Errorf("graph %d: %s: the plan costs %+v, and without its deferred selections %+v\n%s", g.seed, text, made, want.Chosen, g.sdl)
			}
		}
	}
	t.Logf("planned %d operations, the search was incomplete for %d", c.planned, c.incomplete)
	if c.planned == 0 || c.incomplete > c.planned/50 {
		t.Errorf("planned %d operations, the search was incomplete for %d", c.planned, c.incomplete)
	}
}

// deferSome defers some of the selections of a query that randomQuery returns, each with
// what is below it.
func deferSome(r *rand.Rand, query string) string {
	words := strings.Fields(strings.NewReplacer("{", " { ", "}", " } ").Replace(query))
	var b strings.Builder
	var open []bool // by selection set: whether its selection is deferred
	wrap := false
	for i, word := range words {
		switch {
		case word == "{":
			open = append(open, wrap)
			wrap = false
		case word == "}":
			last := len(open) - 1
			if b.WriteString(" }"); open[last] {
				b.WriteString(" }")
			}
			open = open[:last]
			continue
		case word == "on", words[max(i-1, 0)] == "on", len(open) == 0: // of a fragment, or the keyword query
		case r.IntN(4) == 0:
			b.WriteString(" ... @defer {")
			wrap = true
		}
		b.WriteString(" " + word)
		if wrap && word != "{" && word != "..." && word != "on" && (i+1 == len(words) || words[i+1] != "{" && words[i+1] != "on") {
			b.WriteString(" }")
			wrap = false
		}
	}
	return b.String()
}
