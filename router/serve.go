package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

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
}

// serve answers requests until ctx ends.
func serve(ctx context.Context, s server) error {
	inner, err := listen(ctx, s.config.Listen, "--listen or `listen`")
	if err != nil {
		return err
	}
	public := s.limit(inner)
	s.listening(public)
	servers := []*http.Server{s.server(s.public, public)}
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

// deadlines bounds the time for a response over HTTP/2. There a client can stop
// a single stream while its connection makes progress, which the listener cannot
// see. Streams of events set deadlines of their own for each event.
func (s server) deadlines(next http.Handler) http.Handler {
	write, whole := s.config.Limits.WriteTimeout, s.config.TrafficShaping.Router.Timeout
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && write > 0 && whole > 0 {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(whole + write))
		}
		next.ServeHTTP(w, r)
	})
}

// listening lets the budget for requests in progress close slow connections.
func (r *Router) listening(l *netlimit.Listener) { r.memory.OnPressure(l.CloseSlowest) }

// roomInMemory refuses operations while memory is nearly full.
func (r *Router) roomInMemory(*http.Request, http.Header) *gateway.Refusal {
	if !r.options.Guard.Full() {
		return nil
	}
	r.metrics.Limits.Shed.Inc()
	return &gateway.Refusal{
		Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
		Err: &operation.Error{Message: "The router is short of memory. Try again in 1 s.", Code: execute.CodeOverloaded},
	}
}
