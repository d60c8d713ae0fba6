package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"

	"souk/internal/redisurl"
	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/events"
)

// Resources are what a Builder builds a service from.
type Resources struct {
	Environment
	DB    *pgxpool.Pool
	Redis redis.UniversalClient
	// Events publishes this service's events and consumes those of others. Run
	// runs its Relay for every service.
	Events *events.Bus

	measure *database.Measure
}

// maxDatabaseWait is how long a starting service waits for its database.
const maxDatabaseWait = 30 * time.Second

// maxConnections is the size of the pool unless DATABASE_URL sets
// pool_max_conns.
const maxConnections = 12

// connectTimeout bounds connecting to Postgres unless DATABASE_URL sets
// connect_timeout. A host that is gone does not respond at all.
const connectTimeout = 3 * time.Second

// open connects to Postgres, waiting for it if necessary, and migrates the
// database. Redis may be down: open sends nothing to it.
func open(ctx context.Context, env Environment, migrations fs.FS) (r *Resources, err error) {
	r = &Resources{Environment: env, measure: database.NewMeasure(env.Telemetry.Registry)}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.DB, err = openDB(ctx, env, r.measure); err != nil {
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

func openDB(ctx context.Context, env Environment, measure *database.Measure) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(env.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("parsing DATABASE_URL: %w", err)
	}
	config.ConnConfig.Tracer = tracer(env, measure)
	if !strings.Contains(env.DatabaseURL, "pool_max_conns") {
		config.MaxConns = maxConnections
	}
	if config.ConnConfig.ConnectTimeout == 0 || !strings.Contains(env.DatabaseURL, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "souk-" + env.Name
	}
	database.LimitStatements(config.ConnConfig)
	database.CancelStatements(config.ConnConfig)
	return pgxpool.NewWithConfig(ctx, config)
}

// tracer returns what the pool tells of its connections and queries.
func tracer(env Environment, measure *database.Measure) pgx.QueryTracer {
	// The measured wait for a connection includes the wait for the share.
	if env.Telemetry.Traces() {
		return multitracer.New(measure, newShares(), otelpgx.NewTracer(otelpgx.WithTracerProvider(env.Telemetry.TracerProvider)))
	}
	return multitracer.New(measure, newShares())
}

func waitForDB(started context.Context, db *pgxpool.Pool, env Environment) error {
	ctx, cancel := context.WithTimeout(started, maxDatabaseWait)
	defer cancel()
	for {
		err := db.Ping(ctx)
		if err == nil {
			return nil
		}
		if started.Err() != nil { // stopped while waiting: nothing failed
			return started.Err()
		}
		c := db.Config().ConnConfig
		failure := fmt.Errorf("cannot use the Postgres database %q at %s:%d: %w; start it, or set DATABASE_URL", c.Database, c.Host, c.Port, err)
		// Waiting cannot fix an error response, such as a wrong password or a
		// missing database. Class 57 is different: the server is starting.
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
	options, err := redisurl.ParsePrimary(env.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("parsing REDIS_URL: %w", err)
	}
	options.ContextTimeoutEnabled = true // a Redis that hangs must not outlast a deadline
	client := redis.NewUniversalClient(options)
	if env.Telemetry.Traces() {
		err := redisotel.InstrumentTracing(client,
			redisotel.WithTracerProvider(env.Telemetry.TracerProvider), redisotel.WithCallerEnabled(false))
		if err != nil {
			return nil, fmt.Errorf("instrumenting Redis: %w", err)
		}
	}
	return client, nil
}

func (r *Resources) close() {
	if r.Redis != nil {
		if err := r.Redis.Close(); err != nil {
			r.Logger.Warn("could not close the Redis client", "error", err)
		}
	}
	if r.DB != nil {
		r.DB.Close()
	}
}
