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

// eventStream is the Redis stream of the services' events.
const eventStream = "souk:events"

// StartRouter starts the router and waits until it is ready.
func (s *System) StartRouter(ctx context.Context) error {
	_, err := s.startRouter(ctx)
	return err
}

func (s *System) startRouter(ctx context.Context) (string, error) {
	tel, err := s.telemetry(ctx, routerName)
	if err != nil {
		return "", err
	}
	routes, err := fs.Sub(schema.Routes, "rest")
	if err != nil {
		return "", fmt.Errorf("opening the REST routes: %w", err)
	}
	files, err := fs.Sub(schema.Examples, "examples")
	if err != nil {
		return "", fmt.Errorf("opening the examples: %w", err)
	}
	examples, err := playground.Examples(files)
	if err != nil {
		return "", err
	}
	c, graph := s.routerConfig(), schema.Supergraph
	if s.opts.Router != nil {
		s.opts.Router(&c)
	}
	if c.Supergraph.Remote.Configured() || c.Supergraph.File != config.Default().Supergraph.File {
		graph = "" // the router reads it
	}
	r, err := router.New(ctx, c, router.Options{
		Supergraph: graph, Routes: routes, Examples: examples, Telemetry: tel, Guard: s.guard, Version: "dev",
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

// StopRouter stops the router after the requests in progress.
func (s *System) StopRouter() error {
	c := s.router
	s.router = nil
	return c.stop()
}

// RouterVariables returns the environment variables with which `souk router`
// can run in a separate process, in place of the router that StopRouter
// stopped, with the configuration of the cluster.
func (s *System) RouterVariables() map[string]string {
	return map[string]string{"INVALIDATION_TOKEN": s.token, "LAST_GOOD_KEYS_SECRET": s.token}
}

// extensions are the router's, behind the check of hosts.
func (s *System) extensions() router.Extensions {
	x := s.opts.Extensions
	x.Middleware = append([]func(http.Handler) http.Handler{s.checkHost}, x.Middleware...)
	x.AdminMiddleware = append([]func(http.Handler) http.Handler{s.checkHost}, x.AdminMiddleware...)
	return x
}

// routerConfig returns the configuration that manifests/ has for a cluster,
// adapted to this process.
func (s *System) routerConfig() config.Config {
	c := config.Default()
	c.Dev = true
	c.Listen, c.Admin.Listen = s.addresses[routerName], s.addresses[adminName]
	c.Admin.Bundle = true
	c.OverrideSubgraphURLs = config.SubgraphURLs{}
	c.Admin.Console.Events = config.ConsoleEvents{Services: map[string]string{}, Token: s.eventsToken}
	for _, name := range subgraphs.Names() {
		c.OverrideSubgraphURLs[name] = []string{s.URL(name) + "/graphql"}
		c.Admin.Console.Events.Services[name] = s.URL(name)
	}
	c.TrafficShaping.All.TimeoutHeader = "Souk-Timeout-Ms"
	// Placing an order takes much longer than anything else that the service does, so the limit
	// may never be as low as the others' latency suggests.
	c.TrafficShaping.Subgraphs = map[string]config.SubgraphTraffic{
		"order": {AdaptiveLimit: config.AdaptiveLimit{Enabled: new(true), Min: 12, Max: 200, Initial: 20, Tolerance: 1.5, MaxWait: 60 * time.Millisecond}},
	}
	c.ClientAddress.SubgraphHeader = "Souk-Client-Address"
	c.DemandControl.Enabled, c.DemandControl.Max = true, 10_000
	c.Idempotency.MaxBytes = 8 << 20 // in this process's memory, unless REDIS_URL is set
	c.Authentication.JWT.JWKS = []config.JWKS{{URL: s.URL("user") + "/.well-known/jwks.json"}}
	c.Authentication.JWT.LastGoodKeys.Directory = s.opts.Dir
	c.Telemetry.ClientErrorCodes = []string{"OUT_OF_STOCK", "PAYMENT_DECLINED", "TOTAL_CHANGED"}
	c.Subscriptions.DrainPeriod = 0 // there is no other router to take over
	c.ResponseCache = config.ResponseCache{
		Enabled: true,
		Redis:   config.Redis{URL: s.redis.url, Timeout: 150 * time.Millisecond},
		Subgraph: config.SubgraphCaches{
			All: config.SubgraphCache{TTL: time.Minute},
			Subgraphs: map[string]config.SubgraphCache{
				// All callers get the same data of products.
				"product":   {Types: []string{"Product"}, Shared: true},
				"inventory": {Types: []string{"Product"}, Shared: true},
			},
		},
		Invalidation: config.CacheInvalidation{
			Stream: eventStream,
			Events: map[string][]string{"product.updated": {"Product"}, "inventory.updated": {"Product", "StockLevel.productId"}, "user.erased": {"User"}},
			Token:  s.token,
		},
	}
	return c
}
