package simulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/netlimit"
	"souk/subgraphs/internal/database"
)

// Options configure the simulated provider.
type Options struct {
	// Addr is the address to listen on. Listener, if set, is used instead.
	Addr     string
	Listener net.Listener
	// DatabaseURL is the Postgres database for the payments.
	DatabaseURL string
	// APIKey is what callers authenticate with; empty: nothing is needed.
	APIKey string
	// Middleware wraps everything that it serves; nil for none.
	Middleware func(http.Handler) http.Handler
	Logger     *slog.Logger
}

const (
	// maxClients bounds the open connections.
	maxClients = 1000
	// maxConnections is the size of the pool of database connections.
	maxConnections = 8
	// writeTimeout bounds how long a client may take to read a response.
	writeTimeout = 10 * time.Second
	// drainTimeout bounds how long requests in progress may take at the end.
	drainTimeout = 10 * time.Second
)

// Run serves the simulated provider until ctx ends.
func Run(ctx context.Context, o Options) error {
	const hint = "set it to a database for the payments, such as postgres://souk:secret@localhost:5432/payment"
	if o.DatabaseURL == "" {
		return errors.New("DATABASE_URL is not set; " + hint)
	}
	config, err := pgxpool.ParseConfig(o.DatabaseURL)
	if err != nil {
		return fmt.Errorf("DATABASE_URL is invalid: %w; %s", err, hint)
	}
	config.MaxConns = maxConnections
	config.ConnConfig.RuntimeParams["application_name"] = "souk-payment"
	database.LimitStatements(config.ConnConfig)
	db, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("opening the database of the payments: %w", err)
	}
	defer db.Close()
	s := &server{book: &book{db: db, now: time.Now}, key: o.APIKey, logger: o.Logger}
	if err := s.book.create(ctx); err != nil {
		return err
	}
	listener := o.Listener
	if listener == nil {
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Addr); err != nil {
			return fmt.Errorf("cannot listen on %s: %w; set PORT to a free port", o.Addr, err)
		}
	}
	return s.serve(ctx, listener, o.Middleware)
}

func (s *server) serve(ctx context.Context, listener net.Listener, middleware func(http.Handler) http.Handler) error {
	handler := s.handler()
	if middleware != nil {
		handler = middleware(handler)
	}
	bounded := netlimit.Wrap(listener, netlimit.Options{MaxConnections: maxClients, WriteTimeout: writeTimeout})
	web := &http.Server{
		Handler: handler, ConnState: bounded.ConnState,
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- web.Serve(bounded) }()
	s.logger.InfoContext(ctx, "the simulated payment provider is listening", "address", listener.Addr().String())
	select {
	case err := <-done:
		return fmt.Errorf("serving the simulated payment provider: %w", err)
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := web.Shutdown(draining); err != nil {
		_ = web.Close() // calls that a fault holds back
	}
	<-done //nolint:errcheck // closed on purpose
	return nil
}
