package execute

import (
	"context"
	"time"

	"souk/internal/memory"
	"souk/router/internal/jsonscan"
)

// A refresh fetches entries again that the cache has found although they had expired. It
// outlives the request that has used them, and owns everything that it refers to.
type refresh struct {
	executor *Executor
	fetch    *fetch
	caller   Caller
	body     *Buffer
	count    int // of representations
	// lookups are for Store, and entries what they refresh. For entities, both have an
	// element for each of the fetch's entities; those of others are nil.
	lookups []*CacheLookup
	entries []*CacheRefresh
}

// refresh fetches the expired entries that the cache found in the background, if it asks for
// that. The request is sent for the same caller, with the same headers.
func (x *execution) refresh(ctx context.Context, f *fetch, state *fetchState) {
	wanted := false
	for _, l := range state.lookups {
		wanted = wanted || l.Refresh != nil
	}
	if !wanted {
		return
	}
	r := &refresh{executor: x.executor, fetch: f, caller: x.req.Caller}
	r.caller.Header = r.caller.Header.Clone()
	if f.entities == nil {
		r.add(&state.root)
	}
	for i := range f.entities {
		e := &state.entities[i]
		r.add(&e.lookup)
		// The body is that of a fetch for which the cache has found everything else.
		e.cached, e.sent = append(e.cached[:0], span{}), e.sent[:0]
		if r.entries[i] != nil {
			for _, n := range r.entries[i].Indices {
				e.sent = append(e.sent, uint32(n))
			}
		}
	}
	r.body = x.body(f, state)
	for i := range f.entities {
		e := &state.entities[i]
		e.cached, e.sent = e.cached[:0], e.sent[:0]
	}
	go r.run(context.WithoutCancel(ctx))
}

// add adds a lookup, or nothing in its place.
func (r *refresh) add(l *CacheLookup) {
	if l.Refresh == nil {
		r.lookups, r.entries = append(r.lookups, nil), append(r.entries, nil)
		return
	}
	r.count += len(l.Refresh.Indices)
	r.entries = append(r.entries, l.Refresh)
	r.lookups = append(r.lookups, &CacheLookup{
		CacheSelection: l.CacheSelection, Private: l.Private, WantTags: l.WantTags, State: l.Refresh.State, Fetched: make([][]byte, len(l.Representations)),
	})
}

func (r *refresh) run(ctx context.Context) {
	defer func() {
		for _, e := range r.entries {
			if e != nil {
				e.Done()
			}
		}
	}()
	var lease memory.Lease
	lease.Of(r.executor.options.Memory)
	defer lease.Release()
	response := r.send(ctx, &MemoryReservation{lease: &lease})
	if response == nil {
		return
	}
	defer response.Body.Release()
	if response.Status < 200 || response.Status > 299 || !r.read(response.Body.B) {
		return
	}
	control, vary := parseCacheControl(response.Header), response.Header["Vary"]
	var lookups []*CacheLookup
	for _, l := range r.lookups {
		if l != nil {
			l.Control, l.Vary = control, vary
			lookups = append(lookups, l)
		}
	}
	r.executor.options.Cache.Store(ctx, r.caller, lookups)
}

// send sends the request and returns the response, or nil if there is none.
func (r *refresh) send(ctx context.Context, room *MemoryReservation) *SubgraphResponse {
	defer r.body.Release()
	request := SubgraphRequest{
		Subgraph: r.fetch.subgraph, Kind: r.fetch.kind, Header: r.caller.Header, Partition: r.caller.Partition, Body: r.body, Reservation: room,
	}
	stats := FetchStatistics{FetchInfo: FetchInfo{FetchID: r.fetch.id}, Subgraph: r.fetch.subgraph, Start: r.executor.options.Now()}
	if r.fetch.entities != nil {
		stats.Representations = r.count
	}
	if observe := r.executor.options.Observe; observe != nil {
		var ended func(*FetchStatistics)
		ctx, ended = observe(ctx, &request, stats.FetchInfo)
		defer func() { ended(&stats) }()
	}
	began := time.Now()
	var response *SubgraphResponse
	if stats.Err = room.Reserve(ctx, max(int(r.fetch.received.Load()), 1<<minBuffer)); stats.Err == nil {
		response, stats.Err = r.executor.options.Transport.Send(ctx, &request)
	}
	stats.Duration = time.Since(began)
	if response != nil {
		stats.Status, stats.Received = response.Status, len(response.Body.B)
	}
	if request.Shared && response != nil { // see store
		response.Body.Release()
		return nil
	}
	return response
}

// read takes what was fetched out of a response. It returns false if there are errors, or if
// the response is not valid: then nothing is stored.
func (r *refresh) read(text []byte) bool {
	var data, extensions []byte
	reader := jsonscan.NewReader(text, jsonscan.MaxDepth)
	if reader.Object(func(name []byte) error {
		value, err := reader.Value()
		switch {
		case string(name) == "data":
			data = value
		case string(name) == "extensions":
			extensions = value
		case string(name) == "errors" && string(value) != "null":
			data = nil
			return errRefreshFailed
		}
		return err
	}) != nil || reader.End() != nil || len(data) == 0 || data[0] != '{' {
		return false
	}
	if len(extensions) > 0 {
		r.readTags(extensions)
	}
	if r.fetch.entities == nil {
		return r.readRoot(data)
	}
	return r.readEntities(data)
}

// readTags takes the cache tags of what was fetched.
func (r *refresh) readTags(extensions []byte) {
	for i, l := range r.lookups {
		switch {
		case l == nil || !l.WantTags:
		case r.fetch.entities == nil:
			l.readRootTags(extensions)
		default:
			indices := r.entries[i].Indices
			l.readEntityTags(extensions, len(indices), len(r.lookups) == 1, func(n int) int { return indices[n] })
		}
	}
}

// errRefreshFailed means that a response has errors.
var errRefreshFailed = malformed("responded with errors")

// readRoot takes the data of a root fetch, which must have all fields.
func (r *refresh) readRoot(data []byte) bool {
	names := map[string]bool{}
	reader := jsonscan.NewReader(data, jsonscan.MaxDepth)
	if reader.Object(func(name []byte) error {
		names[string(name)] = true
		_, err := reader.Value()
		return err
	}) != nil {
		return false
	}
	for _, f := range r.fetch.shape.fields {
		if f.slot != headerSlot && !names[f.key()] {
			return false
		}
	}
	r.lookups[0].Fetched[0] = data
	return true
}

// readEntities takes the entities of an entity fetch.
func (r *refresh) readEntities(data []byte) bool {
	complete := true
	reader := jsonscan.NewReader(data, jsonscan.MaxDepth)
	err := reader.Object(func(name []byte) error {
		for i, e := range r.fetch.entities {
			if r.entries[i] != nil && string(e.responseKey[1:len(e.responseKey)-1]) == string(name) {
				list, err := reader.Value()
				complete = complete && err == nil && r.readList(i, list)
				return err
			}
		}
		_, err := reader.Value()
		return err
	})
	return complete && err == nil
}

func (r *refresh) readList(entity int, list []byte) bool {
	indices, fetched := r.entries[entity].Indices, r.lookups[entity].Fetched
	count := 0
	reader := jsonscan.NewReader(list, jsonscan.MaxDepth)
	err := reader.Array(func(i int) error {
		value, err := reader.Value()
		if count++; err == nil && i < len(indices) && (value[0] == '{' || string(value) == "null") {
			fetched[indices[i]] = value
		}
		return err
	})
	return err == nil && count == len(indices)
}
