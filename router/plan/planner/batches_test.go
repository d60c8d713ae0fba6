package planner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/plan"
	"souk/router/supergraph"
)

// A drawnFetch is a fetch of a generated graph: to a subgraph, for a payload, after others.
type drawnFetch struct {
	subgraph, deferID int
	entities          bool
	after             []int
}

// A drawnGraph is a generated fetch graph. Payload 2 is nested in payload 1.
type drawnGraph struct {
	fetches   []drawnFetch
	subgraphs []*supergraph.Subgraph
	latencies Latencies
	payloads  int
}

func (g drawnGraph) String() (text string) {
	for i, f := range g.fetches {
		text += fmt.Sprintf("%d: subgraph %s (%v) payload %d entities %v after %v\n", i, g.subgraphs[f.subgraph].Name, g.latencies[g.subgraphs[f.subgraph].Name], f.deferID, f.entities, f.after)
	}
	return text
}

var drawnLatencies = []time.Duration{time.Millisecond, 3 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second}

func drawGraph(t *rapid.T, most int) drawnGraph {
	g := drawnGraph{latencies: Latencies{}, payloads: rapid.IntRange(1, 3).Draw(t, "payloads")}
	for i := range rapid.IntRange(2, 5).Draw(t, "subgraphs") {
		name := string(rune('a' + i))
		g.subgraphs = append(g.subgraphs, &supergraph.Subgraph{Name: name})
		g.latencies[name] = rapid.SampledFrom(drawnLatencies).Draw(t, "latency")
	}
	roots := rapid.IntRange(1, 3).Draw(t, "roots")
	for i := range roots + rapid.IntRange(1, most).Draw(t, "entity fetches") {
		f := drawnFetch{subgraph: rapid.IntRange(0, len(g.subgraphs)-1).Draw(t, "subgraph"), entities: i >= roots}
		if f.entities {
			f.deferID = rapid.IntRange(0, g.payloads-1).Draw(t, "payload")
			for range rapid.IntRange(1, 2).Draw(t, "dependencies") {
				// A fetch depends on those of its own payload and the ones around it.
				if d := rapid.IntRange(0, i-1).Draw(t, "after"); g.fetches[d].deferID <= f.deferID && !slices.Contains(f.after, d) {
					f.after = append(f.after, d)
				}
			}
			if f.after == nil {
				f.after = []int{0}
			}
		}
		g.fetches = append(g.fetches, f)
	}
	return g
}

// make returns the fetches as the placer makes them.
func (g drawnGraph) make() (out []*fetch, deferred []*plan.DeferredPayload) {
	for i, f := range g.fetches {
		made := &fetch{kind: plan.RootFetch, subgraph: g.subgraphs[f.subgraph], deferID: f.deferID, order: i}
		if f.entities {
			made.kind = plan.EntitiesFetch
			// Each is for objects of its own.
			made.entities = []*entityFetch{{
				targets:    []plan.Target{{Path: []plan.Segment{{StorageKey: fmt.Sprint("at", i)}}}},
				selections: []typedSelection{{on: &supergraph.Type{Name: "T"}, selection: &selectionSet{}}},
			}}
		}
		for _, d := range f.after {
			made.dependsOn = append(made.dependsOn, out[d])
		}
		out = append(out, made)
	}
	for id := 1; id < g.payloads; id++ {
		deferred = append(deferred, &plan.DeferredPayload{ID: id, Parent: id - 1})
	}
	return out, deferred
}

// simulate returns when each payload is complete if the fetches of a batch are sent as one
// request, as soon as all that they depend on has ended. batch has a number for each
// fetch. It is nil if some fetches wait for each other. It works in rounds, unlike the planner.
func (g drawnGraph) simulate(batch []int) []time.Duration {
	ends := map[int]time.Duration{}
	for len(ends) < distinct(batch) {
		progress := false
		for _, b := range batch {
			if _, ended := ends[b]; ended {
				continue
			}
			var begin, latency time.Duration
			ready := true
			for i, f := range g.fetches {
				if batch[i] != b {
					continue
				}
				latency = g.latencies[g.subgraphs[f.subgraph].Name]
				for _, d := range f.after {
					end, ended := ends[batch[d]]
					ready = ready && ended
					begin = max(begin, end)
				}
			}
			if ready {
				ends[b], progress = begin+latency, true
			}
		}
		if !progress {
			return nil
		}
	}
	complete := make([]time.Duration, g.payloads)
	for i, f := range g.fetches {
		for id := f.deferID; id < g.payloads; id++ {
			complete[id] = max(complete[id], ends[batch[i]])
		}
	}
	return complete
}

// equalLatencies reports whether all fetches take the same time.
func (g drawnGraph) equalLatencies() bool {
	return !slices.ContainsFunc(g.fetches, func(f drawnFetch) bool {
		return g.latencies[g.subgraphs[f.subgraph].Name] != g.latencies[g.subgraphs[g.fetches[0].subgraph].Name]
	})
}

func distinct(list []int) int { return len(slices.Compact(slices.Sorted(slices.Values(list)))) }

// batchings calls visit with every way of merging entity fetches of one subgraph and payload.
func (g drawnGraph) batchings(visit func(batch []int)) {
	batch := make([]int, len(g.fetches))
	var next func(i int)
	next = func(i int) {
		if i == len(g.fetches) {
			visit(batch)
			return
		}
		for j, f := range g.fetches[:i] {
			if batch[j] == j && g.fetches[i].entities && f.entities && f.subgraph == g.fetches[i].subgraph && f.deferID == g.fetches[i].deferID {
				batch[i] = j
				next(i + 1)
			}
		}
		batch[i] = i
		next(i + 1)
	}
	next(0)
}

// scheduled returns the batches that schedule makes with some latencies, or without any: for
// each fetch, the number of the one that its objects are requested with.
func (g drawnGraph) scheduled(l Latencies) ([]int, *Batching) {
	fetches, deferred := g.make()
	var w *weigher
	weighed := &Batching{}
	if l != nil {
		w = &weigher{latencies: l}
		weighed = &w.batching
	}
	batch := make([]int, len(fetches))
	entities := map[*entityFetch]int{}
	for i, f := range fetches {
		batch[i] = i
		for _, e := range f.entities {
			entities[e] = i
		}
	}
	for _, f := range w.schedule(fetches, deferred, &Explanation{}) {
		for _, e := range f.entities {
			batch[entities[e]] = f.order
		}
	}
	return batch, weighed
}

// TestBatchesAreFewAndInTime compares the requests that are merged by latency with every other
// way of merging: none that is in time has fewer.
func TestBatchesAreFewAndInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t, 9)
		t.Log(g)
		if g.equalLatencies() {
			return // those change nothing, even where levels do not have the fewest requests
		}
		usual, _ := g.scheduled(nil)
		chosen, weighed := g.scheduled(g.latencies)
		alone := make([]int, len(g.fetches))
		for i := range alone {
			alone[i] = i
		}
		critical, usually, got := g.simulate(alone), g.simulate(usual), g.simulate(chosen)
		// No payload is later than 5 % of its critical path, or than without latencies if those
		// merge at a price of less than 10 ms.
		inTime := func(times []time.Duration) bool {
			for i, at := range times {
				if at > critical[i]+critical[i]/20 && (at > usually[i] || at > critical[i]+10*time.Millisecond) {
					return false
				}
			}
			return times != nil
		}
		if !inTime(got) {
			t.Fatalf("payloads are complete after %v, critical paths %v, without latencies %v", got, critical, usually)
		}
		fewest, ways := len(g.fetches), 0
		g.batchings(func(batch []int) {
			ways++
			if times := g.simulate(batch); inTime(times) {
				fewest = min(fewest, distinct(batch))
			}
		})
		if n := distinct(chosen); n != fewest {
			t.Fatalf("%d requests where %d are enough", n, fewest)
		}
		if inTime(usually) && distinct(usual) == fewest && !slices.Equal(chosen, usual) {
			t.Fatalf("batches %v where those without latencies, %v, are as good", chosen, usual)
		}
		if !weighed.Matters && !slices.Equal(chosen, usual) {
			t.Fatalf("latencies changed a plan for which they do not matter")
		}
		if max := slices.Max(got); weighed.Matters && (weighed.Chosen.Requests != fewest || weighed.Chosen.Seconds != max.Seconds()) {
			t.Fatalf("the plan takes %v with %d requests, but claims %+v", max, fewest, weighed.Chosen)
		}
	})
}

// TestEqualLatenciesChangeNothing: neither do unknown ones.
func TestEqualLatenciesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t, 12)
		t.Log(g)
		usual, _ := g.scheduled(nil)
		for name := range g.latencies {
			g.latencies[name] = 80 * time.Millisecond
		}
		if chosen, _ := g.scheduled(g.latencies); !slices.Equal(chosen, usual) {
			t.Errorf("with equal latencies %v, without any %v", chosen, usual)
		}
		g = drawGraph(t, 12)
		usual, _ = g.scheduled(nil)
		unknown := g.subgraphs[g.fetches[rapid.IntRange(0, len(g.fetches)-1).Draw(t, "fetch")].subgraph].Name
		delete(g.latencies, unknown)
		if chosen, _ := g.scheduled(g.latencies); !slices.Equal(chosen, usual) {
			t.Errorf("with an unknown latency %v, without any %v", chosen, usual)
		}
	})
}
