package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/limit"
	"souk/router/operation"
)

type limitsResponse struct {
	Limits []limitState `json:"limits"`
}

// A limitState is a limit with how often it rejected operations in the last hour.
type limitState struct {
	Name string `json:"name"`
	// Configured is nil if there is no limit.
	Configured *float64   `json:"configured"`
	Hits       uint64     `json:"hits"`
	Last       *time.Time `json:"last"`
	// Highest is how near an accepted operation came since the start; nil if that is not
	// measured.
	Highest *float64 `json:"highest"`
}

func (h *handler) limits(*http.Request) (any, error) {
	found := map[string]record.Error{}
	for _, e := range h.Recorder.Errors(record.Seconds * time.Second) {
		sum := found[e.Code]
		if sum.Count += e.Count; e.Last.After(sum.Last) {
			sum.Last = e.Last
		}
		found[e.Code] = sum
	}
	high, l := h.Recorder.Highest(), h.Limits
	out := limitsResponse{}
	add := func(name, code string, configured, highest float64) {
		one := limitState{Name: name, Hits: found[code].Count}
		if configured > 0 {
			one.Configured = &configured
		}
		if highest >= 0 {
			one.Highest = &highest
		}
		if last := found[code].Last.UTC(); one.Hits > 0 {
			one.Last = &last
		}
		out.Limits = append(out.Limits, one)
	}
	count := func(name, code string, configured, highest int) {
		add(name, code, float64(configured), float64(highest))
	}
	count("max_depth", operation.CodeMaxDepth, l.Depth, high.Depth)
	count("max_height", operation.CodeMaxHeight, l.Height, high.Height)
	count("max_fields", operation.CodeMaxFields, l.Fields, high.Fields)
	count("max_root_fields", operation.CodeMaxRootFields, l.RootFields, high.RootFields)
	count("max_aliases", operation.CodeMaxAliases, l.Aliases, high.Aliases)
	count("max_directives", operation.CodeMaxDirectives, l.Directives, high.Directives)
	count("max_list_items", operation.CodeMaxListItems, l.ListItems, high.ListItems)
	count("max_tokens", operation.CodeMaxTokens, l.Tokens, -1)
	count("max_recursion", operation.CodeMaxRecursion, l.Recursion, -1)
	add("demand_control", limit.CodeTooCostly, l.Cost, max(high.Cost, 0))
	add("rate_limit", limit.CodeRateLimited, l.Rate, -1)
	add("max_in_flight", execute.CodeOverloaded, float64(l.InFlight), high.InFlight)
	count("max_body_bytes", "REQUEST_TOO_LARGE", l.BodyBytes, -1)
	count("max_streams", "TOO_MANY_STREAMS", l.Streams, -1)
	return out, nil
}

type cacheResponse struct {
	Entity entityCache `json:"entity"`
	// The caches in the memory of the router.
	Documents          memoryCache `json:"documents"`
	Plans              memoryCache `json:"plans"`
	PersistedDocuments memoryCache `json:"persisted_documents"`
}

// An entityCache has the counts since the start.
type entityCache struct {
	Enabled       bool           `json:"enabled"`
	Available     bool           `json:"available"` // Redis is
	Hits          float64        `json:"hits"`
	Misses        float64        `json:"misses"`
	HitRate       *float64       `json:"hit_rate"`
	LocalBytes    float64        `json:"local_bytes"`
	ByType        []typeCache    `json:"by_type"`
	Invalidations []invalidation `json:"invalidations"`
}

type typeCache struct {
	Type     string   `json:"type"`
	Subgraph string   `json:"subgraph"`
	Hits     float64  `json:"hits"`
	Misses   float64  `json:"misses"`
	HitRate  *float64 `json:"hit_rate"`
}

type invalidation struct {
	Time     time.Time `json:"time"`
	Subgraph *string   `json:"subgraph"`
	Type     string    `json:"type"`
	Key      *string   `json:"key"` // nil for the whole type or several keys
	Reason   string    `json:"reason"`
	Count    int       `json:"count"` // of keys; 0 for the whole type
	Times    int       `json:"times"` // how often it came within a second
}

// A memoryCache has the counts since the start.
type memoryCache struct {
	Entries   float64  `json:"entries"`
	Bytes     float64  `json:"bytes"`
	MaxBytes  int      `json:"max_bytes"`
	Hits      float64  `json:"hits"`
	Misses    float64  `json:"misses"`
	HitRate   *float64 `json:"hit_rate"`
	Evictions float64  `json:"evictions"`
}

func (h *handler) cache(*http.Request) (any, error) {
	now := h.figures()
	out := cacheResponse{
		Entity:    h.entityCache(now),
		Documents: memory(now, "document", h.CacheBytes.Documents), Plans: memory(now, "plan", h.CacheBytes.Plans),
		PersistedDocuments: memory(now, "persisted_document", h.CacheBytes.Persisted),
	}
	return out, nil
}

func memory(now figures, name string, most int) memoryCache {
	out := memoryCache{
		Entries: now.sum("souk_router_cache_entries", "cache", name), Bytes: now.sum("souk_router_cache_bytes", "cache", name), MaxBytes: most,
		Hits:      now.sum("souk_router_cache_requests_total", "cache", name, "result", "hit"),
		Misses:    now.sum("souk_router_cache_requests_total", "cache", name, "result", "miss"),
		Evictions: now.sum("souk_router_cache_evictions_total", "cache", name),
	}
	out.HitRate = part(out.Hits, out.Misses)
	return out
}

// part returns the part of hits, or nil if there was no look-up.
func part(hits, misses float64) *float64 {
	if hits+misses == 0 {
		return nil
	}
	rate := hits / (hits + misses)
	return &rate
}

func (h *handler) entityCache(now figures) entityCache {
	out := entityCache{
		Enabled: h.EntityCache, Available: now.sum("souk_router_entity_cache_available") > 0, LocalBytes: now.sum("souk_router_entity_cache_local_bytes"),
		ByType: []typeCache{}, Invalidations: []invalidation{},
	}
	index := map[[2]string]int{}
	for _, m := range now["souk_router_entity_cache_lookups_total"] {
		key := [2]string{label(m, "subgraph"), label(m, "type")}
		if _, known := index[key]; !known {
			index[key] = len(out.ByType)
			out.ByType = append(out.ByType, typeCache{Subgraph: key[0], Type: key[1]})
		}
		one, n := &out.ByType[index[key]], m.GetCounter().GetValue()
		switch label(m, "result") {
		case "local", "redis":
			one.Hits += n
			out.Hits += n
		default:
			one.Misses += n
			out.Misses += n
		}
	}
	for i := range out.ByType {
		out.ByType[i].HitRate = part(out.ByType[i].Hits, out.ByType[i].Misses)
	}
	slices.SortFunc(out.ByType, func(a, b typeCache) int {
		return cmp.Or(cmp.Compare(b.Hits+b.Misses, a.Hits+a.Misses), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Subgraph, b.Subgraph))
	})
	out.HitRate = part(out.Hits, out.Misses)
	for _, i := range h.Recorder.Invalidations() {
		one := invalidation{Time: i.Time.UTC(), Type: i.Type, Reason: i.Reason, Count: i.Count, Times: i.Times}
		if i.Key != "" {
			one.Key = &i.Key
		}
		out.Invalidations = append(out.Invalidations, one)
	}
	return out
}

type subscriptionsResponse struct {
	Open        int                  `json:"open"`
	ByOperation []subscriptionCounts `json:"by_operation"`
	Carriers    map[string]int       `json:"carriers"`
}

type subscriptionCounts struct {
	Hash      string `json:"hash"`
	Name      string `json:"name"`
	Clients   int    `json:"clients"`
	Upstreams int    `json:"upstreams"`
}

func (h *handler) subscriptions(*http.Request) (any, error) {
	list, carriers := h.Gateway.Subscriptions()
	slices.SortFunc(list, func(a, b gateway.SubscriptionCount) int {
		return cmp.Or(cmp.Compare(b.Clients, a.Clients), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Hash, b.Hash))
	})
	out := subscriptionsResponse{ByOperation: []subscriptionCounts{}, Carriers: carriers}
	for _, n := range carriers {
		out.Open += n
	}
	for _, c := range list[:min(len(list), maxSubscriptions)] {
		out.ByOperation = append(out.ByOperation, subscriptionCounts{Hash: c.Hash, Name: c.Name, Clients: c.Clients, Upstreams: c.Upstreams})
	}
	return out, nil
}

// maxSubscriptions bounds the operations in a response of subscriptions.
const maxSubscriptions = 200

type reloadsResponse struct {
	Reloads []reload `json:"reloads"`
}

type reload struct {
	Time     time.Time      `json:"time"`
	Kind     string         `json:"kind"`
	Outcome  string         `json:"outcome"`
	Reason   *string        `json:"reason"` // why it was refused
	Duration float64        `json:"duration"`
	Changes  []reloadChange `json:"changes"`
	More     int            `json:"more"` // further changes
}

type reloadChange struct {
	Kind   string `json:"kind"`
	What   string `json:"what"`
	Detail string `json:"detail"`
}

func (h *handler) reloads(*http.Request) (any, error) {
	out := reloadsResponse{Reloads: []reload{}}
	for _, r := range h.Recorder.Reloads() {
		one := reload{Time: r.Time.UTC(), Kind: r.Kind, Outcome: r.Outcome, Duration: r.Duration.Seconds(), Changes: []reloadChange{}, More: r.More}
		if r.Reason != "" {
			one.Reason = &r.Reason
		}
		for _, c := range r.Changes {
			one.Changes = append(one.Changes, reloadChange(c))
		}
		out.Reloads = append(out.Reloads, one)
	}
	return out, nil
}
