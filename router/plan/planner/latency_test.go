package planner_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
)

// took simulates a plan: when its last fetch ends, and the number of its requests, if each
// subgraph has a latency and fallbacks have nothing to send.
func took(p *plan.Plan, l planner.Latencies) (total time.Duration, requests int) {
	ends := make([]time.Duration, len(p.Fetches))
	for i, f := range p.Fetches {
		for _, d := range f.DependsOn {
			ends[i] = max(ends[i], ends[d])
		}
		if f.FallbackFor != nil {
			continue
		}
		requests++
		if f.Kind != plan.SubscriptionFetch {
			ends[i] += l[f.Subgraph]
		}
		total = max(total, ends[i])
	}
	return total, requests
}

// TestPlansByLatencyAreSound plans random operations on the supergraph of every case with
// random latencies.
func TestPlansByLatencyAreSound(t *testing.T) {
	divided := 0
	onRandomOperations(t, func(rt *rapid.T, c *testCase, text string, op *operation.Operation) {
		equal, different := planner.Latencies{}, planner.Latencies{}
		for _, s := range c.model.Subgraphs {
			equal[s.Name] = 100 * time.Millisecond
			different[s.Name] = rapid.SampledFrom([]time.Duration{time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second}).Draw(rt, s.Name)
		}
		usual, err := c.planner.Plan(op)
		if err != nil {
			return // some fields cannot be fetched everywhere
		}
		if p, _, err := c.planner.PlanBy(op, equal); err != nil || !reflect.DeepEqual(p, usual) {
			rt.Errorf("equal latencies make another plan (%v)", err)
		}
		rt.Log(text)
		rt.Log(different)
		p, batching, err := c.planner.PlanBy(op, different)
		if err != nil {
			rt.Fatal(err)
		}
		check(rt, c, p)
		total, requests := took(p, different)
		if usually, most := took(usual, different); !batching.Matters {
			if !reflect.DeepEqual(p, usual) {
				rt.Errorf("latencies changed a plan for which they do not matter")
			}
		} else if total.Seconds() != batching.Chosen.Seconds || requests != batching.Chosen.Requests ||
			usually.Seconds() != batching.Usual.Seconds || most != batching.Usual.Requests {
			rt.Errorf("the plan takes %v with %d requests, and %v with %d without latencies, but is said to: %+v", total, requests, usually, most, batching)
		}
		if !reflect.DeepEqual(p, usual) {
			divided++
		}
	})
	if divided == 0 {
		t.Error("latencies changed no plan")
	}
}
