package router

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/memory"
	"souk/router/auth"
	"souk/router/cache"
	"souk/router/dependency"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/gateway/playground"
	"souk/router/hook"
	"souk/router/internal/clientaddr"
	"souk/router/internal/hookchain"
	"souk/router/rest"
	routertelemetry "souk/router/telemetry"
	"souk/telemetry"
)

// Options are what a router is given beside its configuration.
type Options struct {
	// Supergraph is the SDL; the configuration's file is read when it is empty.
	Supergraph string
	// Routes are the REST routes' documents; nil for none.
	Routes fs.FS
	// Examples are the playground's tabs.
	Examples []playground.Example
	// Telemetry takes logs, metrics and traces. If it is nil the router makes one
	// of the configuration and the environment, and shuts it down when it is
	// closed.
	Telemetry *telemetry.Telemetry
	// Guard says when memory is nearly full and operations are refused; nil for
	// never.
	Guard *memory.Guard
	// Version of the program, for the OpenAPI description.
	Version string
	// Source tells where the configuration has its keys, for messages; nil for
	// nowhere.
	Source *config.Source
	Extensions
}

// Extensions are what a program adds to its router. They are used by many
// requests at the same time and outlive changes of the configuration and of the
// supergraph. What is not set costs nothing.
//
// A request passes them in this order: Middleware, Authenticator, the rate limit,
// Hooks at the point Request, at Operation, Policies, the limit on cost,
// OverrideLabels, Hooks at Plan, then those at the subgraph points and at
// Response. See package hook for what hooks are and when they run.
type Extensions struct {
	// Middleware stands before everything on the public port, the first
	// outermost. It sees a WebSocket once, at the handshake.
	Middleware []func(http.Handler) http.Handler
	// AdminMiddleware does the same on the admin port.
	AdminMiddleware []func(http.Handler) http.Handler
	// Handlers are served on the public port, by pattern of http.ServeMux,
	// behind CORS and everything else of the router's own.
	Handlers map[string]http.Handler
	// AdminHandlers are served on the admin port.
	AdminHandlers map[string]http.Handler
	// Authenticator says who is calling, before the access tokens of the
	// configuration are looked at; nil for those alone.
	Authenticator Authenticator
	// Policies decides on @policy; nil to go by the claims policies and roles of
	// access tokens.
	Policies auth.PolicyEvaluator
	// OverrideLabels gives the labels of progressive overrides (@override(label:))
	// that are on for a request, beside those that the configuration turns on.
	// Their set is a part of plans' keys: there should be few different ones.
	OverrideLabels func(*http.Request) []string
	// Hooks take part in every operation.
	Hooks []hook.Hooks
	// Observer is told of the stages of operations, for traces and logs.
	Observer hook.Observer
}

// An Authenticator says who sent a request.
type Authenticator interface {
	// Authenticate gives the caller of an HTTP request, or of a WebSocket with
	// the headers that connection_init has given: nil if the request has no
	// credentials of the authenticator's kind, so that an access token is looked
	// for. An [*auth.TokenError] refuses the request with 401, any other error
	// with 503. It must not read the request's body.
	Authenticate(r *http.Request) (*auth.Caller, error)
}

// A Router is a gateway with everything around it.
type Router struct {
	config  config.Config
	options Options
	metrics *routertelemetry.Metrics
	memory  *memory.Budget
	// dependencies outlive a change of configuration.
	dependencies *dependency.Set

	gateway *gateway.Gateway
	cache   *cache.Cache
	// addresses finds out where clients are.
	addresses *clientaddr.Resolver
	hooks     *hookchain.Chain      // nil for none
	records   redis.UniversalClient // for idempotency keys; nil without Redis
	public    http.Handler
	admin     http.Handler
	closers   []func() error
	// loaded: the first supergraph is in use.
	loaded atomic.Bool
}

// New makes a router and loads its supergraph. The context bounds nothing but
// the start; Close ends what runs beside requests.
func New(ctx context.Context, c config.Config, o Options) (*Router, error) {
	shutdown, err := o.setTelemetry(ctx, c)
	if err != nil {
		return nil, err
	}
	m := routertelemetry.New(o.Telemetry.Registry)
	r, err := newRouter(ctx, c, o, m, newDependencies(o, m))
	if err != nil {
		return nil, errors.Join(err, shutdown())
	}
	r.closers = append([]func() error{shutdown}, r.closers...) // the last
	return r, nil
}

// shutdownTimeout bounds how long the last traces may take to be sent.
const shutdownTimeout = 5 * time.Second

// setTelemetry sets Telemetry unless it is set. The result ends what it has made.
func (o *Options) setTelemetry(ctx context.Context, c config.Config) (func() error, error) {
	if o.Telemetry != nil {
		return func() error { return nil }, nil
	}
	made, err := telemetry.Setup(ctx, telemetry.Options{
		ServiceName: c.Telemetry.ServiceName, ServiceVersion: o.Version, LogLevel: c.Log.Level, LogFormat: c.Log.Format,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up telemetry: %w", err)
	}
	o.Telemetry = made
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		return made.Shutdown(ctx)
	}, nil
}

func newDependencies(o Options, m *routertelemetry.Metrics) *dependency.Set {
	return dependency.NewSet(dependency.Options{Logger: o.Telemetry.Logger, Metrics: m})
}

func newRouter(ctx context.Context, c config.Config, o Options, m *routertelemetry.Metrics, d *dependency.Set) (*Router, error) {
	r := &Router{config: c, options: o, metrics: m, dependencies: d}
	if err := r.build(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Router) build(ctx context.Context) error {
	r.memory = memory.NewBudget(r.config.Limits.MaxInFlightBytes)
	if err := r.addHooks(); err != nil {
		return err
	}
	options := gateway.Options{
		Memory:     r.memory,
		Supergraph: r.options.Supergraph,
		Transport:  r.transport,
		Observe:    r.observe(),
		Examples:   r.options.Examples,
		Metrics:    r.metrics,
		Logger:     r.options.Telemetry.Logger,

		Dependencies: r.dependencies,
		Hooks:        r.options.Hooks,
		Labels:       r.options.OverrideLabels,
		Mount:        r.options.Handlers,
		Observer:     r.observer(),
	}
	if r.options.Guard != nil {
		options.Admission = append(options.Admission, r.roomInMemory)
	}
	if err := r.addCache(&options); err != nil {
		return err
	}
	if err := r.addCallers(&options); err != nil {
		return err
	}
	var err error
	if r.options.Routes != nil {
		if r.records, err = r.redis("idempotency", withoutRecords, r.config.ResponseCache.Redis, idempotencyTimeout); err != nil {
			return redisError("response_cache.redis", err)
		}
		options.REST = r.routes
	}
	if r.gateway, err = gateway.New(context.WithoutCancel(ctx), r.config, options); err != nil {
		return err
	}
	r.loaded.Store(true)
	r.closers = append(r.closers, func() error { r.gateway.Close(); return nil })
	r.public = r.options.Telemetry.Middleware(nil)(r.withClientAddress(r.gateway.Handler()))
	if r.admin, err = r.adminHandler(); err != nil {
		return err
	}
	r.public = wrap(r.public, r.options.Middleware)
	r.admin = wrap(r.admin, r.options.AdminMiddleware)
	return nil
}

// wrap puts middleware around a handler, the first outermost.
func wrap(h http.Handler, middleware []func(http.Handler) http.Handler) http.Handler {
	for _, m := range slices.Backward(middleware) {
		h = m(h)
	}
	return h
}

// routes are the REST routes over a graph.
func (r *Router) routes(apiSchema string, graph rest.Graph) (gateway.RESTHandler, error) {
	records := r.config.Idempotency
	return rest.New(rest.Options{
		Documents: r.options.Routes,
		SchemaSDL: apiSchema,
		Graph:     graph,
		Health:    r.health,
		Redis:     r.records,
		Caller:    recordOwner(r.config),
		Records: rest.Records{
			Secret: records.Secret, Lifetime: records.TTL, Lease: records.Lease,
			MaxResponseBytes: records.MaxResponseBytes, MaxBytes: records.MaxBytes,
		},
		Logger:  r.options.Telemetry.Logger,
		MaxBody: int64(r.config.Limits.MaxBodyBytes),

		Memory:          r.memory,
		BodyTimeout:     r.config.Limits.BodyTimeout,
		HideSuggestions: !r.config.Introspection && !r.config.Dev,
		Title:           "Souk",
		APIVersion:      r.options.Version,
		Anonymous:       r.unknownCaller,
		Challenge:       func(code string) string { return auth.Challenge(r.config.Authentication.JWT.Scheme, code) },
	})
}

// unknownCaller says whether a request comes from nobody: without a token, or with
// credentials that the router does not take for one.
func (r *Router) unknownCaller(req *http.Request) bool {
	jwt := r.config.Authentication.JWT
	return req.Header.Get(jwt.Header) == "" || len(jwt.JWKS) > 0 && auth.From(req.Context()) == nil
}

func (r *Router) health(context.Context) error {
	if !r.gateway.Ready() {
		return errors.New("the router has no supergraph or is about to stop")
	}
	return nil
}

// Handler serves everything on the public port.
func (r *Router) Handler() http.Handler { return r.public }

// Admin serves metrics, health and the cache's invalidation.
func (r *Router) Admin() http.Handler { return r.admin }

func (r *Router) adminHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	if r.config.Telemetry.Metrics {
		mux.Handle("GET /metrics", r.options.Telemetry.Handler())
	}
	if r.config.Health.Enabled {
		r.gateway.MountHealth(mux, true)
	}
	if r.cache != nil && r.config.ResponseCache.Invalidation.Token != "" {
		mux.Handle("POST /invalidation", bearer(r.config.ResponseCache.Invalidation.Token, http.HandlerFunc(r.invalidate)))
	}
	if r.config.Admin.Pprof {
		mountProfiles(mux)
	}
	if r.config.Admin.Bundle {
		mux.HandleFunc("GET /debug/bundle", r.bundle)
	}
	if err := gateway.Mount(mux, r.options.AdminHandlers); err != nil {
		return nil, fmt.Errorf("the admin port: %w", err)
	}
	return mux, nil
}

// Serve answers requests on the configured addresses until ctx ends, then
// gives those under way the time they are granted.
func (r *Router) Serve(ctx context.Context) error {
	return serve(ctx, server{
		config: r.config, logger: r.options.Telemetry.Logger, metrics: r.metrics,
		public: r.public, admin: r.admin, listening: r.listening, drain: r.drain,
		shutdownTimeout: func() time.Duration { return r.config.TrafficShaping.Router.ShutdownTimeout },
	})
}

// drain lets requests end, the public ones first: the admin port tells that
// the router is not ready any more. Those that come on open connections
// meanwhile are still answered; only then is the supergraph let go of.
func (r *Router) drain(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.config.TrafficShaping.Router.ShutdownTimeout)
	defer cancel()
	defer r.gateway.Close()
	r.gateway.Drain()
	var err error
	for _, server := range servers {
		if e := server.Shutdown(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("waiting for requests to end: %w", e), server.Close())
		}
	}
	r.gateway.AwaitStreams(ctx) // sockets, which servers do not wait for
	return err
}

func listen(ctx context.Context, address, setting string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // which does not repeat the address
		}
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, setting)
	}
	return l, nil
}

// Close ends what runs beside requests, and lets go of Redis.
func (r *Router) Close() error {
	var err error
	for len(r.closers) > 0 {
		last := len(r.closers) - 1
		err = errors.Join(err, r.closers[last]())
		r.closers = r.closers[:last]
	}
	return err
}
