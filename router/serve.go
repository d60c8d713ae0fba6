package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"souk/internal/detach"
	"souk/internal/drain"
	"souk/internal/netlimit"
	"souk/router/console"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/internal/clientaddr"
	"souk/router/internal/http1"
	"souk/router/operation"
	routertelemetry "souk/router/telemetry"
)

// A server has the settings for serving the public and the admin port.
type server struct {
	config        config.Config
	logger        *slog.Logger
	metrics       *routertelemetry.Metrics
	public, admin http.Handler
	// detaches is set if streams on the public port may outlive their handlers. The program's own
	// middleware would take the return of its handler for the end of a response.
	detaches  bool
	health    http.Handler // of the port in health_check.listen
	callbacks http.Handler // of the port in subscriptions.callback.listen
	// listening is called with the listener of the public port before it serves.
	listening func(*netlimit.Listener)
	// bound, if not nil, is called when both ports are bound.
	bound func()
	// drain shuts the servers down, the public one first. It calls cut before it closes
	// connections of requests that have not ended in time.
	drain func(servers []stopper, cut func()) error
	// requests is the parent context of all requests, and cut cancels it.
	requests context.Context
	cut      context.CancelCauseFunc
	// shutdownTimeout returns how long drain waits for requests.
	shutdownTimeout func() time.Duration
}

// A port is an address that a server serves.
type port struct {
	name     string // the value of a label
	key      string // the configuration key of the TLS block
	listener *netlimit.Listener
	server   *http.Server
	fast     *http1.Server // nil if net/http serves everything
}

// A stopper is a server that can be shut down.
type stopper interface {
	Shutdown(ctx context.Context) error
	Close() error
}

// stopper returns the server of a port.
func (p port) stopper() stopper {
	if p.fast != nil {
		return stopping{p.fast, p.listener}
	}
	return stopping{p.server, p.listener}
}

// A stopping server does not wait long for connections without a request.
type stopping struct {
	stopper
	listener *netlimit.Listener
}

// Shutdown implements stopper.
func (s stopping) Shutdown(ctx context.Context) error { return s.listener.Shutdown(ctx, s.stopper) }

// serve serves requests until ctx is done.
func serve(ctx context.Context, s server) error {
	var active drain.Count
	s.requests, s.cut = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.cut(nil)
	handler := active.Handler(s.public)
	if s.detaches {
		handler = detach.Handler(handler)
	}
	public, err := s.open(ctx, port{name: "public", key: "tls"}, s.config.Listen, "--listen or `listen`", s.config.TLS, handler)
	if err != nil {
		return err
	}
	s.listening(public.listener)
	ports := []port{public}
	if s.config.Admin.Listen != "" {
		admin, err := s.open(ctx, port{name: "admin", key: "admin.tls"}, s.config.Admin.Listen, "`admin.listen`", s.config.Admin.TLS, s.admin)
		if err != nil {
			return errors.Join(err, closeAll(ports))
		}
		ports = append(ports, admin)
	}
	if s.config.Health.Listen != "" {
		health, err := s.open(ctx, port{name: "health", key: "health_check"}, s.config.Health.Listen, "`health_check.listen`", config.ServerTLS{}, s.health)
		if err != nil {
			return errors.Join(err, closeAll(ports))
		}
		ports = append(ports, health)
	}
	if at := s.config.Subscriptions.Callback.Listen; at != "" {
		callbacks, err := s.open(ctx, port{name: "callback", key: "subscriptions.callback"}, at, "`subscriptions.callback.listen`", config.ServerTLS{}, s.callbacks)
		if err != nil {
			return errors.Join(err, closeAll(ports))
		}
		ports = append(ports, callbacks)
	}
	ended := make(chan error, len(ports))
	servers := make([]stopper, len(ports))
	for i, p := range ports {
		servers[i] = p.stopper()
		go func() { ended <- p.serve() }()
	}
	if s.bound != nil {
		s.bound()
	}
	s.logger.InfoContext(ctx, "the router is listening", "address", public.listener.Addr().String(), "scheme", s.config.TLS.Scheme())
	if s.config.Admin.Listen != "" && s.config.HasConsole() {
		s.logger.InfoContext(ctx, "the console is enabled", "url", s.config.Admin.TLS.Scheme()+"://"+ports[1].listener.Addr().String()+console.Prefix)
	}
	select {
	case err = <-ended:
		err = fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		s.logger.InfoContext(ctx, drain.Message(active.Load(), s.shutdownTimeout()))
	}
	return errors.Join(err, s.drain(servers, func() { s.cut(execute.ErrShuttingDown) }))
}

// closeAll closes the listeners of ports that are not served yet.
func closeAll(ports []port) error {
	var problems []error
	for _, p := range ports {
		problems = append(problems, p.listener.Close())
	}
	return errors.Join(problems...)
}

// open listens on an address. setting says where the address comes from.
func (s server) open(ctx context.Context, p port, address, setting string, t config.ServerTLS, h http.Handler) (port, error) {
	secure, err := s.secure(ctx, p.name, p.key, t)
	if err != nil {
		return port{}, err
	}
	inner, err := listen(ctx, address, setting)
	if err != nil {
		return port{}, err
	}
	if p.listener, err = s.limit(ctx, inner); err != nil {
		return port{}, errors.Join(err, inner.Close())
	}
	p.server = s.server(h, p.listener)
	p.server.TLSConfig = secure
	speakHTTP2(p.server, s.config.HTTP)
	if p.name == "public" && s.config.HTTP.Server == config.DirectServer {
		p.fast = http1.New(p.server)
	}
	return p, nil
}

// serve accepts connections until the server is shut down.
func (p port) serve() error {
	if p.server.TLSConfig != nil {
		return p.server.ServeTLS(p.listener, "", "")
	}
	if p.fast != nil {
		return p.fast.Serve(p.listener)
	}
	return p.server.Serve(http1.Guard(p.server, p.listener))
}

// limit bounds the connections on a port, the rate of new ones, and the time of each write.
func (s server) limit(ctx context.Context, l net.Listener) (*netlimit.Listener, error) {
	addresses, err := clientaddr.New(s.config.ClientAddress.TrustedProxies, s.config.ClientAddress.Header)
	if err != nil {
		return nil, fmt.Errorf("client_address: %w", err)
	}
	limits := s.config.Limits
	var warned atomic.Int64 // Unix time in seconds
	return netlimit.Wrap(l, netlimit.Options{
		MaxConnections: limits.MaxConnections, ConnectionRate: limits.ConnectionRate, Exempt: addresses.Trusts, WriteTimeout: limits.WriteTimeout,
		Closed: func(reason netlimit.Reason, client net.Addr) {
			s.metrics.ConnectionClosed(string(reason)).Inc()
			if now, last := time.Now().Unix(), warned.Load(); reason == netlimit.Rate && now-last >= warnEvery && warned.CompareAndSwap(last, now) {
				s.logger.WarnContext(ctx, "closing connections: a client opens more than limits.http_connection_rate; if it is a proxy, add it to client_address.trusted_proxies",
					"client", client.String(), "rate", limits.ConnectionRate)
			}
		},
	}), nil
}

// warnEvery is the minimum number of seconds between two warnings about clients that open
// connections too fast.
const warnEvery = 60

func (s server) server(h http.Handler, l *netlimit.Listener) *http.Server {
	limits := s.config.Limits
	return &http.Server{
		Handler: s.deadlines(h), BaseContext: func(net.Listener) context.Context { return s.requests }, ConnState: l.ConnState, ConnContext: detach.ConnContext, ErrorLog: errorLog(s.logger),
		ReadHeaderTimeout: limits.HeaderTimeout, IdleTimeout: limits.IdleTimeout, MaxHeaderBytes: limits.MaxHeaderBytes,
	}
}

// deadlines bounds the time for each part of an HTTP/2 response. A client can stall a single
// stream while its connection makes progress. The listener and
// HTTP2Config.WriteByteTimeout cannot detect that, because both watch the connection.
func (s server) deadlines(next http.Handler) http.Handler {
	timeout := s.config.Limits.WriteTimeout
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && timeout > 0 {
			w = &progress{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
		}
		next.ServeHTTP(w, r)
	})
}

// A progress writer sets a write deadline for each part of a response. Event streams set
// their own deadlines, which apply if they are earlier.
type progress struct {
	http.ResponseWriter
	control  *http.ResponseController
	timeout  time.Duration
	explicit time.Time // the deadline that the handler has set; zero if none
}

// progressChunk is how many bytes a client must accept within the timeout.
const progressChunk = 64 << 10

// Write fails if the client does not accept a part of b in time.
func (p *progress) Write(b []byte) (written int, err error) {
	for {
		deadline := time.Now().Add(p.timeout)
		if !p.explicit.IsZero() && p.explicit.Before(deadline) {
			deadline = p.explicit
		}
		// Ignore writers without deadlines, such as httptest.ResponseRecorder.
		_ = p.control.SetWriteDeadline(deadline)
		n, err := p.ResponseWriter.Write(b[written:min(len(b), written+progressChunk)])
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// FlushError renews the deadline and flushes.
func (p *progress) FlushError() error {
	if p.explicit.IsZero() {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.timeout))
	}
	return p.control.Flush()
}

// SetWriteDeadline implements the method that [http.ResponseController] calls.
func (p *progress) SetWriteDeadline(t time.Time) error {
	p.explicit = t
	return p.control.SetWriteDeadline(t)
}

// Unwrap returns the wrapped writer for [http.ResponseController].
func (p *progress) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// listening makes the memory budget close the slowest connection when it is exhausted.
func (r *Router) listening(l *netlimit.Listener) {
	r.memory.OnPressure(l.CloseSlowest)
	address := l.Addr().String()
	r.address.Store(&address)
}

// roomInMemory is an admission check that rejects operations while memory is nearly full.
func (r *Router) roomInMemory(*http.Request, http.Header) *gateway.Refusal {
	if !r.options.Guard.Full() {
		return nil
	}
	r.memory.Relieve() // responses that clients do not read may hold the memory
	r.metrics.Limits.Shed.Inc()
	return &gateway.Refusal{
		Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
		Err: &operation.Error{Message: "The router is short of memory. Try again in 1 s.", Code: execute.CodeOverloaded},
	}
}
