package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"

	"souk/subgraphs/internal/events"
)

// Resources are what a service is built from.
type Resources struct {
	Environment
	DB    *pgxpool.Pool
	Redis redis.UniversalClient
	// Events brings this service's events to the others and theirs here. Its
	// Relay is run for every service.
	Events *events.Bus
}

// startPatience is how long a service waits at its start for a database that
// is not there yet.
const startPatience = 30 * time.Second

// maxConnections is the pool's size unless DATABASE_URL has pool_max_conns.
const maxConnections = 12

// open connects to Postgres, waiting for it if need be, and migrates it. Redis
// may be away: nothing is asked of it here.
func open(ctx context.Context, env Environment, migrations fs.FS) (r *Resources, err error) {
	r = &Resources{Environment: env}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.DB, err = openDB(ctx, env); err != nil {
		return r, err
	}
	if err := waitForDB(ctx, r.DB, env); err != nil {
		return r, err
	}
	if err := Migrate(ctx, r.DB, migrations, env.Logger); err != nil {
		return r, err
	}
	if r.Redis, err = openRedis(env); err != nil {
		return r, err
	}
	r.Events = events.New(env.Name, r.DB, r.Redis, env.Telemetry, env.Logger)
	return r, nil
}

func openDB(ctx context.Context, env Environment) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(env.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL cannot be read: %w", err)
	}
	if env.Telemetry.Traces() {
		config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(env.Telemetry.TracerProvider))
	}
	if !strings.Contains(env.DatabaseURL, "pool_max_conns") {
		config.MaxConns = maxConnections
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "souk-" + env.Name
	}
	return pgxpool.NewWithConfig(ctx, config)
}

func waitForDB(started context.Context, db *pgxpool.Pool, env Environment) error {
	ctx, cancel := context.WithTimeout(started, startPatience)
	defer cancel()
	for {
		err := db.Ping(ctx)
		if err == nil {
			return nil
		}
		if started.Err() != nil { // told to stop: nothing failed
			return started.Err()
		}
		c := db.Config().ConnConfig
		failure := fmt.Errorf("cannot use the Postgres database %q at %s:%d: %w; start it, or set DATABASE_URL", c.Database, c.Host, c.Port, err)
		// The server answered, and its answer will not change by waiting:
		// a wrong password, no such database.
		if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && refused.Code[:2] != "57" {
			return failure
		}
		env.Logger.WarnContext(ctx, "waiting for Postgres", "error", err)
		select {
		case <-ctx.Done():
			if started.Err() != nil {
				return started.Err()
			}
			return failure
		case <-time.After(time.Second):
		}
	}
}

func openRedis(env Environment) (redis.UniversalClient, error) {
	options, err := redis.ParseURL(env.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL cannot be read: %w", err)
	}
	client := redis.NewClient(options)
	if env.Telemetry.Traces() {
		err := redisotel.InstrumentTracing(client,
			redisotel.WithTracerProvider(env.Telemetry.TracerProvider), redisotel.WithCallerEnabled(false))
		if err != nil {
			return nil, fmt.Errorf("tracing Redis: %w", err)
		}
	}
	return client, nil
}

func (r *Resources) close() {
	if r.Redis != nil {
		if err := r.Redis.Close(); err != nil {
			r.Logger.Warn("closing Redis", "error", err)
		}
	}
	if r.DB != nil {
		r.DB.Close()
	}
}
