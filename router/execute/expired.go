package execute

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// fallBack uses expired entries of the cache if the subgraph has failed. If they replace the
// whole response, the client gets no error. If there was no response at all, those that
// exist are part of the data, and the error remains.
func (x *execution) fallBack(ctx context.Context, f *fetch, state *fetchState) {
	if len(state.lookups) == 0 || ctx.Err() != nil {
		return
	}
	failure := state.unavailable()
	if failure == nil {
		return
	}
	x.executor.options.Cache.Expired(ctx, x.req.Caller, state.lookups)
	size, missing := state.expired(f)
	if size == 0 || missing && state.response != nil || state.room.Reserve(ctx, len(state.cached.B)+size) != nil {
		return
	}
	state.useExpired(f)
	if missing {
		return
	}
	if log := x.executor.options.LogError; log != nil {
		log(ctx, FetchError{Subgraph: f.subgraph, Code: failure.Code, Message: failure.Error()})
	}
	if state.response != nil {
		state.response.Body.Release()
	}
	state.response, state.err, state.sent = nil, nil, false
	state.stats.Err = failure
}

// unavailable returns why the subgraph could not respond: it could not be reached, took too
// long, its circuit breaker is open, its concurrency limit is reached, or it responded with status 5xx. It returns nil for
// everything else, such as a response with errors, or a request that was rejected.
func (state *fetchState) unavailable() *TransportError {
	var t *TransportError
	switch {
	case state.err == nil:
		if status := state.response.Status; status >= http.StatusInternalServerError {
			return &TransportError{Code: CodeHTTP, Message: fmt.Sprintf("responded with status %d", status), Status: status}
		}
	case !errors.As(state.err, &t) || t.Errors != nil:
	case t.Code == CodeTimeout, t.Code == CodeCircuitOpen, t.Code == CodeSubgraphOverloaded,
		t.Code == CodeHTTP && (t.Status == 0 || t.Status >= http.StatusInternalServerError):
		return t
	}
	return nil
}

// expired returns the size of the expired entries that the cache found for what the fetch has
// requested, and whether some are missing.
func (state *fetchState) expired(f *fetch) (size int, missing bool) {
	measure := func(found []Found, n int, entity bool) {
		if n < len(found) && found[n].Age > 0 && found[n].valid(entity) {
			size += len(found[n].JSON)
		} else {
			missing = true
		}
	}
	if f.entities == nil {
		measure(state.root.Found, 0, false)
	}
	for i := range f.entities {
		e := &state.entities[i]
		for n := range e.sendCount() {
			measure(e.lookup.Found, e.number(n), true)
		}
	}
	return size, missing
}

// useExpired copies the expired entries that the cache found for what the fetch has requested.
func (state *fetchState) useExpired(f *fetch) {
	if f.entities == nil {
		state.cachedRoot, _ = state.keep(state.root.Found[0], false)
	}
	for i := range f.entities {
		e := &state.entities[i]
		if e.lookup.CacheSelection == nil {
			continue
		}
		if len(e.cached) == 0 {
			e.cached = append(e.cached, make([]span, len(e.spans))...)
			e.sent = e.sent[:0]
			for n := range e.spans {
				e.sent = append(e.sent, uint32(n))
			}
		}
		for _, n := range e.sent {
			if e.lookup.Found[n].Age > 0 {
				e.cached[n], _ = state.keep(e.lookup.Found[n], true)
			}
		}
	}
}
