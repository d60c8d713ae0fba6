package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A prometheusServer serves the metrics for OTEL_METRICS_EXPORTER=prometheus, at a port of its
// own. The exporter of the SDK would leave out the metrics of the registry.
type prometheusServer struct {
	server *http.Server
	ended  chan struct{}
}

// servePrometheus serves metrics where OTEL_EXPORTER_PROMETHEUS_HOST and
// OTEL_EXPORTER_PROMETHEUS_PORT say, by default at localhost:9464, under the path /metrics.
func servePrometheus(ctx context.Context, metrics http.Handler, logger *slog.Logger, getenv func(string) string) (*prometheusServer, error) {
	host, port := getenv("OTEL_EXPORTER_PROMETHEUS_HOST"), getenv("OTEL_EXPORTER_PROMETHEUS_PORT")
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = "9464"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("%w; set OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT to a free address", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	s := &prometheusServer{
		server: &http.Server{
			Handler: mux, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug), MaxHeaderBytes: 16 << 10,
			ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("serving metrics for OTEL_METRICS_EXPORTER=prometheus ended", "error", err)
		}
	}()
	return s, nil
}

// Shutdown ends the server.
func (s *prometheusServer) Shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	<-s.ended
	return err
}
