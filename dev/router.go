package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/gateway/playground"
	"souk/schema"
	"souk/subgraphs"
)

// eventStream is the Redis stream on which the services' events travel.
const eventStream = "souk:events"

// startRouter starts the router over the services.
func (s *System) startRouter(ctx context.Context) (string, error) {
	tel, err := s.telemetry(ctx, routerName)
	if err != nil {
		return "", err
	}
	routes, err := fs.Sub(schema.Routes, "rest")
	if err != nil {
		return "", fmt.Errorf("reading the REST routes: %w", err)
	}
	files, err := fs.Sub(schema.Examples, "examples")
	if err != nil {
		return "", fmt.Errorf("reading the examples: %w", err)
	}
	examples, err := playground.Examples(files)
	if err != nil {
		return "", err
	}
	r, err := router.New(ctx, s.routerConfig(), router.Options{
		Supergraph: schema.Supergraph, Routes: routes, Examples: examples, Telemetry: tel, Guard: s.guard, Version: "dev",
		Extensions: s.extensions(),
	})
	if err != nil {
		return "", err
	}
	s.release(routerName, adminName)
	s.router = launch(ctx, "the router", s.failed, func(ctx context.Context) error {
		return errors.Join(r.Serve(ctx), r.Close(), shutdown(tel))
	})
	return s.URL(routerName), s.router.awaitReady(ctx, s.URL(routerName)+"/readyz")
}

// extensions are the router's, behind the check of hosts.
func (s *System) extensions() router.Extensions {
	x := s.opts.Extensions
	x.Middleware = append([]func(http.Handler) http.Handler{s.hosts().middleware}, x.Middleware...)
	x.AdminMiddleware = append([]func(http.Handler) http.Handler{s.hosts().middleware}, x.AdminMiddleware...)
	return x
}

// routerConfig is what manifests/ configures for a cluster, for this process.
func (s *System) routerConfig() config.Config {
	c := config.Default()
	c.Dev = true
	c.Listen, c.Admin.Listen = s.addresses[routerName], s.addresses[adminName]
	c.OverrideSubgraphURLs = map[string]string{}
	for _, name := range subgraphs.Names() {
		c.OverrideSubgraphURLs[name] = s.URL(name) + "/graphql"
	}
	c.DemandControl.Enabled, c.DemandControl.Max = true, 10_000
	c.Idempotency.MaxBytes = 8 << 20 // in the memory of this process, unless REDIS_URL is set
	c.Authentication.JWT.JWKS = []config.JWKS{{URL: s.URL("user") + "/.well-known/jwks.json"}}
	c.Subscriptions.DrainPeriod = 0 // no other router could take over
	c.ResponseCache = config.ResponseCache{
		Enabled: true,
		Redis:   config.Redis{URL: s.redis.url, Timeout: 150 * time.Millisecond},
		Subgraph: config.SubgraphCaches{
			All: config.SubgraphCache{TTL: time.Minute},
			Subgraphs: map[string]config.SubgraphCache{
				// Every caller is told the same of products.
				"product":   {Types: []string{"Product"}, Shared: true},
				"inventory": {Types: []string{"Product"}, Shared: true},
			},
		},
		Invalidation: config.CacheInvalidation{
			Stream: eventStream,
			Events: map[string][]string{"product.updated": {"Product"}, "inventory.updated": {"Product", "StockLevel.productId"}},
			Token:  s.token,
		},
	}
	return c
}
