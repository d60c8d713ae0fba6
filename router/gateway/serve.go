package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve listens on the configured addresses until ctx ends. Then it says that
// it is not ready, ends open streams, lets requests under way come to their
// end, for as long as traffic_shaping.router.shutdown_timeout, and closes the
// gateway. The result is nil after an orderly end.
func (gw *Gateway) Serve(ctx context.Context) error {
	public, err := gw.listen(ctx, gw.config.Listen)
	if err != nil {
		return err
	}
	servers := []*http.Server{gw.server(gw.handler)}
	listeners := []net.Listener{public}
	if gw.config.Admin.Listen != "" {
		admin, err := gw.listen(ctx, gw.config.Admin.Listen)
		if err != nil {
			return errors.Join(err, public.Close())
		}
		servers = append(servers, gw.server(gw.adminHandler()))
		listeners = append(listeners, admin)
	}
	ended := make(chan error, len(servers))
	for i, s := range servers {
		go func() { ended <- s.Serve(listeners[i]) }()
		gw.logger.InfoContext(ctx, "listening", "address", listeners[i].Addr().String(), "admin", i == 1)
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-ended:
		ended <- err
	}
	return errors.Join(err, gw.stop(servers, ended))
}

func (gw *Gateway) listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the router cannot listen on %s: %w", address, err)
	}
	return l, nil
}

// stop ends what Serve started.
func (gw *Gateway) stop(servers []*http.Server, ended <-chan error) error {
	gw.draining.Store(true)
	gw.endStreams()
	ctx, cancel := context.WithTimeout(context.Background(), max(gw.config.TrafficShaping.Router.ShutdownTimeout, time.Millisecond))
	defer cancel()
	var errs []error
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests were cut off: %w", err), s.Close())
		}
	}
	for range servers {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	gw.Close()
	return errors.Join(errs...)
}

func (gw *Gateway) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(gw.logger.Handler(), slog.LevelWarn),
	}
}

func (gw *Gateway) adminHandler() http.Handler {
	mux := http.NewServeMux()
	gw.mountHealth(mux)
	for pattern, h := range gw.options.Admin {
		mux.Handle(pattern, h)
	}
	return mux
}
