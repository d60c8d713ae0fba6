package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"souk/router/plan"
)

// A Batching says how latencies decide which entity fetches become one request.
type Batching struct {
	// Matters is set if the plan may differ with other latencies: if entity fetches
	// for one subgraph and payload do not wait for the same fetches.
	Matters bool `json:"matters"`
	// Unknown are the subgraphs of the plan whose latency is not known. If there are
	// any, latencies have no effect.
	Unknown []string `json:"unknown,omitempty"`
	// Critical is how long the response takes if nothing is merged, with its deferred
	// payloads. Usual is the plan without latencies, and Chosen that which was made. They are
	// set if Matters and nothing is Unknown.
	Critical BatchedCost `json:"critical"`
	Usual    BatchedCost `json:"usual"`
	Chosen   BatchedCost `json:"chosen"`
	// Search reports whether the fewest requests were found.
	Search Search `json:"search,omitempty"`
	// Separate are the fetches that are not merged although they are without latencies.
	// Only Explain sets them.
	Separate []Separation `json:"separate,omitempty"`

	batches batching
}

// A BatchedCost is the number of requests of a plan, and how long it takes.
type BatchedCost struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
}

// A Separation is a request of the plan without latencies that was divided.
type Separation struct {
	Subgraph string `json:"subgraph"`
	// DeferID is the payload that it is for.
	DeferID int `json:"deferID,omitempty"`
	// Seconds is how long the response would take if it were not divided; 0 if it would wait for
	// itself.
	Seconds float64 `json:"seconds"`
	// Parts are the requests it was divided into.
	Parts []SeparatePart `json:"parts"`
}

// A SeparatePart is one of the requests that were not merged.
type SeparatePart struct {
	// Paths are those of the objects that the request is for.
	Paths []string `json:"paths"`
	// Begins is when it begins.
	Begins float64 `json:"begins"`
}

// SameBatches reports whether the plans of one operation merge the same fetches. Without latencies, both are nil.
func (b *Batching) SameBatches(other *Batching) bool {
	return b == other || b != nil && other != nil && slices.Equal(b.batches, other.batches)
}

// A weigher merges fetches by the latencies of subgraphs.
type weigher struct {
	latencies Latencies
	// explains is set if the batching is to be explained.
	explains bool
	batching Batching
}

// schedule merges fetches. A nil weigher does not use latencies.
func (w *weigher) schedule(fetches []*fetch, deferred []*plan.DeferredPayload, explanation *Explanation) []*fetch {
	if w == nil {
		return schedule(fetches, nil)
	}
	out := schedule(fetches, func(fetches []*fetch) [][]*fetch { return w.groups(fetches, deferred) })
	if w.explains {
		explanation.Batching = &w.batching
	}
	return out
}

// groups returns the fetches to merge, or nil for those that are merged without
// latencies.
func (w *weigher) groups(fetches []*fetch, deferred []*plan.DeferredPayload) [][]*fetch {
	g := newFetchGraph(fetches, deferred, w.latencies)
	usual := g.byLevels()
	w.batching.batches = usual
	if w.batching.Matters = g.hasChoice(); !w.batching.Matters {
		return nil
	}
	equal := true
	for _, f := range fetches {
		if f.kind == plan.SubscriptionFetch {
			continue
		}
		name := f.subgraph.Name
		l, ok := w.latencies[name]
		equal = equal && l == w.latencies[fetches[len(fetches)-1].subgraph.Name]
		if !ok && !slices.Contains(w.batching.Unknown, name) {
			w.batching.Unknown = append(w.batching.Unknown, name)
		}
	}
	if w.batching.Unknown != nil {
		return nil
	}
	chosen, exact := usual, true
	if !equal {
		chosen, exact = g.batch(usual)
	}
	w.batching.Search = Exact
	if !exact {
		w.batching.Search = Incomplete
	}
	w.batching.Critical, w.batching.Usual, w.batching.Chosen = g.cost(g.unmerged()), g.cost(usual), g.cost(chosen)
	w.batching.batches = chosen
	if w.explains {
		w.batching.Separate = g.separations(usual, chosen)
	}
	if slices.Equal(chosen, usual) {
		return nil
	}
	return g.groups(chosen)
}

// cost returns the requests of a batching, and when its last payload is complete.
func (g *fetchGraph) cost(b batching) BatchedCost {
	times, ok := g.times(b, nil)
	if !ok {
		return BatchedCost{Requests: b.requests()}
	}
	return BatchedCost{b.requests(), slices.Max(times).Seconds()}
}

// groups returns the entity fetches of each batch.
func (g *fetchGraph) groups(b batching) [][]*fetch {
	byBatch := make([][]*fetch, len(b))
	for i, n := range g.nodes {
		if n.fetches[0].kind == plan.EntitiesFetch {
			byBatch[b[i]] = append(byBatch[b[i]], n.fetches...)
		}
	}
	return slices.DeleteFunc(byBatch, func(group []*fetch) bool { return group == nil })
}

// separations lists the usual batches that the chosen batching divides.
func (g *fetchGraph) separations(usual, chosen batching) []Separation {
	var out []Separation
	for first, batch := range usual {
		if first != batch {
			continue
		}
		var parts []int // batches
		for i := range usual {
			if usual[i] == batch && !slices.Contains(parts, chosen[i]) {
				parts = append(parts, chosen[i])
			}
		}
		if len(parts) == 1 {
			continue
		}
		f := g.nodes[first].fetches[0]
		s := Separation{Subgraph: f.subgraph.Name, DeferID: f.deferID}
		together := slices.Clone(chosen)
		for i := range together {
			if slices.Contains(parts, together[i]) {
				together[i] = parts[0]
			}
		}
		s.Seconds = g.cost(together).Seconds
		g.times(chosen, nil)
		for _, part := range parts {
			s.Parts = append(s.Parts, SeparatePart{Paths: g.paths(chosen, part), Begins: g.began[part].Seconds()})
		}
		out = append(out, s)
	}
	return out
}

// paths returns the paths of the objects that a batch of entity fetches is for.
func (g *fetchGraph) paths(b batching, batch int) []string {
	var out []string
	for i, n := range g.nodes {
		if b[i] != batch {
			continue
		}
		for _, f := range n.fetches {
			for _, e := range f.entities {
				if path := e.responsePath(); !slices.Contains(out, path) {
					out = append(out, path)
				}
			}
		}
	}
	return out
}

// responsePath is the path to the objects of an entity fetch.
func (e *entityFetch) responsePath() string {
	var path []string
	for _, s := range e.targets[0].Path {
		path = append(path, s.StorageKey)
	}
	return strings.Join(path, ".")
}

// String returns the batching for people to read.
func (b *Batching) String() string {
	switch {
	case !b.Matters:
		return "latencies do not matter: no requests wait for different ones and could be merged\n"
	case b.Unknown != nil:
		return "latencies have no effect: those of these subgraphs are not known: " + strings.Join(b.Unknown, ", ") + "\n"
	}
	var out strings.Builder
	print := func(label string, c BatchedCost) {
		fmt.Fprintf(&out, "%s: %v with %d requests\n", label, duration(c.Seconds), c.Requests)
	}
	print("by latency", b.Chosen)
	print("by levels", b.Usual)
	print("without merging", b.Critical)
	fmt.Fprintf(&out, "search for the fewest requests: %s\n", b.Search)
	for _, s := range b.Separate {
		fmt.Fprintf(&out, "not merged: requests to %s", s.Subgraph)
		if s.DeferID > 0 {
			fmt.Fprintf(&out, " for payload %d", s.DeferID)
		}
		if s.Seconds > 0 {
			fmt.Fprintf(&out, ", since the response would take %v\n", duration(s.Seconds))
		} else {
			fmt.Fprintf(&out, ", since one would wait for the other\n")
		}
		for _, p := range s.Parts {
			fmt.Fprintf(&out, "    %s, after %v\n", strings.Join(p.Paths, " and "), duration(p.Begins))
		}
	}
	return out.String()
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}
