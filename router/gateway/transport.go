package gateway

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/subgraph"
	"souk/router/supergraph"
)

// newTransport makes what carries requests to a supergraph's subgraphs as the
// configuration says.
func (gw *Gateway) newTransport(m *supergraph.Model) (execute.Transport, func(), error) {
	c := gw.config
	for name := range c.OverrideSubgraphURLs {
		if m.Graph(name) == nil {
			return nil, nil, fmt.Errorf("override_subgraph_urls names %q, which is not among the supergraph's subgraphs", name)
		}
	}
	o := subgraph.Options{
		Subgraphs:  map[string]subgraph.Subgraph{},
		Propagator: otel.GetTextMapPropagator(),
		Logger:     gw.logger,
		Hooks: subgraph.Hooks{
			Retried: func(name string) { gw.metrics.Subgraph(name).Retries.Inc() },
			Shared:  func(name string) { gw.metrics.Subgraph(name).Shared.Inc() },
			Breaker: func(name string, state int) { gw.metrics.Subgraph(name).Breaker.Set(float64(state)) },
		},
	}
	for _, g := range m.Graphs {
		url := g.URL
		if other, ok := c.OverrideSubgraphURLs[g.Name]; ok {
			url = other
		}
		o.Subgraphs[g.Name] = traffic(c, g.Name, url)
	}
	t, err := subgraph.New(o)
	if err != nil {
		return nil, nil, err
	}
	return t, t.Close, nil
}

func traffic(c config.Config, name, url string) subgraph.Subgraph {
	t := c.TrafficShaping.Of(name)
	return subgraph.Subgraph{
		URL: url, Timeout: t.Timeout,
		MaxConnections: t.MaxConnections, MaxIdleConnections: t.MaxIdleConnections, IdleTimeout: t.IdleTimeout,
		MaxResponseBytes: t.MaxResponseBytes, HTTP2: t.HTTP2,
		Deduplicate: t.DeduplicateQuery == nil || *t.DeduplicateQuery,
		Retry:       subgraph.Retry(t.Retry),
		Breaker:     subgraph.Breaker(t.CircuitBreaker),
		Headers:     []subgraph.HeaderRules{headerRules(c.Headers.All), headerRules(c.Headers.Subgraphs[name])},
		Subscriptions: subgraph.Subscriptions{
			Protocol: c.Subscriptions.Subgraphs[name].Protocol,
			URL:      c.Subscriptions.Subgraphs[name].URL,
		},
	}
}

func headerRules(c config.HeaderRules) subgraph.HeaderRules {
	r := subgraph.HeaderRules{Remove: c.Remove, Set: c.Set}
	for _, name := range c.Propagate {
		r.Propagate = append(r.Propagate, subgraph.Propagation{From: name})
	}
	return r
}

// observe counts, times and traces a request to a subgraph.
func (gw *Gateway) observe(ctx context.Context, r *execute.SubgraphRequest, f execute.FetchInfo) (context.Context, func(*execute.FetchStatistics)) {
	m := gw.metrics.Subgraph(r.Subgraph)
	m.InFlight.Inc()
	var span trace.Span
	if trace.SpanFromContext(ctx).IsRecording() {
		ctx, span = gw.tracer.Start(ctx, "graphql.subgraph.operation", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("graphql.operation.type", r.Kind.String()),
			attribute.String("souk.subgraph.name", r.Subgraph),
			attribute.Int("souk.plan.step", f.Step),
			attribute.Int("souk.representations", f.Representations),
		))
	}
	return ctx, func(s *execute.FetchStatistics) {
		m.InFlight.Dec()
		m.Duration.Observe(s.Duration.Seconds())
		if s.Err != nil {
			m.Error(errorCode(s.Err)).Inc()
		}
		if span == nil {
			return
		}
		span.SetAttributes(attribute.Int("http.response.status_code", s.Status), attribute.Int("souk.cache.found", s.Found))
		if s.Err != nil {
			span.SetStatus(codes.Error, s.Err.Error())
		}
		span.End()
	}
}

// propagated are the names of all client headers that any subgraph is sent.
func propagated(c config.Headers) []string {
	names := slices.Clone(c.All.Propagate)
	for _, rules := range c.Subgraphs {
		names = append(names, rules.Propagate...)
	}
	return names
}
