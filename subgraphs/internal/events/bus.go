package events

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"souk/telemetry"
)

// Bus connects a service to the others' events. Make one with New.
type Bus struct {
	db      *pgxpool.Pool
	redis   redis.UniversalClient
	source  string
	logger  *slog.Logger
	tracer  trace.Tracer
	metrics *metrics
	name    string // of this process among a group's consumers
}

// New makes the bus of a service. There must be one for each Telemetry, whose
// registry takes the metrics.
func New(service string, db *pgxpool.Pool, client redis.UniversalClient, t *telemetry.Telemetry, logger *slog.Logger) *Bus {
	host, err := os.Hostname()
	if err != nil {
		host = service
	}
	return &Bus{
		db:      db,
		redis:   client,
		source:  "/souk/" + service,
		logger:  logger,
		tracer:  t.TracerProvider.Tracer("souk/subgraphs/internal/events"),
		metrics: newMetrics(t.Registry),
		name:    host + "-" + rand.Text()[:8],
	}
}

// untraced keeps the unending work of a worker out of the traces: its polling
// would be a trace a time. What it does for an event is in the event's trace.
func untraced(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
	}))
}

// lockNumber makes a Postgres advisory lock's number of a name.
func lockNumber(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte("souk/events/" + name))
	return int64(h.Sum64())
}

// backoff is how long to wait before try n (from 1), between half and all of
// an exponentially growing time, so that many who failed together do not come
// back together.
func backoff(n int, first, most time.Duration) time.Duration {
	d := most
	if n < 20 {
		d = min(most, first<<(n-1))
	}
	return d/2 + mathrand.N(d/2+1)
}

// sleep waits, or returns false as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// retry runs work until ctx ends, again after every error: what is out of
// reach now may come back.
func (b *Bus) retry(ctx context.Context, what string, work func(context.Context) error) error {
	for failures := 0; ctx.Err() == nil; {
		start := time.Now()
		err := work(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(start) > time.Minute {
			failures = 0
		}
		failures++
		wait := backoff(failures, 100*time.Millisecond, 5*time.Second)
		if err != nil && !errors.Is(err, errStandby) {
			b.logger.WarnContext(ctx, what+" is interrupted", "error", err, "again_in", wait)
		}
		if !sleep(ctx, wait) {
			break
		}
	}
	return nil //nolint:nilerr // it was told to end
}
