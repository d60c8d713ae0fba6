package events

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"souk/telemetry"
)

// Bus connects a service to the events of all services. Create it with New.
type Bus struct {
	db      *pgxpool.Pool
	redis   redis.UniversalClient
	source  string
	logger  *slog.Logger
	tracer  trace.Tracer
	metrics *metrics
	name    string // of this process in its consumer groups
	// maxStreamLength is maxStreamLength, except in tests.
	maxStreamLength int64

	mu       sync.Mutex
	consumed []string // the groups of the service's consumers
}

// New returns the bus of a service. It registers metrics, so there can be only
// one Bus per Telemetry.
func New(service string, db *pgxpool.Pool, client redis.UniversalClient, t *telemetry.Telemetry, logger *slog.Logger) *Bus {
	host, err := os.Hostname()
	if err != nil {
		host = service
	}
	m := newMetrics(t.Registry)
	m.exportPublished(service)
	return &Bus{
		db:      db,
		redis:   client,
		source:  "/souk/" + service,
		logger:  logger,
		tracer:  t.TracerProvider.Tracer("souk/subgraphs/internal/events"),
		metrics: m,
		name:    host + "-" + rand.Text()[:8],

		maxStreamLength: maxStreamLength,
	}
}

// untraced returns a context that records no spans, for the polling of
// workers: each poll would be a trace. Handling an event is part of the
// event's trace.
func untraced(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
	}))
}

// lockKey derives the key of a Postgres advisory lock from a name.
func lockKey(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte("souk/events/" + name))
	return int64(h.Sum64())
}

// backoff returns the wait before attempt n (from 1): between half and all of
// an exponentially growing time, so that clients that failed together do not
// retry together.
func backoff(n int, minWait, maxWait time.Duration) time.Duration {
	d := maxWait
	if n < 20 {
		d = min(maxWait, minWait<<(n-1))
	}
	return d/2 + mathrand.N(d/2+1)
}

// sleep waits for d. It returns false as soon as ctx ends.
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

// retry repeats work until ctx ends, with backoff. Most failures are
// temporary: Postgres or Redis is unreachable.
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
			b.logger.WarnContext(ctx, what+" failed; will retry", "error", err, "retry_in", wait)
		}
		if !sleep(ctx, wait) {
			break
		}
	}
	return nil //nolint:nilerr // stopped on purpose
}
