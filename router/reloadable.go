package router

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"souk/internal/detach"
	"souk/internal/netlimit"
	"souk/internal/users"
	"souk/router/dependency"
	"souk/router/gateway/config"
)

// A Reloadable is a router whose configuration can change while it serves. Each
// configuration has its own Router. It is safe for concurrent use.
type Reloadable struct {
	options  Options
	shared   *shared
	shutdown func() error // shuts down the telemetry if the Reloadable created it
	// extensions has the extensions that all routers share: middleware and closers.
	extensions    Extensions
	public, admin http.Handler
	// started is the first configuration, which the servers of the ports have.
	started config.Config

	changing sync.Mutex // serializes changes
	ended    bool
	routes   map[string][sha256.Size]byte // digests of the files with REST routes in use
	mu       sync.Mutex                   // guards listener, and current while it is replaced
	current  atomic.Pointer[inUse]
	listener *netlimit.Listener // nil before Serve
	leaving  sync.WaitGroup     // replaced routers that still have requests in progress
}

// NewReloadable returns a Reloadable with its first configuration. ctx bounds only the
// start-up.
func NewReloadable(ctx context.Context, c config.Config, o Options) (*Reloadable, error) {
	shutdown, err := o.setTelemetry(ctx, c)
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	l := &Reloadable{started: c, options: o, extensions: o.Extensions, shared: newShared(c, o), shutdown: shutdown, routes: digests(o.Routes)}
	// Middleware is applied here, so that its state outlives changes of the configuration.
	l.options.extended = len(o.Middleware) > 0
	l.options.Middleware, l.options.AdminMiddleware, l.options.Closers = nil, nil, nil
	l.public = wrap(l.handler((*Router).Handler), o.Middleware)
	l.admin = wrap(l.handler((*Router).Admin), o.AdminMiddleware)
	r, err := newRouter(ctx, c, l.options, l.shared)
	if err != nil {
		return nil, errors.Join(err, l.extensions.close(), l.shared.close(), shutdown())
	}
	l.current.Store(newInUse(r))
	return l, nil
}

// Follow returns a dependency for code that watches the configuration file. That code
// reports the results of its reads there and must close it in the end.
func (l *Reloadable) Follow() *dependency.Dependency {
	d := l.shared.dependencies.Open(dependency.Configuration, "file", dependency.Use{Effect: withoutConfiguration})
	d.Succeeded(context.Background())
	return d
}

// Reconfigure replaces the configuration. It builds a new router, which gets all new
// requests. The old one completes its requests in progress and ends its subscriptions, so
// that clients reconnect. On an error, the current configuration stays in use. It fails if
// the configuration is invalid, changes a listen address, or the router is shutting down.
// source provides positions for error messages; it may be nil.
func (l *Reloadable) Reconfigure(ctx context.Context, c config.Config, source *config.Source) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	began, old := time.Now(), l.current.Load().config
	err := l.reconfigure(ctx, c, source)
	if keys := waiting(&l.started, &c); err == nil && len(keys) > 0 {
		l.options.Telemetry.Logger.WarnContext(ctx, "settings of the ports differ from those in use; restart the router to use them", "keys", keys)
	}
	l.recordReload(began, &old, &c, err)
	return err
}

func (l *Reloadable) reconfigure(ctx context.Context, c config.Config, source *config.Source) error {
	if l.ended {
		return errors.New("the router is shutting down")
	}
	current := l.current.Load() // only holders of l.changing replace it
	if old := current.config; c.Listen != old.Listen || c.Admin.Listen != old.Admin.Listen || c.TLS != old.TLS || c.Admin.TLS != old.Admin.TLS || c.Health.Listen != old.Health.Listen || c.Subscriptions.Callback.Listen != old.Subscriptions.Callback.Listen {
		return errors.New("listen, tls, admin.listen, admin.tls, health_check.listen and subscriptions.callback.listen cannot change while the router runs; restart it")
	}
	if !slices.Equal(c.Telemetry.Buckets, current.config.Telemetry.Buckets) {
		return errors.New("telemetry.duration_buckets cannot change while the router runs; restart it")
	}
	options := l.options
	options.Source = source
	options.inUse, _ = current.gateway.InUse()
	if from := c.Supergraph.Remote; from.Configured() && from.URL == current.config.Supergraph.Remote.URL {
		options.former = options.inUse
	}
	if from, other := c.Canary.Remote, current.canary; other != nil && from.Configured() && from.URL == current.config.Canary.Remote.URL {
		options.formerCanary, _ = other.gateway.InUse()
	}
	next, err := newRouter(ctx, c, options, l.shared)
	if err != nil {
		return err
	}
	next.gateway.Inherit(current.gateway)
	if next.canary != nil && current.canary != nil {
		next.canary.gateway.Inherit(current.canary.gateway)
	}
	l.mu.Lock()
	if l.listener != nil {
		next.listening(l.listener)
	}
	old := l.current.Swap(newInUse(next))
	l.mu.Unlock()
	old.users.Close()
	old.gateway.Drain()
	if old.canary != nil {
		old.canary.gateway.Drain()
	}
	l.leaving.Go(func() {
		<-old.idle
		if err := old.Close(); err != nil {
			l.options.Telemetry.Logger.Error("closing the previous configuration failed", "error", err)
		}
	})
	return nil
}

// Supergraph returns a hash of the supergraph in use. A configuration that was refused may be
// valid with another one.
func (l *Reloadable) Supergraph() string {
	_, hash := l.current.Load().gateway.InUse()
	return hash
}

// SetSupergraph replaces the supergraph of a Reloadable that was made with one in its
// options. The router keeps the current one if the new one is invalid, or is shutting down.
func (l *Reloadable) SetSupergraph(sdl string) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	if l.ended {
		return errors.New("the router is shutting down")
	}
	if err := l.current.Load().gateway.SetSupergraph(sdl); err != nil {
		return err
	}
	if other := l.current.Load().canary; other != nil && other.options.Supergraph != "" {
		if err := other.gateway.SetSupergraph(sdl); err != nil {
			return fmt.Errorf("the canary: %w", err)
		}
	}
	l.options.Supergraph = sdl
	return nil
}

// Serve serves requests on the configured addresses until ctx is done. Then it drains the
// router for up to traffic_shaping.router.shutdown_timeout. It returns an error if an address
// cannot be listened on or requests do not end in time.
func (l *Reloadable) Serve(ctx context.Context) error {
	c := l.current.Load().config // its addresses never change
	return serve(ctx, server{
		config: c, logger: l.options.Telemetry.Logger, metrics: l.shared.metrics,
		public: l.Handler(), detaches: len(l.extensions.Middleware) == 0, admin: l.Admin(), health: l.handler((*Router).healthChecks), callbacks: l.handler((*Router).callbackHandler), listening: l.listening, bound: l.options.Listening,
		shutdownTimeout: func() time.Duration {
			return l.current.Load().config.TrafficShaping.Router.ShutdownTimeout
		},
		drain: func(servers []stopper, cut func()) error {
			l.changing.Lock()
			defer l.changing.Unlock()
			l.ended = true
			return l.current.Load().drain(servers, cut)
		},
	})
}

func (l *Reloadable) listening(listener *netlimit.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener = listener
	l.current.Load().listening(listener)
}

// Handler returns the handler for the public port.
func (l *Reloadable) Handler() http.Handler { return l.public }

// Admin returns the handler for the admin port: metrics, health, cache invalidation and
// debugging.
func (l *Reloadable) Admin() http.Handler { return l.admin }

// handler passes each request to the router that is current when the request arrives.
func (l *Reloadable) handler(of func(*Router) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r, s := l.enter()
		defer detach.After(req.Context(), s.Leave)
		of(r.Router).ServeHTTP(w, req)
	})
}

// enter counts a request of the current router.
func (l *Reloadable) enter() (*inUse, *users.Share) {
	for {
		r := l.current.Load()
		if s := r.users.Enter(); s != nil {
			return r, s
		}
	}
}

// Close waits for replaced routers to end, and closes the current one and the extensions.
func (l *Reloadable) Close() error {
	l.leaving.Wait()
	return errors.Join(l.current.Load().Close(), l.extensions.close(), l.shared.close(), l.shutdown())
}
