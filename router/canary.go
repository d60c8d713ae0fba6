package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/canary"
	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/limit"
	"souk/router/operation"
	routertelemetry "souk/router/telemetry"
)

// The variants of a router, as in metrics.
const (
	variantMain   = "main"
	variantCanary = "canary"
	variantShadow = "shadow"
)

// An origin is the router that a canary belongs to.
type origin struct {
	router  *Router
	variant string
}

// addCanary starts the canary, and returns the handler that passes it its share of the requests.
func (r *Router) addCanary(ctx context.Context, main http.Handler) (http.Handler, error) {
	c := r.config.Canary
	if !c.Configured() || r.options.origin != nil {
		return main, nil
	}
	made, err := r.newCanary(ctx)
	if err != nil {
		return nil, fmt.Errorf("the canary: %w", err)
	}
	r.canary = made
	r.closers = append(r.closers, made.Close)
	if c.Mode != "shadow" {
		r.closers = append(r.closers, r.shared.variant.expose(r.options.Telemetry))
	}
	choice := canary.Choice{Percent: c.Percent, Key: r.canaryKey(), Random: rand.Float64}
	if c.Mode == "shadow" {
		r.shadow = canary.NewShadow(canary.ShadowOptions{
			Choice: choice, Takes: r.config.Endpoint().Matches, Handler: made.withClientAddress(made.gateway.Handler()),
			Queue: c.Shadow.Queue, Concurrency: c.Shadow.Concurrency, MaxBytes: c.Shadow.MaxBytes, Timeout: r.config.TrafficShaping.Router.Timeout,
			Counted: func(result string) { r.metrics.Shadow(result).Inc() },
			Logger:  made.options.Telemetry.Logger,
		})
		r.closers = append(r.closers, func() error { r.shadow.Close(); return nil }) // before the canary
		return r.shadow.Wrap(main), nil
	}
	handler := made.gateway.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if choice.Takes(req) {
			handler.ServeHTTP(w, req)
			return
		}
		main.ServeHTTP(w, req)
	}), nil
}

// newCanary returns the router of the canary. It serves nothing itself: its requests pass the
// ports, the telemetry and the access log of the main one.
func (r *Router) newCanary(ctx context.Context) (*Router, error) {
	c, o := r.config, r.options
	var s *shared
	// r.options has the hooks of the coprocessor, too, which the canary adds itself.
	o.Hooks = o.Hooks[:r.ownHooks]
	o.origin = &origin{router: r, variant: variantCanary}
	o.inUse = ""
	if c.Canary.HasSupergraph() {
		o.Supergraph, o.former = "", o.formerCanary
		c.Supergraph.File, c.Supergraph.Remote = c.Canary.Supergraph, c.Canary.Remote
	}
	c.OverrideSubgraphURLs = maps.Clone(c.OverrideSubgraphURLs)
	if c.OverrideSubgraphURLs == nil {
		c.OverrideSubgraphURLs = config.SubgraphURLs{}
	}
	maps.Copy(c.OverrideSubgraphURLs, c.Canary.OverrideSubgraphURLs)
	c.Admin.Console.Enabled = false
	if c.Canary.Mode == "shadow" {
		o.origin.variant = variantShadow
	}
	apart := *o.Telemetry
	apart.Logger = apart.Logger.With(slog.String(variantLabel, o.origin.variant))
	o.Telemetry = &apart
	if o.origin.variant == variantShadow {
		o.Hooks = append(o.Hooks[:len(o.Hooks):len(o.Hooks)], hook.Hooks{Name: "shadow", Operation: onlyQueries})
		c.RateLimit.Enabled, c.MCP.Enabled = false, false
		// Its operations are no traffic, so they must not appear in the metrics.
		apart.Registry = prometheus.NewRegistry()
		s = newShared(c, o)
		s.writes = r.shared.writes // of what its queries read
	} else {
		s = r.shared.ofVariant(c, o)
	}
	o.Source = nil // r has reported its warnings
	made, err := newRouter(ctx, c, o, s)
	if err != nil {
		if o.origin.variant == variantShadow {
			err = errors.Join(err, s.close())
		}
		return nil, err
	}
	if o.origin.variant == variantShadow {
		made.closers = append([]func() error{s.close}, made.closers...) // runs last
	}
	return made, nil
}

// onlyQueries keeps the canary from executing copies of mutations and subscriptions.
func onlyQueries(ctx context.Context, e *hook.Exchange) error {
	if e.Operation.Kind == operation.Query {
		return nil
	}
	canary.RefuseOthers(ctx)
	return hook.Reject(http.StatusForbidden, execute.CodeRejected, "Only queries are copied.")
}

// canaryKey returns what requests to the same variant have in common, or nil for chance.
func (r *Router) canaryKey() func(*http.Request) string {
	address := limit.ByAddress(r.addresses.Of)
	c, jwt := r.config.Canary, r.config.Authentication.JWT
	switch c.By {
	case "ip":
		return address
	case "client":
		return limit.ByClient(r.addresses.Of)
	case "header":
		return limit.ByHeader(c.Header, r.addresses.Of)
	case "subject":
		return canary.BySubject(jwt.Header, jwt.Scheme, address)
	}
	return nil
}

// variant is the name of the router among variants, or "" if there are none.
func (r *Router) variant() string {
	switch {
	case r.options.origin != nil:
		return r.options.origin.variant
	case r.config.Canary.Configured():
		return variantMain
	}
	return ""
}

// variantKeys returns the prefix of what variants must not share in Redis.
func (r *Router) variantKeys() string {
	if r.options.origin == nil {
		return ""
	}
	return r.options.origin.variant + ":"
}

// remoteKey is the key of the block with the remote supergraph, if there is one.
func (r *Router) remoteKey() string {
	if r.options.origin != nil && r.options.origin.router.config.Canary.HasSupergraph() {
		return "canary.remote"
	}
	return "supergraph.remote"
}

// reportVariant counts the operations of a variant, in the metrics of the main router.
func reportVariant(m *routertelemetry.Metrics, variant string) func(context.Context, *record.Operation) {
	ok, failed := m.Variant(variant, "ok"), m.Variant(variant, "errors")
	return func(_ context.Context, o *record.Operation) {
		switch {
		case o.Stream, variant == variantShadow && o.Document != nil && o.Document.Kind != operation.Query: // or not executed
		case o.Errors > 0:
			failed.Observe(o.Duration.Seconds())
		default:
			ok.Observe(o.Duration.Seconds())
		}
	}
}
