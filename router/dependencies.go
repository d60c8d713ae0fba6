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

// The effects of a failing dependency on requests, for logs.
const (
	withoutSubgraph      = "fields of this subgraph have errors"
	withoutURL           = "requests go to the other URLs of the subgraph"
	withoutCache         = "requests go to the subgraphs, without the response cache"
	withoutSharedLimit   = "each router counts requests on its own"
	withoutRecords       = "REST requests with an Idempotency-Key get status 503, unless the operation takes the key itself"
	withoutDocuments     = "clients register documents with each router"
	withoutKeys          = "tokens are verified with the keys fetched before; tokens with other keys get status 503"
	withoutKeyStorage    = "a router that restarts while an issuer is unavailable cannot verify tokens"
	withoutConfiguration = "the current configuration stays in use"
	withoutCoprocessor   = "requests get status 503 at stages with on_failure closed, and skip the coprocessor at others"
)

// A watchedTransport reports the health of subgraphs from the results of requests.
type watchedTransport struct {
	execute.Transport
	subgraphs map[string]*dependency.Dependency
}

// openSubgraphs returns the dependencies of a supergraph by the names of its subgraphs, and a
// function that closes them.
func (r *Router) openSubgraphs(m *supergraph.Model) (map[string]*dependency.Dependency, func()) {
	opened := make(map[string]*dependency.Dependency, len(m.Subgraphs))
	for _, g := range m.Subgraphs {
		if g.EventsOnly {
			continue
		}
		opened[g.Name] = r.dependencies.Open(dependency.Subgraph, g.Name, dependency.Use{Effect: withoutSubgraph})
	}
	return opened, func() {
		for _, d := range opened {
			d.Close()
		}
	}
}

// Send implements execute.Transport.
func (t *watchedTransport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	response, err := t.Transport.Send(ctx, r)
	if err == nil && unavailable(response.Status) {
		t.subgraphs[r.Subgraph].Failed(ctx, fmt.Errorf("response with status %d", response.Status))
	} else {
		t.observe(ctx, r.Subgraph, err)
	}
	return response, err
}

// Refuse implements execute.Limiter.
func (t *watchedTransport) Refuse(subgraph string) bool {
	limiter, ok := t.Transport.(execute.Limiter)
	return ok && limiter.Refuse(subgraph)
}

// Subscribe implements execute.Transport.
func (t *watchedTransport) Subscribe(ctx context.Context, r *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	d := t.subgraphs[r.Subgraph]
	err := t.Transport.Subscribe(ctx, r, func(response *execute.SubgraphResponse) error {
		d.Succeeded(ctx)
		return event(response)
	})
	if err != nil { // a stream that ends without an event does not prove anything
		t.observe(ctx, r.Subgraph, err)
	}
	return err
}

// observe reports the result of a request. It ignores errors that do not show the state of
// the subgraph: canceled requests, rejections by hooks, a concurrency limit, and an open circuit breaker,
// which is itself a consequence of failures. A status below 500 counts as success.
func (t *watchedTransport) observe(ctx context.Context, subgraph string, err error) {
	d := t.subgraphs[subgraph]
	var failed *execute.TransportError
	switch {
	case err == nil:
		d.Succeeded(ctx)
	case !errors.As(err, &failed), failed.Code == execute.CodeCircuitOpen, failed.Code == execute.CodeSubgraphOverloaded, failed.Code == execute.CodeRejected, failed.Code == execute.CodeInternal:
	case failed.Status == 0 || failed.Status >= http.StatusInternalServerError:
		d.Failed(ctx, failed)
	default:
		d.Succeeded(ctx)
	}
}

// unavailable reports whether a status means that the service is unavailable, regardless of
// the body (RFC 9110, sections 15.6.3 to 15.6.5).
func unavailable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}
