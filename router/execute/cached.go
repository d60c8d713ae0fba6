package execute

import (
	"context"

	"souk/router/internal/jsonscan"
	"souk/router/operation"
)

// cacheable says whether a step may be answered by a cache: what follows a
// mutation is always fetched anew.
func (r *run) cacheable(s *step) bool {
	switch r.program.kind {
	case operation.Query:
		return s.kind == operation.Query
	case operation.Subscription:
		return s.entities != nil
	default:
		return false
	}
}

// lookup asks the cache for what a step is to fetch, all in one call. It gives
// true if that was all found.
func (r *run) lookup(ctx context.Context, s *step, run *stepRun) bool {
	cache := r.executor.options.Cache
	if !r.cacheable(s) {
		return false
	}
	run.lookups = run.lookups[:0]
	for i, e := range s.entities {
		to := &run.entities[i]
		if e.cache == nil || len(to.spans) == 0 || !cache.Covers(e.cache) {
			continue
		}
		to.lookup = CacheLookup{CacheSelection: e.cache, Variables: e.withValues(pick(r.req.Variables, e.uses))}
		for _, at := range to.spans {
			to.lookup.Representations = append(to.lookup.Representations, to.text[at.start:at.end:at.end])
		}
		run.lookups = append(run.lookups, &to.lookup)
	}
	if s.cache != nil && cache.Covers(s.cache) {
		run.root = CacheLookup{CacheSelection: s.cache, Variables: pick(r.req.Variables, s.uses), Representations: [][]byte{nil}}
		run.lookups = append(run.lookups, &run.root)
	}
	if len(run.lookups) == 0 {
		return false
	}
	for _, l := range run.lookups {
		l.Found = make([]Found, len(l.Representations))
	}
	cache.Lookup(ctx, r.req.Caller, run.lookups)
	complete := r.found(s, run)
	if err := run.room.For(ctx, len(run.cached.B)); err != nil {
		run.cached.B, run.stats.Found = run.cached.B[:0], 0
		run.err, run.stats.Err, run.sent = err, err, true
		return true // there is no room for what a subgraph would answer either
	}
	return complete
}

// pick gives the variables of the given names, which are in order.
func pick(vars operation.Variables, names []string) operation.Variables {
	var picked operation.Variables
	for _, name := range names {
		if v := vars.Get(name); v != nil {
			picked = append(picked, operation.Variable{Name: name, Value: v})
		}
	}
	return picked
}

// found copies what the cache has found. It gives true if nothing is missing.
func (r *run) found(s *step, run *stepRun) bool {
	run.cached = NewBuffer(1 << minBuffer)
	keep := func(f Found) (span, bool) {
		if len(f.JSON) == 0 || f.JSON[0] != '{' || jsonscan.Value(f.JSON, 0) != len(f.JSON) {
			return span{}, false
		}
		start := len(run.cached.B)
		run.cached.B = append(run.cached.B, f.JSON...)
		c := CacheControl{Set: true, MaxAge: f.TTL, Private: f.Private}
		if run.stats.Found > 0 {
			c = c.and(run.found)
		}
		run.found = c
		run.stats.Found++
		return span{uint32(start), uint32(len(run.cached.B))}, true
	}
	if s.entities == nil {
		at, ok := keep(run.root.Found[0])
		run.cachedRoot = at
		return ok
	}
	complete := true
	for i := range s.entities {
		e := &run.entities[i]
		found := false
		for n := range e.lookup.Found {
			at, ok := keep(e.lookup.Found[n])
			e.cached = append(e.cached, at)
			if found = found || ok; !ok {
				e.sent = append(e.sent, uint32(n))
			}
		}
		if !found {
			e.cached, e.sent = e.cached[:0], e.sent[:0]
		}
		complete = complete && e.asked() == 0
	}
	return complete
}

// mergeCached writes what the cache has found into the tree.
func (r *run) mergeCached(s *step, run *stepRun) {
	if run.cached == nil || len(run.cached.B) == 0 || !r.answer.begin(&r.tree, r.program, run.cached.B) {
		return
	}
	if run.cachedRoot.is() {
		r.spread(int(run.cachedRoot.start), run.objects, s.shape)
	}
	for i, e := range s.entities {
		for n, at := range run.entities[i].cached {
			if at.is() {
				r.entity(int(at.start), e, &run.entities[i], n)
			}
		}
	}
}

// store gives the cache what a step was answered. Entities with errors have
// been taken out of fetched.
func (r *run) store(ctx context.Context, s *step, run *stepRun, control CacheControl, data span) {
	if len(run.lookups) == 0 {
		return
	}
	text := r.answer.text
	store := false
	if s.entities == nil {
		if run.tainted || !data.is() {
			return
		}
		run.root.Control, run.root.Vary = control, run.response.Header["Vary"]
		run.root.Fetched = [][]byte{text[data.start:data.end:data.end]}
		store = true
	}
	for i := range s.entities {
		e := &run.entities[i]
		if e.lookup.CacheSelection == nil {
			continue
		}
		e.lookup.Control, e.lookup.Vary = control, run.response.Header["Vary"]
		e.lookup.Fetched = make([][]byte, len(e.spans))
		for n, at := range e.fetched {
			if at.is() {
				e.lookup.Fetched[e.number(n)] = text[at.start:at.end:at.end]
				store = true
			}
		}
	}
	if store {
		r.executor.options.Cache.Store(ctx, r.req.Caller, run.lookups)
	}
}
