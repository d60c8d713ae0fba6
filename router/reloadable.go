package router

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"souk/internal/netlimit"
	"souk/router/dependency"
	"souk/router/gateway/config"
	routertelemetry "souk/router/telemetry"
)

// A Reloadable is a router whose configuration may change while it serves. It is safe
// for use by many goroutines.
type Reloadable struct {
	options      Options
	metrics      *routertelemetry.Metrics
	dependencies *dependency.Set
	shutdown     func() error // ends the telemetry that it has made

	changing sync.Mutex // one change after the other
	ended    bool
	mu       sync.RWMutex
	current  *inUse
	listener *netlimit.Listener // once it serves
	leaving  sync.WaitGroup     // routers that still answer requests they had begun
}

// inUse is a router and the requests it answers.
type inUse struct {
	*Router
	requests sync.WaitGroup
}

// NewReloadable makes one with its first configuration.
func NewReloadable(ctx context.Context, c config.Config, o Options) (*Reloadable, error) {
	shutdown, err := o.setTelemetry(ctx, c)
	if err != nil {
		return nil, err
	}
	l := &Reloadable{options: o, metrics: routertelemetry.New(o.Telemetry.Registry), shutdown: shutdown}
	l.dependencies = newDependencies(o, l.metrics)
	r, err := newRouter(ctx, c, o, l.metrics, l.dependencies)
	if err != nil {
		return nil, errors.Join(err, shutdown())
	}
	l.current = &inUse{Router: r}
	return l, nil
}

// Follow is for whoever brings the router to its configuration's file: it gives
// the dependency to report to, and to close in the end.
func (l *Reloadable) Follow() *dependency.Dependency {
	d := l.dependencies.Open(dependency.Configuration, "file", dependency.Use{Effect: withoutConfiguration})
	d.Succeeded(context.Background())
	return d
}

// Reconfigure puts a router of another configuration in the place of the current
// one, which ends its subscriptions, for clients to begin them anew, and answers
// the requests it has begun. On an error the current one stays. The source may be
// nil.
func (l *Reloadable) Reconfigure(ctx context.Context, c config.Config, source *config.Source) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	if l.ended {
		return errors.New("the router is about to stop")
	}
	// Nobody else changes it.
	if old := l.current.config; c.Listen != old.Listen || c.Admin.Listen != old.Admin.Listen {
		return errors.New("the addresses to listen on cannot change without a restart")
	}
	options := l.options
	options.Source = source
	next, err := newRouter(ctx, c, options, l.metrics, l.dependencies)
	if err != nil {
		return err
	}
	next.gateway.Inherit(l.current.gateway)
	l.mu.Lock()
	if l.listener != nil {
		next.listening(l.listener)
	}
	old := l.current
	l.current = &inUse{Router: next}
	l.mu.Unlock()
	old.gateway.Drain()
	l.leaving.Go(func() {
		old.requests.Wait()
		if err := old.Close(); err != nil {
			l.options.Telemetry.Logger.Error("letting go of the former configuration", "error", err)
		}
	})
	return nil
}

// Serve answers requests on the configured addresses until ctx ends, then
// gives those under way the time they are granted.
func (l *Reloadable) Serve(ctx context.Context) error {
	l.mu.RLock()
	c := l.current.config // of which the addresses never change
	l.mu.RUnlock()
	return serve(ctx, server{
		config: c, logger: l.options.Telemetry.Logger, metrics: l.metrics,
		public: l.Handler(), admin: l.Admin(), listening: l.listening,
		shutdownTimeout: func() time.Duration {
			l.mu.RLock()
			defer l.mu.RUnlock()
			return l.current.config.TrafficShaping.Router.ShutdownTimeout
		},
		drain: func(servers []*http.Server) error {
			l.changing.Lock()
			defer l.changing.Unlock()
			l.ended = true
			return l.current.drain(servers)
		},
	})
}

func (l *Reloadable) listening(listener *netlimit.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener = listener
	l.current.listening(listener)
}

// Handler serves everything on the public port.
func (l *Reloadable) Handler() http.Handler { return l.handler((*Router).Handler) }

// Admin serves metrics, health and the cache's invalidation.
func (l *Reloadable) Admin() http.Handler { return l.handler((*Router).Admin) }

// handler hands each request to the router that is current when it comes.
func (l *Reloadable) handler(of func(*Router) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		l.mu.RLock()
		r := l.current
		r.requests.Add(1)
		l.mu.RUnlock()
		defer r.requests.Done()
		of(r.Router).ServeHTTP(w, req)
	})
}

// Close waits for routers that are not current any more and ends the one that
// is.
func (l *Reloadable) Close() error {
	l.leaving.Wait()
	return errors.Join(l.current.Close(), l.shutdown())
}
