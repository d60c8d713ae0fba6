package gateway

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/memory"
	"souk/internal/users"
	"souk/router/adaptive"
	"souk/router/auth"
	"souk/router/console/record"
	"souk/router/dependency"
	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/gateway/playground"
	"souk/router/hook"
	"souk/router/internal/body"
	"souk/router/internal/hookchain"
	"souk/router/internal/jointly"
	"souk/router/latency"
	"souk/router/limit"
	"souk/router/mcp"
	"souk/router/operation"
	"souk/router/rest"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// Options are the parts of a gateway that are not in its configuration. Package
// router sets them.
type Options struct {
	// Supergraph is the SDL to serve. If it is empty, the gateway reads the
	// configured file or remote source, and watches it if hot_reload is set.
	Supergraph string
	// Writes counts mutations that have ended, so that queries join none that began before. It is
	// also that of the transport, and of the gateway before this one. If it is nil, the gateway has its own.
	Writes *jointly.Writes
	// Remote is the key of the remote source in the configuration, for errors. If it is empty,
	// that is supergraph.remote.
	Remote string
	// Former is the SDL that the predecessor of the gateway has from the same remote
	// source, or empty. The gateway begins with it if the source cannot be read.
	Former string
	// InUse is the SDL that the predecessor of the gateway serves, or empty. With
	// wait_for_subgraphs, the gateway begins with it, and changes to the file when the
	// subgraphs serve what the file needs.
	InUse string
	// Transport returns the transport for the subgraphs of a supergraph and a
	// function that closes it. It is required.
	Transport func(*supergraph.Model) (execute.Transport, func(), error)
	// EntityCache returns the entity cache for a supergraph. The executor looks
	// entities up there before it fetches them. Nil disables the cache.
	EntityCache func(*supergraph.Model) (execute.EntityCache, error)
	// Observe is called for each subgraph request. It may be nil.
	Observe execute.Observer
	// LogError is called for each error of a request to a subgraph. It may be nil.
	LogError func(ctx context.Context, e execute.FetchError)
	// Authorize returns the authorizer for a supergraph. Nil allows everything.
	Authorize func(*supergraph.Model) Authorizer
	// Documents is the Redis with the documents that clients have registered with any router.
	// Nil means that each router has only its own.
	Documents redis.Cmdable
	// Admission checks run in order for each operation, before its document is
	// read.
	Admission []AdmissionCheck
	// Agent identifies the caller of a request, to bound the sessions of each agent.
	Agent func(*http.Request) string
	// Protects reports whether an operation selects protected fields. Its
	// responses are then private. Nil means that no operation does.
	Protects func(m *supergraph.Model, op *operation.Operation) bool
	// Demand returns what estimates the costs of operations on a supergraph, and rejects
	// expensive ones. Nil means that costs are not known.
	Demand func(*supergraph.Model) *limit.Estimator
	// Spend is called with the estimated cost of an operation. A refusal rejects the
	// operation. It may add to header, the header of the response. It may be nil.
	Spend func(r *http.Request, header http.Header, cost float64) *Refusal
	// Recorder receives statistics of all operations, for the console. Nil records nothing.
	Recorder *record.Recorder
	// Limiter bounds the operations in flight. It may be nil.
	Limiter *adaptive.Limiter
	// Report is called for each operation when it has ended, before the Recorder gets it. It
	// must not keep the operation or what it refers to, except its strings. It may be nil.
	Report func(ctx context.Context, o *record.Operation)
	// Uses makes Report get the elements of the schema that operations use.
	Uses bool
	// Estimate returns a function that estimates the cost of operations on a supergraph, for
	// the console. It may be nil.
	Estimate func(m *supergraph.Model) func(op *operation.Operation, vars operation.Variables) (float64, error)
	// Caller identifies the caller for caching and deduplication. If it is nil,
	// only the request headers distinguish callers.
	Caller func(r *http.Request) execute.Caller
	// Extended is set if requests may depend on more of their callers than the configuration names.
	// Identical queries then share no response, unless the configuration demands it.
	Extended bool
	// Observer is notified of the stages of operations. It may be nil.
	Observer hook.Observer
	// Hooks run for every operation; see package hook.
	Hooks []hook.Hooks
	// Lifetime returns a context that is canceled when the caller's access token
	// expires, and a function that releases it. The context outlives the request;
	// it bounds subscriptions and WebSockets. Its Done is nil if the token does not
	// expire. Nil means that identities do not
	// expire.
	Lifetime func(r *http.Request) (context.Context, context.CancelFunc)
	// Labels returns the labels of progressive overrides that are active for a
	// request, in addition to the configured ones. It may be nil.
	Labels func(r *http.Request) []string
	// Random returns numbers in [0, 1) that decide on overrides by percentage. It
	// is for tests; nil means math/rand/v2.
	Random func() float64
	// Middleware wraps the GraphQL endpoint and the REST routes, for tracing and
	// authentication. The first is the outermost.
	Middleware []func(http.Handler) http.Handler
	// REST returns the routes under /api/ for the API schema of a supergraph. They
	// execute operations through graph, which belongs to the same supergraph. If it
	// fails, the gateway rejects the supergraph. Nil disables REST.
	REST func(apiSchema string, graph rest.Executor) (RESTHandler, error)
	// Mount has further handlers for the public port, by http.ServeMux pattern.
	Mount map[string]http.Handler
	// Examples are the initial tabs of the playground.
	Examples []playground.Example
	// Memory bounds the bytes that requests in progress hold. Nil means no bound.
	Memory  *memory.Budget
	Metrics *telemetry.Metrics
	Logger  *slog.Logger
	// Version is that of the router, for agents. It may be empty.
	Version string
	// Now is the clock that measures latencies of subgraphs, the age of queries that others join, and how
	// long a new supergraph waits for plans. Nil means time.Now.
	Now func() time.Time
	// Dependencies are listed by /readyz. It may be nil.
	Dependencies *dependency.Set
}

// An Authorizer enforces the authorization directives of a supergraph.
type Authorizer interface {
	// Authorize returns the operation that the caller in ctx may execute. Fields that
	// the caller may not access are marked as Denied in a copy; if there are none, the
	// result is op itself. An error ([*operation.Error] or [*Refusal]) rejects the whole
	// operation.
	Authorize(ctx context.Context, op *operation.Operation) (*operation.Operation, error)
	// Requirements returns what the directives of an operation mention, for hooks.
	Requirements(op *operation.Operation) auth.Requirements
}

// A Refusal is an error that rejects an operation with an HTTP status.
type Refusal struct {
	Status int
	// Header is added to the response, for example Retry-After or RateLimit.
	Header http.Header
	Err    *operation.Error

	// encoded is set for those that are sent often.
	encoded *encodedRefusal
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Err.Message }

// A Gateway serves GraphQL over HTTP and WebSocket. It is safe for concurrent use.
type Gateway struct {
	config    config.Config
	options   Options
	logger    *slog.Logger
	metrics   *metrics
	coders    coders
	bodies    *body.Reader
	persisted *persistedDocuments
	// sent are the headers of clients on which requests to any subgraph depend.
	sent config.ClientHeaders
	// receives is set if clients get headers of subgraphs.
	receives bool
	// sharing is set if identical queries in flight share a response, and sharedHeaders are the
	// headers that they must have in common.
	sharing       bool
	sharedHeaders []string
	flights       flights
	hooks         *hookchain.Chain // nil without hooks
	pages         *crossOrigin     // of the GraphQL endpoint; nil if no origin is configured
	cold          coldWork
	// latencies are measured; nil if plans do not depend on them.
	latencies *latency.Table
	mcp       *mcp.Server // nil if it is off
	offering  sync.Mutex  // of tools

	following following
	shared    sharedStreams
	// reservations holds the event streams of the single connection mode.
	reservations reservations

	current  atomic.Pointer[snapshot]
	loading  sync.Mutex
	draining atomic.Bool
	limiter  *adaptive.Limiter // nil without an adaptive limit
	inFlight atomic.Int64
	open     openStreams
	handler  http.Handler
	// drain is canceled when open streams begin to end, streams when the remaining
	// ones are cut.
	drain, streams         context.Context
	beginDrain, endStreams context.CancelFunc
	watch                  sync.WaitGroup
}

// now returns the time of the gateway's clock.
func (gw *Gateway) now() time.Time {
	if gw.options.Now != nil {
		return gw.options.Now()
	}
	return time.Now()
}

// New returns a gateway that serves its supergraph. ctx bounds only New itself. The gateway
// watches the source of the supergraph until Close is called.
func New(ctx context.Context, c config.Config, o Options) (*Gateway, error) {
	if o.Transport == nil {
		return nil, errors.New("gateway: Options.Transport must be set")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	gw := &Gateway{config: c, options: o, logger: o.Logger, metrics: newMetrics(o.Metrics, c.Telemetry.ClientErrorCodes...), coders: newCoders(), cold: newColdWork(), hooks: hookchain.New(o.Hooks)}
	gw.limiter = o.Limiter
	if c.QueryPlanner.WeighLatency {
		gw.latencies = latency.New()
	}
	gw.sent = c.ClientHeaders(append(slices.Collect(maps.Keys(c.Headers.Subgraphs)), "")...)
	gw.receives = c.Headers.ReturnsAny()
	gw.sharing, gw.sharedHeaders = gw.deduplicates(), gw.newSharedHeaders()
	gw.flights.init(cmp.Or(o.Writes, new(jointly.Writes)), c.TrafficShaping.Router.Timeout)
	gw.pages = newCORS(c, gw.graphQLMethods()...)
	gw.mcp = gw.newMCP()
	gw.drain, gw.beginDrain = context.WithCancel(context.WithoutCancel(ctx))
	gw.streams, gw.endStreams = context.WithCancel(context.WithoutCancel(ctx))
	gw.persisted = gw.newPersistedDocuments()
	source, err := newSupergraphOrigin(c.Supergraph, o.Remote, func(err error) {
		gw.logger.Error("files of the TLS of a remote supergraph have changed", "error", err)
	})
	if err != nil {
		return nil, err
	}
	if o.Supergraph == "" {
		err = gw.start(ctx, source)
	} else {
		_, err = gw.begin(o.Supergraph)
	}
	if err != nil {
		return nil, err
	}
	if err := gw.loadDocuments(ctx); err != nil {
		gw.Close()
		return nil, err
	}
	gw.bodies = body.NewReader(body.Limits{Bytes: c.Limits.MaxBodyBytes, Timeout: c.Limits.BodyTimeout, Memory: o.Memory})
	routes, err := gw.routes()
	if err != nil {
		gw.Close()
		return nil, err
	}
	gw.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gw.bodies.Arm(w, r)
		routes.ServeHTTP(w, r)
	})
	if o.Supergraph == "" && c.Supergraph.HotReload {
		file := o.Dependencies.Open(dependency.Supergraph, c.Supergraph.Remote.Kind(), dependency.Use{Effect: "the loaded supergraph stays in use"})
		file.Observe(ctx, source.failing)
		seen := gw.current.Load().sum
		gw.watch.Go(func() {
			defer file.Close()
			gw.watchSupergraph(source, seen, file)
		})
	}
	return gw, nil
}

// Handler returns the handler for the public port.
func (gw *Gateway) Handler() http.Handler { return gw.handler }

// Drain prepares for shutdown. The gateway stops being Ready, rejects new
// subscriptions and ends the open ones within the drain period, so that clients
// reconnect to another router. It still answers other requests until Close.
func (gw *Gateway) Drain() {
	gw.draining.Store(true)
	gw.beginDrain()
}

// AwaitStreams waits, after Drain, until no stream or WebSocket is open or ctx is
// done. It returns how many are open.
func (gw *Gateway) AwaitStreams(ctx context.Context) int {
	select {
	case <-gw.open.idle():
		return 0
	case <-ctx.Done():
		return gw.open.load()
	}
}

// Close calls Drain, ends the remaining streams and releases the supergraph.
// Requests in progress complete undisturbed; later ones get status 503.
func (gw *Gateway) Close() {
	gw.Drain()
	gw.endStreams()
	gw.closeMCP()
	gw.reservations.running.Wait()
	gw.watch.Wait()
	if s := gw.current.Swap(nil); s != nil {
		s.retire()
	}
}

// enter counts a request of the current snapshot, which is nil after Close. The caller must call Leave
// of the share.
func (gw *Gateway) enter() (*snapshot, *users.Share) {
	for {
		s := gw.current.Load()
		if s == nil {
			return nil, nil
		}
		if share := s.users.Enter(); share != nil {
			return s, share
		}
	}
}

// acquire returns the current snapshot, or nil after Close. The caller must release
// it. A snapshot may be replaced and released between Load and retain; the loop then
// tries the next one.
func (gw *Gateway) acquire() *snapshot {
	for {
		s := gw.current.Load()
		if s == nil || s.retain() {
			return s
		}
	}
}

func (gw *Gateway) hidesErrors(subgraph string) bool {
	if gw.config.Dev {
		return false
	}
	if shown, ok := gw.config.IncludeErrors.Subgraphs[subgraph]; ok {
		return !shown
	}
	return !gw.config.IncludeErrors.All
}
