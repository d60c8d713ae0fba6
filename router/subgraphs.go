package router

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"souk/router/adaptive"
	"souk/router/auth"
	"souk/router/dependency"
	"souk/router/eventsource"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/internal/tlsfile"
	"souk/router/subgraph"
	"souk/router/supergraph"
	"souk/telemetry"
)

// transport returns the transport for the subgraphs of a supergraph and a function that closes
// it.
func (r *Router) transport(m *supergraph.Model) (execute.Transport, func(), error) {
	if err := r.checkNames(m); err != nil {
		return nil, nil, err
	}
	options := subgraph.Options{
		Subgraphs:     map[string]subgraph.Subgraph{},
		Propagator:    r.options.Telemetry.Propagator,
		Logger:        r.options.Telemetry.Logger,
		Writes:        r.shared.writes,
		ClientAddress: http.CanonicalHeaderKey(r.config.ClientAddress.SubgraphHeader),
		Hooks: subgraph.Hooks{
			Retried:       func(name string) { r.metrics.Subgraph(name).Retries.Inc() },
			Reconnected:   func(name string) { r.metrics.Subgraph(name).Reconnects.Inc() },
			Shared:        func(name string) { r.metrics.Subgraph(name).Shared.Inc() },
			HeartbeatLost: func(name string) { r.metrics.Subgraph(name).HeartbeatsLost.Inc() },

			Breaker: func(name string, state int) { r.metrics.Subgraph(name).Breaker.Set(float64(state)) },
		},
	}
	dependencies, closeSubgraphs := r.openSubgraphs(m)
	urls := r.openURLs(m)
	closeDependencies := func() { closeSubgraphs(); urls.close() }
	options.Hooks.URLBreaker, options.Hooks.Attempted = urls.breaker, urls.attempted
	if r.hooks.HasSubgraph() {
		options.Interceptor = &subgraphHooks{chain: r.hooks, log: r.logFault}
	}
	for _, g := range m.Subgraphs {
		if g.EventsOnly {
			continue
		}
		t := r.config.TrafficShaping.Of(g.Name)
		exportSubgraph(r.metrics.Subgraph(g.Name))
		secure, err := r.subgraphTLS(dependencies[g.Name], g.Name, t.TLS)
		if err != nil {
			closeDependencies()
			return nil, nil, err
		}
		options.Subgraphs[g.Name] = subgraph.Subgraph{
			URLs:               r.config.OverrideSubgraphURLs.Of(g.Name, g.URL),
			Timeout:            t.Timeout,
			ClientTimeout:      r.config.TrafficShaping.Router.Timeout,
			TimeoutHeader:      t.TimeoutHeader,
			MaxConnections:     t.MaxConnections,
			MaxIdleConnections: t.MaxIdleConnections,
			IdleTimeout:        t.IdleTimeout,
			MaxConnectionAge:   t.MaxConnectionAge,
			MaxResponseBytes:   t.MaxResponseBytes,
			HTTP2:              t.HTTP2,
			Client:             t.HTTPClient,
			TLS:                secure,
			Deduplicate:        t.DeduplicateQuery == nil || *t.DeduplicateQuery,
			Retry:              subgraph.Retry(t.Retry),
			Breaker:            breaker(t.CircuitBreaker),
			Limiter:            r.subgraphLimiter(g.Name, t.AdaptiveLimit),
			Headers:            []subgraph.HeaderRules{r.config.Headers.All.Rules(claim, contextText), r.config.Headers.Subgraphs[g.Name].Rules(claim, contextText)},
			Received:           receive(r.config.Headers.Returned(g.Name)),
			Subscriptions:      r.stream(r.config.Subscriptions.Of(g.Name)),
		}
	}
	t, err := subgraph.New(options)
	if err != nil {
		closeDependencies()
		return nil, nil, err
	}
	closeAll := func() { t.Close(); closeDependencies() }
	served, err := eventsource.NewTransport(&watchedTransport{Transport: t, subgraphs: dependencies}, m, r.eventHub)
	if err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("event streams of the supergraph: %w", err)
	}
	return served, closeAll, nil
}

// subgraphTLS returns a function that returns the TLS configuration of new connections to a
// subgraph.
func (r *Router) subgraphTLS(d *dependency.Dependency, name string, t config.ClientTLS) (func() *tls.Config, error) {
	source, err := t.Source(tlsfile.Options{
		Watch:   d.WatchCertificates,
		Changed: tlsChanged(context.Background(), r.options.Telemetry.Logger.With("subgraph", name)),
	})
	if err != nil {
		return nil, fmt.Errorf("TLS for the subgraph %q: %w", name, err)
	}
	return source.Config, nil
}

// breaker returns the circuit breaker settings. It is enabled by default.
func breaker(c config.CircuitBreaker) subgraph.Breaker {
	return subgraph.Breaker{
		Enabled: c.Enabled == nil || *c.Enabled, ErrorThreshold: c.ErrorThreshold, MinRequests: c.MinRequests, Window: c.Window,
		ConsecutiveTimeouts: c.ConsecutiveTimeouts, Rest: c.Rest,
	}
}

// subgraphLimiter returns the limiter of a subgraph, or nil.
func (r *Router) subgraphLimiter(name string, c config.AdaptiveLimit) *adaptive.Limiter {
	if c.Enabled == nil || !*c.Enabled {
		return nil
	}
	o, m := r.adaptiveOptions(c), r.metrics.Subgraph(name)
	o.Limit = r.metrics.SubgraphLimit(name)
	o.Shed = m.Shed.Inc
	if o.Measure {
		o.Shed = r.metrics.LimitExceeded(execute.CodeSubgraphOverloaded).Inc
	}
	return adaptive.New(o)
}

func (r *Router) adaptiveOptions(c config.AdaptiveLimit) adaptive.Options {
	return adaptive.Options{
		Min: c.Min, Max: c.Max, Initial: c.Initial, Tolerance: c.Tolerance,
		MaxWait: c.MaxWait, Measure: c.Measure != nil && *c.Measure, Now: r.options.now,
	}
}

func (r *Router) stream(s config.SubgraphStream) subgraph.Subscriptions {
	return subgraph.Subscriptions{
		Protocol: s.Protocol, URL: s.URL, Callback: r.callback(),
		ConnectTimeout: s.ConnectTimeout, ConnectAttempts: s.ConnectAttempts,
		Resume: s.Resume != nil && *s.Resume, MaxReconnects: s.MaxReconnects,
		Interval: s.Interval, MaxInterval: s.MaxInterval, PingInterval: s.PingInterval,
	}
}

// receive returns a function that hands headers to the client, or nil if there are none.
func receive(rules map[string]string) func(context.Context, http.Header) {
	if len(rules) == 0 {
		return nil
	}
	return func(ctx context.Context, header http.Header) { gateway.ReceiveHeader(ctx, rules, header) }
}

// claim returns a claim of the caller in ctx.
func claim(ctx context.Context, name string) string { return auth.From(ctx).Claim(name) }

// contextText returns a value of the request context that hooks or the coprocessor have set.
func contextText(ctx context.Context, name string) string {
	if e := hook.FromContext(ctx); e != nil {
		return e.ContextText(name)
	}
	return ""
}

// subgraphName is the attribute of spans about a subgraph.
const subgraphName = attribute.Key("graphql.subgraph.name")

// observe returns an observer that records metrics of each subgraph request, and a span if
// tracing is enabled.
func (r *Router) observe() execute.Observer {
	tracer := r.options.Telemetry.TracerProvider.Tracer("souk/router")
	traces := r.options.Telemetry.Traces()
	observer := r.options.Observer
	return func(ctx context.Context, req *execute.SubgraphRequest, info execute.FetchInfo) (context.Context, func(*execute.FetchStatistics)) {
		metrics := r.metrics.Subgraph(req.Subgraph)
		metrics.InFlight.Inc()
		var span trace.Span
		if traces {
			ctx, span = tracer.Start(ctx, "graphql.subgraph.operation", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
				subgraphName.String(req.Subgraph),
				attribute.String("graphql.operation.type", req.Kind.String()),
				attribute.Int("graphql.subgraph.representations", info.Representations),
			))
		}
		var end func(error)
		if observer != nil {
			ctx, end = observer.BeginStage(ctx, hook.Stage{Name: hook.SubgraphOperation, Subgraph: req.Subgraph})
		}
		return ctx, func(f *execute.FetchStatistics) {
			if end != nil {
				end(f.Err)
			}
			metrics.InFlight.Dec()
			telemetry.Observe(ctx, metrics.Duration, f.Duration.Seconds())
			if f.Err != nil {
				var failed *execute.TransportError
				if errors.As(f.Err, &failed) {
					metrics.Error(failed.Code).Inc()
				}
			}
			if span != nil {
				if f.Err != nil {
					span.SetStatus(codes.Error, f.Err.Error())
				}
				span.End()
			}
		}
	}
}
