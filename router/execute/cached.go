package execute

import (
	"context"

	"souk/router/internal/jsonscan"
	"souk/router/operation"
)

// cacheable reports whether a fetch may be answered by the cache. Fetches of a
// mutation never are.
func (x *execution) cacheable(f *fetch) bool {
	switch x.program.kind {
	case operation.Query:
		return f.kind == operation.Query && (x.req.Files == nil || !x.req.Files.Has(f.id))
	case operation.Subscription:
		return f.entities != nil
	default:
		return false
	}
}

// lookup asks the cache for everything that a fetch needs, in one call. It
// returns true if all of it was found.
func (x *execution) lookup(ctx context.Context, f *fetch, state *fetchState) bool {
	cache := x.executor.options.Cache
	if !x.cacheable(f) {
		return false
	}
	state.lookups = state.lookups[:0]
	for i, e := range f.entities {
		to := &state.entities[i]
		if e.cache == nil || len(to.spans) == 0 {
			continue
		}
		if !cache.Covers(e.cache) {
			if x.req.Inspect != nil {
				l := CacheLookup{CacheSelection: e.cache}
				for _, at := range to.spans {
					l.Representations = append(l.Representations, to.text[at.start:at.end:at.end])
				}
				x.inspectUncovered(f, l)
			}
			continue
		}
		to.lookup = CacheLookup{CacheSelection: e.cache, Variables: e.withValues(pick(x.req.Variables, e.usedVariables))}
		for _, at := range to.spans {
			to.lookup.Representations = append(to.lookup.Representations, to.text[at.start:at.end:at.end])
		}
		state.lookups = append(state.lookups, &to.lookup)
	}
	if c := f.caching; c != nil && c.selection != nil {
		if cache.Covers(c.selection) {
			state.root = CacheLookup{CacheSelection: c.selection, Variables: pick(x.req.Variables, c.usedVariables), Representations: [][]byte{nil}}
			state.lookups = append(state.lookups, &state.root)
		} else {
			x.inspectUncovered(f, CacheLookup{CacheSelection: c.selection, Representations: [][]byte{nil}})
		}
	}
	if len(state.lookups) == 0 {
		return false
	}
	for _, l := range state.lookups {
		l.Found = make([]Found, len(l.Representations))
		x.inspect(f, l)
		state.stats.Looked += len(l.Representations)
	}
	cache.Lookup(ctx, x.req.Caller, state.lookups)
	x.refresh(ctx, f, state)
	complete := x.found(f, state)
	if err := state.room.Reserve(ctx, len(state.cached.B)); err != nil {
		state.cached.B, state.stats.Found = state.cached.B[:0], 0
		state.err, state.stats.Err, state.sent = err, err, true
		return true // there is no memory for what a subgraph would respond either
	}
	return complete
}

// mutated tells the cache what a subgraph has responded to a mutation.
func (x *execution) mutated(ctx context.Context, f *fetch, state *fetchState) {
	if f.kind != operation.Mutation || state.response == nil {
		return
	}
	text := state.response.Body.B
	if repaired := jsonscan.Repair(text); repaired != nil {
		text = repaired
	}
	reader := jsonscan.NewReader(text, jsonscan.MaxDepth)
	_ = reader.Object(func(name []byte) error { // merge reports what is not valid
		value, err := reader.Value()
		if err == nil && string(name) == "data" && value[0] == '{' {
			x.executor.options.Cache.Mutated(ctx, f.caching.mutation, value)
		}
		return err
	})
}

// lookedUp tells the cache that the fetch has ended, whether or not it has stored anything.
func (state *fetchState) lookedUp() {
	for _, l := range state.lookups {
		if done := l.Done; done != nil {
			l.Done = nil
			done()
		}
	}
}

// pick returns the variables with the given names, which are sorted.
func pick(vars operation.Variables, names []string) operation.Variables {
	var picked operation.Variables
	for _, name := range names {
		if v := vars.Get(name); v != nil {
			picked = append(picked, operation.Variable{Name: name, Value: v})
		}
	}
	return picked
}

// found copies the entries that the cache found. It returns true if nothing is
// missing.
func (x *execution) found(f *fetch, state *fetchState) bool {
	state.cached = NewBuffer(1 << minBuffer)
	if f.entities == nil {
		at, ok := state.keep(state.root.Found[0], false)
		state.cachedRoot = at
		return ok
	}
	complete := true
	for i := range f.entities {
		e := &state.entities[i]
		found := false
		for n := range e.lookup.Found {
			at, ok := state.keep(e.lookup.Found[n], true)
			e.cached = append(e.cached, at)
			if found = found || ok; !ok {
				e.sent = append(e.sent, uint32(n))
			}
		}
		if !found {
			e.cached, e.sent = e.cached[:0], e.sent[:0]
		}
		complete = complete && e.sendCount() == 0
	}
	return complete
}

// keep copies an entry that the cache found. It returns false if the entry is not valid.
func (state *fetchState) keep(entry Found, entity bool) (span, bool) {
	if !entry.valid(entity) {
		return span{}, false
	}
	start := len(state.cached.B)
	state.cached.B = append(state.cached.B, entry.JSON...)
	c := CacheControl{Set: entry.Stated, MaxAge: entry.TTL, Private: entry.Private}
	if entry.Age > 0 {
		c.Set, c.MaxAge, c.Age = true, 0, entry.Age
		state.stats.Expired++
		state.stats.Age = max(state.stats.Age, entry.Age)
	}
	if state.stats.Found > 0 {
		c = c.and(state.found)
	}
	state.found = c
	state.stats.Found++
	return span{uint32(start), uint32(len(state.cached.B))}, true
}

// valid reports whether an entry is a JSON object, or null for an entity.
func (entry *Found) valid(entity bool) bool {
	if entity && string(entry.JSON) == "null" {
		return true
	}
	return len(entry.JSON) > 0 && entry.JSON[0] == '{' && jsonscan.Value(entry.JSON, 0) == len(entry.JSON)
}

// mergeCached stores the cache's entries in the tree.
func (x *execution) mergeCached(f *fetch, state *fetchState) {
	if state.cached == nil || len(state.cached.B) == 0 || !x.reader.begin(&x.tree, x.program, state.cached.B) {
		return
	}
	if state.cachedRoot.is() {
		x.readIntoAll(int(state.cachedRoot.start), state.objects, f.shape)
	}
	for i, e := range f.entities {
		for n, at := range state.entities[i].cached {
			if at.is() && state.cached.B[at.start] != 'n' {
				x.entity(int(at.start), e, &state.entities[i], n)
			}
		}
	}
}

// store passes the response of a fetch to the cache. Entities with errors are no
// longer in fetched.
func (x *execution) store(ctx context.Context, f *fetch, state *fetchState, control CacheControl, members responseMembers) {
	// A response that another request has asked for may be older than what Lookup has noted:
	// an invalidation in between concerns it. The other request stores it.
	if len(state.lookups) == 0 || state.stats.Shared {
		return
	}
	text, data := x.reader.text, members.data
	store := false
	if f.entities == nil {
		if state.hasErrors || !data.is() {
			return
		}
		state.root.Control, state.root.Vary = control, state.response.Header["Vary"]
		state.root.Fetched = [][]byte{text[data.start:data.end:data.end]}
		store = true
	}
	for i := range f.entities {
		e := &state.entities[i]
		if e.lookup.CacheSelection == nil {
			continue
		}
		e.lookup.Control, e.lookup.Vary = control, state.response.Header["Vary"]
		e.lookup.Fetched = make([][]byte, len(e.spans))
		for n, at := range e.fetched {
			if at.is() && (text[at.start] != 'n' || !state.failed) {
				e.lookup.Fetched[e.number(n)] = text[at.start:at.end:at.end]
				store = true
			}
		}
	}
	if store && members.extensions.is() {
		x.cacheTags(f, state, text[members.extensions.start:members.extensions.end])
	}
	if store {
		x.executor.options.Cache.Store(ctx, x.req.Caller, state.lookups)
	}
}
