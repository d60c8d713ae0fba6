package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"souk/internal/drain"
	"souk/internal/memory"
	"souk/internal/netlimit"
	"souk/subgraphs/internal/admission"
	"souk/subgraphs/internal/identity"
	"souk/telemetry"
)

// Service is what a Builder returns.
type Service struct {
	// Handler serves /graphql and the service's other routes.
	Handler http.Handler
	// Workers run beside the handler and the event relay until their context
	// ends. A worker retries temporary failures itself. If it returns an
	// error, the service ends.
	Workers []func(context.Context) error
	// Orders counts orders by state, each up to limit, for the router's console.
	// It is nil unless the service has orders.
	Orders func(ctx context.Context, limit int64) (map[string]int64, error)
	// Close releases what the Builder opened; it may be nil.
	Close func()
}

// Builder builds a service. Its context ends when the service does.
type Builder func(ctx context.Context, r Resources) (*Service, error)

// Run runs a service until ctx ends, then drains it. It returns nil if it was
// stopped by ctx.
func Run(ctx context.Context, env Environment, migrations fs.FS, build Builder) error {
	if err := env.setDefaults(); err != nil {
		return err
	}
	stop, err := setupTelemetry(ctx, &env)
	if err != nil {
		return err
	}
	defer stop()
	if env.Guard == nil {
		var stop func()
		env.Guard, stop = memory.Protect(ctx, env.Logger, memory.Inside)
		defer stop()
	}
	resources, err := open(ctx, env, migrations)
	if err != nil {
		return err
	}
	defer resources.close()

	// Workers and streams outlive ctx: they stop after the last request has.
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	service, err := build(inner, *resources)
	if err != nil {
		return fmt.Errorf("building the %s service: %w", env.Name, err)
	}
	if service.Close != nil {
		defer service.Close()
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel(nil)
	watchLocks := func(ctx context.Context) error { resources.measure.Watch(ctx, resources.DB); return nil }
	for _, work := range append(service.Workers, resources.Events.Relay, watchLocks) {
		workers.Go(func() {
			if err := work(inner); err != nil && inner.Err() == nil {
				cancel(fmt.Errorf("a worker of the %s service failed: %w", env.Name, err))
			}
		})
	}
	return serve(ctx, inner, resources, service)
}

// setupTelemetry creates the telemetry and logger that env does not have.
func setupTelemetry(ctx context.Context, env *Environment) (stop func(), err error) {
	stop = func() {}
	if env.Telemetry == nil {
		level, _ := env.Lookup("LOG_LEVEL")
		format, _ := env.Lookup("LOG_FORMAT")
		env.Telemetry, err = telemetry.Setup(ctx, telemetry.Options{
			ServiceName: "souk-" + env.Name, LogLevel: level, LogFormat: format,
		})
		if err != nil {
			return stop, fmt.Errorf("setting up telemetry: %w", err)
		}
		telemetry.RedirectStandardLog(env.Telemetry.Logger)
		stop = func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := env.Telemetry.Shutdown(ctx); err != nil {
				env.Logger.Warn("could not flush telemetry", "error", err)
			}
		}
	}
	if env.Logger == nil {
		env.Logger = env.Telemetry.Logger
	}
	return stop, nil
}

// serve handles requests until ctx ends or inner fails.
func serve(ctx, inner context.Context, r *Resources, service *Service) error {
	listener := r.Listener
	if listener == nil {
		var err error
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", r.Addr); err != nil {
			if op := (*net.OpError)(nil); errors.As(err, &op) {
				err = op.Err // without the address, which the message has
			}
			return fmt.Errorf("cannot listen on %s: %w; set PORT to a free port", r.Addr, err)
		}
	}
	bounded := netlimit.Wrap(listener, netlimit.Options{MaxConnections: maxClients, WriteTimeout: writeTimeout})
	state := &health{resources: r}
	streams, endStreams := context.WithCancel(inner)
	defer endStreams()
	handler := routes(streams, r, state, service)
	if r.Middleware != nil {
		handler = r.Middleware(handler)
	}
	var active drain.Count
	server := &http.Server{
		Handler:           active.Handler(handler),
		ConnState:         bounded.ConnState,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(bounded) }()
	r.Logger.InfoContext(ctx, "listening", "address", listener.Addr().String())

	select {
	case err := <-done:
		return fmt.Errorf("serving: %w", err)
	case <-inner.Done():
		_ = server.Close()
		<-done //nolint:errcheck // closed on purpose
		return context.Cause(inner)
	case <-ctx.Done():
	}
	r.Logger.Info(drain.Message(active.Load(), r.DrainDelay+r.DrainTimeout))
	state.draining.Store(true)
	wait(inner, r.DrainDelay)
	endStreams()
	limit, cancel := context.WithTimeout(inner, r.DrainTimeout)
	defer cancel()
	if err := bounded.Shutdown(limit, server); err != nil {
		r.Logger.Warn("cut off the remaining requests", "after", r.DrainTimeout)
		_ = server.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	r.Logger.Info("stopped")
	return nil
}

// Bounds on what clients can occupy. They are fixed, because the clients are the
// routers and services of one store.
const (
	maxClients     = 2048
	maxHeaderBytes = 32 << 10
	// writeTimeout is how long a client may take to accept the next 64 KiB.
	writeTimeout = 10 * time.Second
	// bodyTimeout is how long a request's body may take to arrive.
	bodyTimeout = 10 * time.Second
	// requestsPerConnection is how many requests run at a time for each connection of the
	// database pool. A request needs one now and then. Further requests wait, up to
	// waitsPerConnection for each; reservePerConnection is what other services may run besides.
	requestsPerConnection = 10
	waitsPerConnection    = 8
	reservePerConnection  = 10
)

// admit bounds the requests that run at a time.
func admit(r *Resources, next http.Handler) http.Handler {
	connections := int(r.DB.Config().MaxConns)
	return admission.Handler(admission.Options{
		Limit: requestsPerConnection * connections, Queue: waitsPerConnection * connections, Reserve: reservePerConnection * connections,
		TokenHeader: identity.ServiceTokenHeader, Token: r.ServiceToken, Registry: r.Telemetry.Registry,
	}, next)
}

func routes(streams context.Context, r *Resources, state *health, service *Service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", state.live)
	mux.HandleFunc("GET /readyz", state.ready)
	mux.Handle("GET /metrics", r.Telemetry.Handler())
	mountEvents(mux, r, service)
	mux.Handle("/", r.Telemetry.Middleware(nil)(withLimits(r.Guard, admit(r, endStreamsWith(streams, service.Handler)))))
	return mux
}

// withLimits rejects requests while memory is nearly full, and bodies that
// arrive too slowly.
func withLimits(guard *memory.Guard, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if guard.Full() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "The service is short of memory. Try again in 1 s.", http.StatusServiceUnavailable)
			return
		}
		if r.ContentLength != 0 && r.Body != nil {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// endStreamsWith ends event streams and WebSockets when streams does. They
// would otherwise never end, and a drain would wait for them.
func endStreamsWith(streams context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") && r.Header.Get("Upgrade") == "" {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(streams, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
