package gateway

import (
	"encoding/json"
	"fmt"
	"time"

	"souk/router/execute"
)

// extensions returns the extensions of a response, or nil for none. It also measures what the
// response costs.
func (x *exchange) extensions(p *prepared, data []byte, fetches []execute.FetchStatistics) []byte {
	if p.demand != nil {
		p.demand.measure(x.snapshot.demand, p.op, data, fetches)
	}
	plan := x.exposed != exposeNothing
	statistics, costs := x.config.Dev || plan, p.demand != nil && x.config.DemandControl.Expose
	stale := x.staleness(fetches)
	if !statistics && !costs && stale == nil {
		return nil
	}
	members := map[string]json.RawMessage{}
	if stale != nil {
		members["stale"] = stale
	}
	if statistics {
		members["souk"] = p.statistics(fetches, plan)
	}
	if costs {
		members["cost"] = p.demand.json()
	}
	out, err := json.Marshal(members)
	if err != nil { // unreachable: every member is JSON
		return nil
	}
	return out
}

// staleness returns the extension stale of a response that contains expired entries of the
// response cache, or nil for others.
func (x *exchange) staleness(fetches []execute.FetchStatistics) []byte {
	if !x.snapshot.marksStale {
		return nil
	}
	entries, age := 0, time.Duration(0)
	for i := range fetches {
		entries += fetches[i].Expired
		age = max(age, fetches[i].Age)
	}
	if entries == 0 {
		return nil
	}
	return fmt.Appendf(nil, `{"entries":%d,"age":%d}`, entries, int(age.Seconds()))
}

// statistics returns the extension souk of a response in development mode: cache hits, and
// the duration and size of each fetch. If withPlan is set, it has the plan, too.
func (p *prepared) statistics(fetches []execute.FetchStatistics, withPlan bool) []byte {
	type fetch struct {
		Subgraph string  `json:"subgraph"`
		Millis   float64 `json:"ms"`
		Bytes    int     `json:"bytes"`
		Entities int     `json:"entities,omitempty"`
		Cached   int     `json:"cached,omitempty"`
		Expired  int     `json:"expired,omitempty"`
	}
	type statistics struct {
		DocumentCache string  `json:"documentCache"`
		PlanCache     string  `json:"planCache"`
		Fetches       []fetch `json:"fetches"`
		CacheHits     int     `json:"entityCacheHits"`
		CacheMisses   int     `json:"entityCacheMisses"`

		Plan json.RawMessage `json:"plan,omitempty"`
	}
	word := map[bool]string{true: "hit", false: "miss"}
	f := statistics{DocumentCache: word[p.documentHit], PlanCache: word[p.planHit], Fetches: []fetch{}}
	for _, s := range fetches {
		f.Fetches = append(f.Fetches, fetch{s.Subgraph, float64(s.Duration.Microseconds()) / 1000, s.Received, s.Representations, s.Found, s.Expired})
		f.CacheHits += s.Found
		f.CacheMisses += max(s.Representations, 1) - s.Found
	}
	if withPlan {
		f.Plan = planJSON(p.program)
	}
	out, err := json.Marshal(f)
	if err != nil { // unreachable: every value can be encoded
		return nil
	}
	return out
}
