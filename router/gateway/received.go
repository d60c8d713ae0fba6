package gateway

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"

	"souk/router/execute"
)

// received collects the headers of subgraphs' responses that the client gets.
type received struct {
	mu     sync.Mutex
	header http.Header
}

type receivedKey struct{}

// ReceiveHeader adds headers of a subgraph's response to those for the client of the operation in
// ctx, if it has a response of its own. rules maps the canonical name of each header to first,
// last or append, which say what several responses make of it.
func ReceiveHeader(ctx context.Context, rules map[string]string, header http.Header) {
	r, ok := ctx.Value(receivedKey{}).(*received)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, merge := range rules {
		values, before := header[name], r.header[name]
		switch {
		case len(values) == 0, merge == "first" && len(before) > 0:
		case merge == "append":
			r.header[name] = append(before, values...)
		default:
			r.header[name] = slices.Clone(values)
		}
	}
}

// executeReceiving executes an operation. If it has an HTTP response of its own, it keeps the
// headers of subgraphs for it.
func (x *exchange) executeReceiving(ctx context.Context, req *execute.Request) *execute.Response {
	if !x.receives || x.batch {
		return x.snapshot.executor.Execute(ctx, req)
	}
	r := &received{header: http.Header{}}
	response := x.snapshot.executor.Execute(context.WithValue(ctx, receivedKey{}, r), req)
	// A request that is abandoned at its deadline may still receive a response.
	r.mu.Lock()
	defer r.mu.Unlock()
	x.received = maps.Clone(r.header)
	return response
}
