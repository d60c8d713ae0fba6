package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// flights holds the queries in progress whose responses identical queries can share.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight
}

// A flight is one execution and the requests that wait for its response.
type flight struct {
	done    chan struct{}
	body    *execute.Body    // retained once for each waiting request
	waiting int              // guarded by flights.mu
	outcome execute.Response // without its memory
}

// shares reports whether a request may share the response of an identical one. It does not if
// the response may have headers for one client, such as Set-Cookie, or its plan.
func (x *exchange) shares(p *prepared) bool {
	return x.config.TrafficShaping.Router.Deduplicate && !x.receives && x.exposed == exposeNothing && p.op.Kind == operation.Query
}

// shareKey returns a key of everything that a response depends on: the operation, its
// variables, and each header that a subgraph or the gateway may read.
func (x *exchange) shareKey(p *prepared) string {
	return x.equalityKey(p, x.sharedHeaders())
}

// streamKey returns a key of everything that the events of a subscription depend on: the
// operation and its snapshot, the caller, and the headers that subgraphs receive.
func (x *exchange) streamKey(p *prepared) string {
	return fmt.Sprintf("%p\x00%s\x00%s", x.snapshot, x.caller().Scope, x.equalityKey(p, x.sent.In(x.r.Header)))
}

// equalityKey returns the same key for requests with the same operation, variables,
// labels and values of the named headers.
func (x *exchange) equalityKey(p *prepared, headers []string) string {
	var b strings.Builder
	part := func(s string) {
		b.WriteString(s)
		b.WriteByte(0)
	}
	part(x.snapshot.id)
	part(p.document.text)
	part(p.document.name)
	part(p.op.Key())
	part(string(p.labels))
	if x.hooked != nil {
		part(x.hooked.Partition)
	}
	if x.forwards() {
		part(x.keyOf(x.snapshot.forwarded.extensions, x.snapshot.forwarded.values))
	}
	for _, v := range p.vars {
		part(v.Name)
		part(string(v.Value))
	}
	for _, name := range headers {
		part(name)
		for _, value := range x.r.Header[name] {
			part(value)
		}
		part("")
	}
	return b.String()
}

func (x *exchange) sharedHeaders() []string {
	names := append([]string{"Authorization", "Cookie"}, x.config.Authentication.JWT.Headers()...)
	names = append(names, x.config.TrafficShaping.Router.DeduplicateBy...)
	names = append(names, x.sent.In(x.r.Header)...)
	for i := range names {
		names[i] = http.CanonicalHeaderKey(names[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// serveShared responds to a query with the response of an identical one in progress, if
// there is one.
func (x *exchange) serveShared(p *prepared, start time.Time) {
	f := x.join(x.r.Context(), p, start)
	switch {
	case f == nil: // the client has disconnected
	case f.body == nil:
		x.fail(errFlight)
	default:
		defer f.body.Release()
		x.sawShared(f)
		x.respond(p, f.body.Bytes, &f.outcome)
	}
}

// join waits for an identical query in progress, or executes the query for all identical
// ones that arrive in the meantime. The execution continues if the client that started
// it disconnects. join returns nil if ctx ends first. Otherwise the caller must release
// the body, which is nil if the execution failed.
func (x *exchange) join(ctx context.Context, p *prepared, start time.Time) *flight {
	key := x.shareKey(p)
	x.flights.mu.Lock()
	f := x.flights.open[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		if x.flights.open == nil {
			x.flights.open = map[string]*flight{}
		}
		x.flights.open[key] = f
		x.flights.mu.Unlock()
		x.execute(f, key, p, start)
		return f
	}
	f.waiting++
	if x.seen != nil {
		x.seen.Shared = true
	}
	x.flights.mu.Unlock()
	x.metrics.Joined.Inc()
	select {
	case <-f.done:
		if f.body != nil && !f.outcome.Shed { // otherwise, it is rejected
			x.metrics.Ended(x.metrics.blame.Outcome(f.outcome.Codes, f.outcome.DataNull)).Inc()
		}
		return f
	case <-ctx.Done():
		x.flights.leave(f)
		return nil
	}
}

var errFlight = errors.New("the shared execution of an identical query failed")

// leave removes a request that has stopped waiting.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	select {
	case <-f.done:
		if f.body != nil {
			f.body.Release()
		}
	default:
		f.waiting--
	}
}

// execute executes the query of a flight and hands the response to all that wait for it.
func (x *exchange) execute(f *flight, key string, p *prepared, start time.Time) {
	defer func() {
		x.flights.mu.Lock()
		defer x.flights.mu.Unlock()
		delete(x.flights.open, key)
		for range f.waiting {
			if f.body != nil { // it is nil after a panic
				f.body.Retain()
			}
		}
		close(f.done)
	}()
	ctx, cancel := x.deadline(context.WithoutCancel(x.r.Context()))
	defer cancel()
	response := x.run(ctx, p, start)
	f.body = response.Detach()
	f.outcome = execute.Response{Errors: response.Errors, Codes: response.Codes, Services: response.Services, DataNull: response.DataNull, Control: response.Control, Shed: response.Shed, Denied: response.Denied}
	response.Release()
}
