package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/lines"
	"souk/internal/memory"
	"souk/router/accesslog"
	"souk/router/adaptive"
	"souk/router/attributes"
	"souk/router/auth"
	"souk/router/cache"
	"souk/router/callback"
	"souk/router/canary"
	"souk/router/console/events"
	"souk/router/console/record"
	"souk/router/dependency"
	"souk/router/eventsource"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/gateway/playground"
	"souk/router/hook"
	"souk/router/internal/clientaddr"
	"souk/router/internal/hookchain"
	"souk/router/internal/jointly"
	"souk/router/rest"
	routertelemetry "souk/router/telemetry"
	"souk/router/usage"
	"souk/telemetry"
)

// Options are the settings of a router that are not in its configuration.
type Options struct {
	// Supergraph is the supergraph SDL. If it is empty, the configured one is read.
	Supergraph string
	// Routes has the GraphQL documents of the REST routes. Nil means no routes.
	Routes fs.FS
	// TextIDs makes values of type ID strings in requests to the REST routes and in their
	// responses. Otherwise they are integers.
	TextIDs bool
	// Examples are the initial tabs of the playground.
	Examples []playground.Example
	// Telemetry receives logs, metrics and traces. If it is nil, the router creates one
	// from the configuration and the environment, and shuts it down on Close.
	Telemetry *telemetry.Telemetry
	// Guard reports when memory is nearly full, so that operations are rejected. It may
	// be nil.
	Guard *memory.Guard
	// Version is the version of the program, for the OpenAPI description.
	Version string
	// Source has the positions of keys in the configuration file, for error messages. It
	// may be nil.
	Source *config.Source
	// AccessLog receives the access log: standard output if nil.
	AccessLog io.Writer
	// Listening is called by Serve when all addresses are bound. It may be nil.
	Listening func()
	Extensions

	// extended is set if Middleware is applied elsewhere.
	extended bool
	// inUse is the SDL that the router before this one serves, for wait_for_subgraphs.
	inUse string
	// former is that SDL if it is from the same remote source.
	former string
	// formerCanary is the SDL that the canary before this one has from the same remote source.
	formerCanary string
	// origin is set if the router is the canary of another one.
	origin *origin
	// now is the clock of the adaptive limits and of the latencies that plans depend on:
	// time.Now if nil.
	now func() time.Time
}

// Extensions are what a program adds to its router. They must be safe for concurrent use, and
// they persist when the configuration or the supergraph is reloaded. Fields that are not set
// cost nothing.
//
// A request passes them in this order: Middleware, Authenticator, the rate limit, Request
// hooks, Operation hooks, Policies, the cost limit, OverrideLabels, Plan hooks, subgraph
// hooks, Response hooks. Package hook describes the hooks.
type Extensions struct {
	// Middleware wraps the handler of the public port. The first is the outermost. Each
	// function is called once, not for each configuration, so a handler may have state. It
	// sees a WebSocket once, at the handshake. With middleware, subscriptions do not outlive the
	// handlers of their requests, and so take more memory while they wait.
	Middleware []func(http.Handler) http.Handler
	// AdminMiddleware wraps the handler of the admin port.
	AdminMiddleware []func(http.Handler) http.Handler
	// Handlers has further handlers for the public port, by http.ServeMux pattern. The
	// router's CORS, authentication and limits do not apply to them.
	Handlers map[string]http.Handler
	// AdminHandlers has further handlers for the admin port.
	AdminHandlers map[string]http.Handler
	// Authenticator identifies callers before the router verifies access tokens. Nil
	// means that only access tokens identify callers.
	Authenticator Authenticator
	// Policies evaluates @policy. If it is nil, the policies and roles claims of access
	// tokens decide.
	Policies auth.PolicyEvaluator
	// OverrideLabels returns the labels of progressive overrides (@override(label:)) that
	// are active for a request, in addition to the configured ones. Each distinct set has
	// its own plans in the cache, so there should be few.
	OverrideLabels func(*http.Request) []string
	// Hooks run for every operation.
	Hooks []hook.Hooks
	// Observer is notified of the stages of operations, for traces and logs.
	Observer hook.Observer
	// Events reports on the events of a store, for the console. If it is nil, the
	// services in admin.console.events are asked.
	Events events.Source
	// Closers release what the extensions hold, such as files and connections. Close of
	// the Router or Reloadable calls them in reverse order, after the last request has
	// ended. A router that fails to start calls them, too.
	Closers []func() error
}

// close calls the Closers, once.
func (x *Extensions) close() error {
	var err error
	for _, end := range slices.Backward(x.Closers) {
		err = errors.Join(err, end())
	}
	x.Closers = nil
	return err
}

// An Authenticator identifies the caller of a request.
type Authenticator interface {
	// Authenticate returns the caller of an HTTP request. For a WebSocket, the request is
	// the handshake with the headers of connection_init. The caller is nil if the request
	// has no credentials that the authenticator knows; the router then looks for an access
	// token. An [*auth.TokenError] rejects the request with status 401, any other error
	// with 503. Authenticate must not read the request body.
	Authenticate(r *http.Request) (*auth.Caller, error)
}

// A Router is a gateway with all its stages, serving one configuration.
type Router struct {
	config  config.Config
	options Options
	metrics *routertelemetry.Metrics
	memory  *memory.Budget
	// dependencies is shared by all routers of a Reloadable.
	dependencies *dependency.Set
	shared       *shared

	gateway *gateway.Gateway
	cache   *cache.Cache
	canary  *Router        // nil without one
	shadow  *canary.Shadow // nil without copies of queries
	// ownHooks is the number of hooks of the program, which come first.
	ownHooks int
	// addresses determines client addresses.
	addresses  *clientaddr.Resolver
	hooks      *hookchain.Chain     // nil without hooks
	policies   auth.PolicyEvaluator // nil if nothing decides on policies
	eventHub   *eventsource.Hub     // nil without message brokers
	records    redis.Cmdable        // for idempotency records; nil without Redis
	costRates  []rate               // limits on costs
	public     http.Handler
	admin      http.Handler
	checks     http.Handler // of the port in health_check.listen
	callbacks  http.Handler // of the port in subscriptions.callback.listen
	closers    []func() error
	accessLog  *accesslog.Log       // nil if it is off
	attributed *attributes.Observer // nil if there is nothing to observe
	// loaded is set when the first supergraph is in use.
	loaded atomic.Bool
	// address is the address of the public port once it is known.
	address atomic.Pointer[string]
}

// New returns a router that has loaded its supergraph. ctx bounds only the start-up. The
// caller must call Close.
func New(ctx context.Context, c config.Config, o Options) (*Router, error) {
	shutdown, err := o.setTelemetry(ctx, c)
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	s := newShared(c, o)
	r, err := newRouter(ctx, c, o, s)
	if err != nil {
		return nil, errors.Join(err, o.close(), s.close(), shutdown())
	}
	r.closers = append([]func() error{shutdown, s.close, o.close}, r.closers...) // run last
	return r, nil
}

// shutdownTimeout bounds the export of the last traces.
const shutdownTimeout = 5 * time.Second

// setTelemetry creates Telemetry if it is nil. The returned function shuts down what it has
// created.
func (o *Options) setTelemetry(ctx context.Context, c config.Config) (func() error, error) {
	if o.Telemetry != nil {
		return func() error { return nil }, nil
	}
	made, err := telemetry.Setup(ctx, telemetry.Options{
		ServiceName: c.Telemetry.ServiceName, ServiceVersion: o.Version, LogLevel: c.Log.Level, LogFormat: c.Log.Format,
		WithoutTraces: !c.Telemetry.Traces, Buckets: c.Telemetry.BucketSeconds(),
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

// shared is what all routers of a Reloadable share.
type shared struct {
	metrics      *routertelemetry.Metrics
	dependencies *dependency.Set
	// recorder is nil until the console is enabled.
	recorder *record.Recorder
	started  time.Time
	// callbacks receives events of subscriptions by HTTP callback.
	callbacks *callback.Receiver
	// writes counts the mutations of the router and its canaries.
	writes *jointly.Writes
	// instruments are the metrics that the configuration defines.
	instruments *routertelemetry.Instruments
	logger      *slog.Logger
	// lines is the output of the access log, nil until it is enabled.
	lines *lines.Writer
	// usage exports the usage of the schema, nil until that is enabled.
	usage *usage.Exporter
	// variant has the metrics and the dependencies of canaries, nil until there is one.
	variant *variantMetrics
}

func newShared(c config.Config, o Options) *shared {
	m := routertelemetry.NewWithBuckets(o.Telemetry.Registry, c.Telemetry.BucketSeconds())
	exportCounters(m)
	return &shared{logger: o.Telemetry.Logger, metrics: m, instruments: routertelemetry.NewInstruments(o.Telemetry.Registry), callbacks: callback.NewReceiver(func(action, result string) { m.Callback(action, result).Inc() }), dependencies: dependency.NewSet(dependency.Options{Logger: o.Telemetry.Logger, Metrics: m}), started: time.Now(), writes: new(jointly.Writes)}
}

func (s *shared) close() error {
	s.recorder.Close()
	s.variant.close()
	if err := s.lines.Close(); err != nil { // whoever reads it is at fault: the router has stopped in order
		s.logger.Warn("the access log is not complete", "error", err)
	}
	return s.usage.Close()
}

func newRouter(ctx context.Context, c config.Config, o Options, s *shared) (*Router, error) {
	r := &Router{config: c.Settled(), options: o, metrics: s.metrics, dependencies: s.dependencies, shared: s}
	for _, warning := range o.Source.Warnings() {
		o.Telemetry.Logger.WarnContext(ctx, "the configuration can be used, but should change", "warning", warning.Error())
	}
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
		Writes:     r.shared.writes,
		Supergraph: r.options.Supergraph,
		InUse:      r.options.inUse,
		Former:     r.options.former,
		Remote:     r.remoteKey(),
		Transport:  r.transport,
		Observe:    r.observe(),
		Examples:   r.options.Examples,
		Metrics:    r.metrics,
		Logger:     r.options.Telemetry.Logger,
		Version:    r.options.Version,
		Now:        r.options.now,

		Dependencies: r.dependencies,
		Hooks:        r.options.Hooks,
		Labels:       r.options.OverrideLabels,
		Mount:        r.handlers(),
		Observer:     r.observer(),
		Extended:     r.options.extended || len(r.options.Middleware) > 0 || r.options.Authenticator != nil,
	}
	if c := r.config.TrafficShaping.Router.AdaptiveLimit; c.Enabled != nil && *c.Enabled {
		o := r.adaptiveOptions(c)
		o.Limit = func(limit int) { r.metrics.ConcurrencyLimit.Set(float64(limit)) }
		if o.Measure {
			o.Shed = r.metrics.LimitExceeded(execute.CodeOverloaded).Inc
		}
		options.Limiter = adaptive.New(o)
	}
	if r.config.HasConsole() && r.options.origin == nil {
		options.Estimate, options.Recorder = r.estimate, r.record()
	}
	if r.options.Guard != nil {
		options.Admission = append(options.Admission, r.roomInMemory)
	}
	if err := r.addCache(&options); err != nil {
		return err
	}
	if err := r.addEventSources(); err != nil {
		return err
	}
	if err := r.addCallers(&options); err != nil {
		return err
	}
	r.addReports(&options)
	documents := r.config.PersistedDocuments
	var err error
	if shared := r.config.RedisOf(documents.Redis); documents.Automatic && shared.Configured() {
		if options.Documents, err = r.redis("documents", withoutDocuments, shared, shared.Timeout); err != nil {
			return redisError("persisted_documents.redis", err)
		}
	}
	if r.options.Routes != nil {
		shared := r.config.CacheRedis()
		if r.records, err = r.redis("idempotency", withoutRecords, shared, max(idempotencyTimeout, shared.Timeout)); err != nil {
			return redisError("response_cache.redis", err)
		}
		options.REST = r.routes
	}
	if r.gateway, err = gateway.New(ctx, r.config, options); err != nil {
		return err
	}
	r.loaded.Store(true)
	r.closers = append(r.closers, func() error { r.gateway.Close(); return nil })
	handler, err := r.addCanary(ctx, r.gateway.Handler())
	if err != nil {
		return err
	}
	r.public = r.options.Telemetry.Middleware(nil)(r.withTraceID(r.withAttributes(r.withClientAddress(r.withAccessLog(handler)))))
	r.checks = r.healthHandler()
	if r.admin, err = r.adminHandler(); err != nil {
		return err
	}
	r.public = wrap(r.public, r.options.Middleware)
	r.admin = wrap(r.admin, r.options.AdminMiddleware)
	return nil
}

// wrap applies middleware to a handler, the first outermost.
func wrap(h http.Handler, middleware []func(http.Handler) http.Handler) http.Handler {
	for _, m := range slices.Backward(middleware) {
		h = m(h)
	}
	return h
}

// routes returns the REST routes, which execute their operations through graph.
func (r *Router) routes(apiSchema string, graph rest.Executor) (gateway.RESTHandler, error) {
	records := r.config.Idempotency
	return rest.New(rest.Options{
		Documents: r.options.Routes,
		SchemaSDL: apiSchema,
		Executor:  graph,
		Health:    r.health,
		Redis:     r.records,
		Caller:    recordOwner(r.config),
		TextIDs:   r.options.TextIDs,
		Records: rest.Records{
			KeyPrefix: r.config.CacheRedis().KeyPrefix,
			Secret:    records.Secret, Lifetime: records.TTL, Lease: records.Lease,
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
		MissingToken:    r.missingToken(),
		Challenge:       func(code string) string { return auth.Challenge(r.config.Authentication.JWT.Scheme, code) },
	})
}

// unknownCaller reports whether a request is anonymous: it has no token, or only credentials
// that the router does not verify.
func (r *Router) unknownCaller(req *http.Request) bool {
	jwt := r.config.Authentication.JWT
	return auth.From(req.Context()) == nil && (len(jwt.JWKS) > 0 || req.Header.Get(jwt.Header) == "")
}

// missingToken returns the message for a caller whose request needs a token and has none. Only
// the program's own authenticator knows which credentials it takes.
func (r *Router) missingToken() string {
	jwt := r.config.Authentication.JWT
	if len(jwt.JWKS) == 0 && r.options.Authenticator != nil {
		return "Missing credentials."
	}
	return auth.MissingToken(jwt.Header, jwt.Scheme)
}

func (r *Router) health(context.Context) error {
	if !r.gateway.Ready() {
		return errors.New("the router has no supergraph or is shutting down")
	}
	return nil
}

// Handler returns the handler for the public port.
func (r *Router) Handler() http.Handler { return r.public }

// Admin returns the handler for the admin port: metrics, health, cache invalidation, the
// console and debugging.
func (r *Router) Admin() http.Handler { return r.admin }

// healthChecks returns the handler of the port in health_check.listen.
func (r *Router) healthChecks() http.Handler { return r.checks }

func (r *Router) healthHandler() http.Handler {
	mux := http.NewServeMux()
	if r.config.Health.Enabled {
		r.gateway.MountHealth(mux, r.config.Health.Details)
	}
	return mux
}

func (r *Router) adminHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	if r.config.Telemetry.Metrics {
		mux.Handle("GET "+gateway.Exactly(r.config.Telemetry.MetricsPath), r.options.Telemetry.Handler())
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
	if r.options.origin != nil {
		return mux, nil
	}
	if err := r.addConsole(mux); err != nil {
		return nil, err
	}
	if err := gateway.Mount(mux, r.options.AdminHandlers); err != nil {
		return nil, fmt.Errorf("the admin port: %w", err)
	}
	return mux, nil
}

// Serve serves requests on the configured addresses until ctx is done. Then it drains the
// router for up to traffic_shaping.router.shutdown_timeout. It returns an error if an address
// cannot be listened on or requests do not end in time.
func (r *Router) Serve(ctx context.Context) error {
	return serve(ctx, server{
		config: r.config, logger: r.options.Telemetry.Logger, metrics: r.metrics,
		public: r.public, detaches: len(r.options.Middleware) == 0, admin: r.admin, health: r.healthChecks(), callbacks: r.callbackHandler(), listening: r.listening, bound: r.options.Listening, drain: r.drain,
		shutdownTimeout: func() time.Duration { return r.config.TrafficShaping.Router.ShutdownTimeout },
	})
}

// drain waits for requests to end and shuts the servers down, the public one first, so that
// the admin port can report that the router is not ready. Requests that arrive on open
// connections in the meantime are still answered. Finally it closes the gateway.
func (r *Router) drain(servers []stopper, cut func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.config.TrafficShaping.Router.ShutdownTimeout)
	defer cancel()
	defer r.gateway.Close()
	r.gateway.Drain()
	if r.canary != nil {
		r.canary.gateway.Drain()
	}
	var err error
	for i, server := range servers {
		if i == 1 { // http.Server.Shutdown does not wait for WebSockets, nor for streams that outlive their handlers
			r.awaitStreams(ctx)
		}
		if e := server.Shutdown(ctx); e != nil {
			cut() // so that the remaining requests do not count as ended by their clients
			err = errors.Join(err, fmt.Errorf("waiting for requests to end: %w", e), server.Close())
		}
	}
	if len(servers) == 1 {
		r.awaitStreams(ctx)
	}
	return err
}

// awaitStreams waits until no stream is open or ctx is done.
func (r *Router) awaitStreams(ctx context.Context) {
	open := r.gateway.AwaitStreams(ctx)
	if r.canary != nil {
		open += r.canary.gateway.AwaitStreams(ctx)
	}
	if open > 0 {
		r.options.Telemetry.Logger.WarnContext(ctx, "streams have not ended in time; their connections are closed", "streams", open)
	}
}

// Close ends background work and closes connections, in reverse order of creation.
func (r *Router) Close() error {
	var err error
	for len(r.closers) > 0 {
		last := len(r.closers) - 1
		err = errors.Join(err, r.closers[last]())
		r.closers = r.closers[:last]
	}
	return err
}
