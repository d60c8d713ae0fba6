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
	"souk/router/gateway/config"
	"souk/router/operation"
)

// flights are the queries being answered that others may wait for.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight
}

// A flight is one execution with those who wait for it.
type flight struct {
	done    chan struct{}
	body    *execute.Body    // for each who waits
	waiting int              // guarded by flights.mu
	outcome execute.Response // without its memory
}

// shares says whether a request may be answered by what an equal one gets.
func (x *exchange) shares(p *prepared) bool {
	return x.config.TrafficShaping.Router.Deduplicate && p.op.Kind == operation.Query
}

// shareKey is all that an answer depends on: the operation by its program,
// variables, and each header that a subgraph or the gateway may look at.
func (x *exchange) shareKey(p *prepared) string {
	return x.equalityKey(p, x.sharedHeaders())
}

// streamKey is all that the events of a subscription depend on: the operation
// on one supergraph, the caller, and what a subgraph is told of the request.
func (x *exchange) streamKey(p *prepared) string {
	names := propagated(x.config.Headers)
	for i := range names {
		names[i] = http.CanonicalHeaderKey(names[i])
	}
	slices.Sort(names)
	return fmt.Sprintf("%p\x00%s\x00%s", x.snapshot, x.caller().Scope, x.equalityKey(p, slices.Compact(names)))
}

// equalityKey is equal for requests with equal operations and equal values of
// the named headers.
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
	names := []string{"Authorization", "Cookie", x.config.Authentication.JWT.Header}
	names = append(names, x.config.TrafficShaping.Router.DeduplicateBy...)
	names = append(names, propagated(x.config.Headers)...)
	for i := range names {
		names[i] = http.CanonicalHeaderKey(names[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// serveShared waits for an equal query under way, or answers for all that
// come while it is. An execution does not end with the client that began it.
func (x *exchange) serveShared(p *prepared, start time.Time) {
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
		x.fly(f, key, p, start)
	} else {
		f.waiting++
		x.flights.mu.Unlock()
		x.metrics.Joined.Inc()
		select {
		case <-f.done:
		case <-x.r.Context().Done():
			x.flights.leave(f)
			return
		}
	}
	if f.body == nil {
		x.fail(errFlight)
		return
	}
	defer f.body.Release()
	x.respond(p, f.body.Bytes, &f.outcome)
}

var errFlight = errors.New("the equal query that was to answer this one failed")

// leave takes one off who does not wait for the answer any longer.
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

func (x *exchange) fly(f *flight, key string, p *prepared, start time.Time) {
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
	f.outcome = execute.Response{Errors: response.Errors, DataNull: response.DataNull, Control: response.Control, Shed: response.Shed}
	response.Release()
}

// propagated are the names of all client headers that any subgraph is sent.
func propagated(c config.Headers) []string {
	names := slices.Clone(c.All.Propagate)
	for _, rules := range c.Subgraphs {
		names = append(names, rules.Propagate...)
	}
	return names
}
