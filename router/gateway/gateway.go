package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/rs/cors"

	"souk/internal/memory"
	"souk/router/dependency"
	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/gateway/playground"
	"souk/router/hook"
	"souk/router/internal/body"
	"souk/router/internal/hookchain"
	"souk/router/operation"
	"souk/router/rest"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// Options are what a gateway is made of beside its configuration.
type Options struct {
	// Supergraph is the SDL to serve; if it is empty the configuration's file
	// is read, and watched if hot_reload is set.
	Supergraph string
	// Transport makes what carries requests to the subgraphs of a supergraph,
	// and what closes it; it must be set.
	Transport func(*supergraph.Model) (execute.Transport, func(), error)
	// EntityCache gives what is asked before the subgraphs of a supergraph
	// are; nil for none.
	EntityCache func(*supergraph.Model) (execute.EntityCache, error)
	// Observe is told of each request to a subgraph; nil for nobody.
	Observe execute.Observer
	// Authorize makes what decides, for a supergraph, which fields callers may
	// have; nil allows everything.
	Authorize func(*supergraph.Model) Authorizer
	// Admission are asked in turn, for each operation, whether it may run.
	Admission []AdmissionCheck
	// Protects reports whether an operation asks for anything that only some
	// callers may have, so that its answers are private; nil for nothing.
	Protects func(m *supergraph.Model, op *operation.Operation) bool
	// Admit makes what decides, for a supergraph, by an operation's cost,
	// whether it is run; nil admits everything.
	Admit func(*supergraph.Model) Admitter
	// Caller tells callers apart for the entity cache; nil for all alike.
	Caller func(r *http.Request) execute.Caller
	// Observer is told of the stages of operations; nil for nobody.
	Observer hook.Observer
	// Hooks take part in every operation; see package hook.
	Hooks []hook.Hooks
	// Lifetime gives a context that ends when the identity of a request's
	// caller does, which is when the access token expires; it does not end with
	// the request. It bounds subscriptions and sockets. The function releases
	// it. Nil for identities without end.
	Lifetime func(r *http.Request) (context.Context, context.CancelFunc)
	// Labels gives the labels of progressive overrides that are on for a
	// request, beside those the configuration names; nil for none.
	Labels func(r *http.Request) []string
	// Random gives numbers from 0 to 1, without 1, that decide on overrides by
	// percentage; nil for true randomness.
	Random func() float64
	// Middleware is put around the GraphQL endpoint and the REST routes, the
	// first outermost: traces, authentication.
	Middleware []func(http.Handler) http.Handler
	// REST makes the routes under /api/ for the API schema of a supergraph; the
	// graph they are given belongs to it. A supergraph for which it fails is
	// refused. Nil for no routes.
	REST func(apiSchema string, graph rest.Graph) (RESTHandler, error)
	// Mount are further handlers on the public port, by pattern.
	Mount map[string]http.Handler
	// Examples are the tabs of the playground.
	Examples []playground.Example
	// Memory bounds the bytes that requests in progress hold; nil for no bound.
	Memory  *memory.Budget
	Metrics *telemetry.Metrics
	Logger  *slog.Logger
	// Dependencies are named by readiness; nil for none.
	Dependencies *dependency.Set
}

// An Authorizer takes from an operation what the caller may not have, by
// marking fields as Denied in a copy; it gives back the operation itself when
// that is nothing. An error, an [*operation.Error] or a [*Refusal], refuses the
// operation as a whole.
type Authorizer func(ctx context.Context, op *operation.Operation) (*operation.Operation, error)

// An Admitter refuses an operation by an error, an [*operation.Error] or a
// [*Refusal]. It may add to the header of the response.
type Admitter func(ctx context.Context, r *http.Request, header http.Header, op *operation.Operation, vars operation.Variables) error

// A Refusal is an error with a status of its own.
type Refusal struct {
	Status int
	// Header is added to the response: Retry-After, RateLimit.
	Header http.Header
	Err    *operation.Error
}

// Error gives the message.
func (r *Refusal) Error() string { return r.Err.Message }

// A Gateway answers GraphQL over HTTP. It is safe for use by many goroutines.
type Gateway struct {
	config  config.Config
	options Options
	logger  *slog.Logger
	metrics *metrics
	coders  coders
	bodies  *body.Reader
	trusted *trusted
	flights flights
	hooks   *hookchain.Chain // nil for none
	// pages knows the origins whose pages may read answers; nil for none.
	// anyPage says that these are all.
	pages   *cors.Cors
	anyPage bool
	cold    coldWork

	following following
	shared    sharedStreams
	// reservations are those of the single connection mode.
	reservations reservations

	current  atomic.Pointer[snapshot]
	loading  sync.Mutex
	draining atomic.Bool
	inFlight atomic.Int64
	open     openStreams
	handler  http.Handler
	// drain ends when open streams begin to end, streams when all must have.
	drain, streams         context.Context
	beginDrain, endStreams context.CancelFunc
	watch                  sync.WaitGroup
}

// New makes a gateway and loads its supergraph. It watches the supergraph's
// file until ctx ends or Close is called.
func New(ctx context.Context, c config.Config, o Options) (*Gateway, error) {
	if o.Transport == nil {
		return nil, errors.New("gateway: Options.Transport must be set")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	gw := &Gateway{config: c, options: o, logger: o.Logger, metrics: newMetrics(o.Metrics), coders: newCoders(), cold: newColdWork(), hooks: hookchain.New(o.Hooks)}
	gw.pages, gw.anyPage = newCORS(c.CORS, gw.graphQLMethods()...), anyPage(c.CORS)
	gw.drain, gw.beginDrain = context.WithCancel(context.WithoutCancel(ctx))
	gw.streams, gw.endStreams = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	if gw.trusted, err = loadTrusted(c.PersistedDocuments, c.Caches.Persisted, gw.metrics.Persisted); err != nil {
		return nil, err
	}
	sdl := o.Supergraph
	if sdl == "" {
		if sdl, err = supergraph.ReadFile(c.Supergraph.Path); err != nil {
			return nil, err
		}
	}
	if err := gw.SetSupergraph(sdl); err != nil {
		if problems := (config.Errors)(nil); o.Supergraph == "" && !errors.As(err, &problems) {
			err = fmt.Errorf("%s: %w", c.Supergraph.Path, err)
		}
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
		file := o.Dependencies.Open(dependency.Supergraph, "file", dependency.Use{Effect: "the loaded supergraph stays in use"})
		file.Succeeded(ctx)
		gw.watch.Go(func() {
			defer file.Close()
			gw.watchSupergraph(ctx, sdl, file)
		})
	}
	return gw, nil
}

// Handler serves everything on the public port.
func (gw *Gateway) Handler() http.Handler { return gw.handler }

// Drain makes ready for the end: the gateway is not Ready any more, takes no
// new subscriptions, and ends those that are open within the drain period,
// so that clients open them again elsewhere. Other requests are still
// answered, until Close.
func (gw *Gateway) Drain() {
	gw.draining.Store(true)
	gw.beginDrain()
}

// AwaitStreams waits, after Drain, until no stream or socket is open or ctx
// ends.
func (gw *Gateway) AwaitStreams(ctx context.Context) {
	select {
	case <-gw.open.idle():
	case <-ctx.Done():
	}
}

// Close lets go of the supergraph, after Drain, and ends the streams that are
// left. Requests under way end with it undisturbed; later ones are answered
// with 503.
func (gw *Gateway) Close() {
	gw.Drain()
	gw.endStreams()
	gw.reservations.running.Wait()
	gw.watch.Wait()
	if g := gw.current.Swap(nil); g != nil {
		g.release()
	}
}

// acquire gives the current generation, for release when the request has
// ended; nil after Close.
func (gw *Gateway) acquire() *snapshot {
	for {
		g := gw.current.Load()
		if g == nil || g.retain() {
			return g
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
