package router

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"souk/router/dependency"
	"souk/router/execute"
	"souk/router/supergraph"
)

// What the failure of a dependency means for requests, as the log tells it.
const (
	withoutSubgraph      = "fields of this subgraph are answered with errors"
	withoutCache         = "requests go to the subgraphs, without the response cache"
	withoutSharedLimit   = "each router counts requests for itself"
	withoutRecords       = "REST requests with an Idempotency-Key are answered with 503, unless the operation takes the key itself"
	withoutKeys          = "tokens are verified by the keys known so far; a token that needs another one is answered with 503"
	withoutConfiguration = "the configuration in use stays"
	withoutCoprocessor   = "stages with on_failure closed are answered with 503, others go on without the coprocessor"
)

// A watchedTransport reports how requests to subgraphs go.
type watchedTransport struct {
	execute.Transport
	subgraphs map[string]*dependency.Dependency
}

// watchSubgraphs puts a watch on a transport for the subgraphs of a
// supergraph, and gives what ends it.
func (r *Router) watchSubgraphs(m *supergraph.Model, t execute.Transport) (execute.Transport, func()) {
	watched := &watchedTransport{Transport: t, subgraphs: make(map[string]*dependency.Dependency, len(m.Subgraphs))}
	for _, g := range m.Subgraphs {
		watched.subgraphs[g.Name] = r.dependencies.Open(dependency.Subgraph, g.Name, dependency.Use{Effect: withoutSubgraph})
	}
	return watched, func() {
		for _, d := range watched.subgraphs {
			d.Close()
		}
	}
}

// Send implements execute.Transport.
func (t *watchedTransport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	response, err := t.Transport.Send(ctx, r)
	if err == nil && unavailable(response.Status) {
		t.subgraphs[r.Subgraph].Failed(ctx, fmt.Errorf("it answered with status %d", response.Status))
	} else {
		t.observe(ctx, r.Subgraph, err)
	}
	return response, err
}

// Subscribe implements execute.Transport.
func (t *watchedTransport) Subscribe(ctx context.Context, r *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	d := t.subgraphs[r.Subgraph]
	err := t.Transport.Subscribe(ctx, r, func(response *execute.SubgraphResponse) error {
		d.Succeeded(ctx)
		return event(response)
	})
	if err != nil { // a stream that ends without an event says nothing
		t.observe(ctx, r.Subgraph, err)
	}
	return err
}

// observe tells failures of a subgraph from what does not speak against it: a
// client that went away, an answer to a request that the subgraph refused, a
// circuit breaker that is open, which is a consequence, and hooks.
func (t *watchedTransport) observe(ctx context.Context, subgraph string, err error) {
	d := t.subgraphs[subgraph]
	var failed *execute.TransportError
	switch {
	case err == nil:
		d.Succeeded(ctx)
	case !errors.As(err, &failed), failed.Code == execute.CodeCircuitOpen, failed.Code == execute.CodeRejected, failed.Code == execute.CodeInternal:
	case failed.Status == 0 || failed.Status >= http.StatusInternalServerError:
		d.Failed(ctx, failed)
	default:
		d.Succeeded(ctx)
	}
}

// unavailable says whether a status means that nobody could answer, whatever
// else the answer says (RFC 9110, sections 15.6.3 to 15.6.5).
func unavailable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}
