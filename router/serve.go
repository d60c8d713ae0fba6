package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"souk/internal/drain"
	"souk/internal/netlimit"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/operation"
	routertelemetry "souk/router/telemetry"
)

// A server is what is served on the public and the admin port.
type server struct {
	config        config.Config
	logger        *slog.Logger
	metrics       *routertelemetry.Metrics
	public, admin http.Handler
	// listening is told of the public port's listener before it is used.
	listening func(*netlimit.Listener)
	// drain ends the servers, the public one first.
	drain func([]*http.Server) error
	// shutdownTimeout is how long requests are given to end.
	shutdownTimeout func() time.Duration
}

// serve answers requests until ctx ends.
func serve(ctx context.Context, s server) error {
	inner, err := listen(ctx, s.config.Listen, "--listen or `listen`")
	if err != nil {
		return err
	}
	public := s.limit(inner)
	s.listening(public)
	var active drain.Count
	servers := []*http.Server{s.server(active.Handler(s.public), public)}
	speakHTTP2(servers[0], s.config.HTTP)
	listeners := []net.Listener{public}
	if s.config.Admin.Listen != "" {
		inner, err := listen(ctx, s.config.Admin.Listen, "`admin.listen`")
		if err != nil {
			return errors.Join(err, public.Close())
		}
		admin := s.limit(inner)
		servers = append(servers, s.server(s.admin, admin))
		listeners = append(listeners, admin)
	}
	ended := make(chan error, len(servers))
	for i, server := range servers {
		go func() { ended <- server.Serve(listeners[i]) }()
	}
	s.logger.InfoContext(ctx, "the router listens", "address", public.Addr().String())
	select {
	case err = <-ended:
		err = fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		s.logger.InfoContext(ctx, drain.Message(active.Load(), s.shutdownTimeout()))
	}
	return errors.Join(err, s.drain(servers))
}

// limit bounds what clients can hold of a port by their connections.
func (s server) limit(l net.Listener) *netlimit.Listener {
	limits := s.config.Limits
	return netlimit.Wrap(l, netlimit.Options{
		MaxConnections: limits.MaxConnections, WriteTimeout: limits.WriteTimeout,
		Closed: func(reason netlimit.Reason) { s.metrics.ConnectionClosed(string(reason)).Inc() },
	})
}

func (s server) server(h http.Handler, l *netlimit.Listener) *http.Server {
	limits := s.config.Limits
	return &http.Server{
		Handler: s.deadlines(h), ConnState: l.ConnState,
		ReadHeaderTimeout: limits.HeaderTimeout, IdleTimeout: limits.IdleTimeout, MaxHeaderBytes: limits.MaxHeaderBytes,
	}
}

// deadlines bounds the time for a part of a response over HTTP/2. There a client
// can stop a single stream while its connection makes progress, which neither
// the listener nor HTTP2Config.WriteByteTimeout can see: both watch the
// connection.
func (s server) deadlines(next http.Handler) http.Handler {
	timeout := s.config.Limits.WriteTimeout
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && timeout > 0 {
			w = &progress{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
		}
		next.ServeHTTP(w, r)
	})
}

// A progress writer gives a client a time for each part of a response. Streams
// of events set deadlines of their own, which are kept where they are earlier.
type progress struct {
	http.ResponseWriter
	control  *http.ResponseController
	timeout  time.Duration
	explicit time.Time // the deadline that the handler has set, zero for none
}

// progressChunk is how much a client has to accept within the timeout.
const progressChunk = 64 << 10

// Write fails when the client does not accept a part of b in time.
func (p *progress) Write(b []byte) (written int, err error) {
	for {
		deadline := time.Now().Add(p.timeout)
		if !p.explicit.IsZero() && p.explicit.Before(deadline) {
			deadline = p.explicit
		}
		// A writer without deadlines has no slow clients, such as one in a test.
		_ = p.control.SetWriteDeadline(deadline)
		n, err := p.ResponseWriter.Write(b[written:min(len(b), written+progressChunk)])
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// FlushError flushes with a new deadline.
func (p *progress) FlushError() error {
	if p.explicit.IsZero() {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.timeout))
	}
	return p.control.Flush()
}

// SetWriteDeadline is for [http.ResponseController].
func (p *progress) SetWriteDeadline(t time.Time) error {
	p.explicit = t
	return p.control.SetWriteDeadline(t)
}

// Unwrap is for [http.ResponseController].
func (p *progress) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// listening lets the budget for requests in progress close slow connections.
func (r *Router) listening(l *netlimit.Listener) { r.memory.OnPressure(l.CloseSlowest) }

// roomInMemory refuses operations while memory is nearly full.
func (r *Router) roomInMemory(*http.Request, http.Header) *gateway.Refusal {
	if !r.options.Guard.Full() {
		return nil
	}
	r.memory.Relieve() // responses that are not read may be what takes it up
	r.metrics.Limits.Shed.Inc()
	return &gateway.Refusal{
		Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
		Err: &operation.Error{Message: "The router is short of memory. Try again in 1 s.", Code: execute.CodeOverloaded},
	}
}
