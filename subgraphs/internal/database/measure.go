package database

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"souk/telemetry"
)

// The names follow the OpenTelemetry semantic conventions for database clients.
var (
	metricStatements = telemetry.Metric{
		Name: "db_client_operation_duration_seconds", Kind: telemetry.Histogram, Buckets: telemetry.DurationBuckets(),
		Help:   "Duration of an SQL statement, including its wait for locks, by command and first table. Names after the first 100 are counted as _OTHER.",
		Labels: []string{"db_query_summary"},
	}
	metricFailures = telemetry.Metric{
		Name: "souk_sql_failures_total", Kind: telemetry.Counter,
		Help:   "SQL statements that failed, by reason: timeout, lock (a deadlock or a lock that was not available), unavailable (no connection), canceled (the caller left) or refused (anything else, such as a unique key).",
		Labels: []string{"reason"},
	}
	metricWaits = telemetry.Metric{
		Name: "db_client_connection_wait_time_seconds", Kind: telemetry.Histogram, Buckets: telemetry.DurationBuckets(),
		Help: "Time that a request waited for a connection of the pool.",
	}
	metricConnections = telemetry.Metric{
		Name: "db_client_connection_count", Kind: telemetry.Gauge,
		Help:   "Connections of the pool, by state: idle or used.",
		Labels: []string{"db_client_connection_state"},
	}
	metricMaximum = telemetry.Metric{
		Name: "db_client_connection_max", Kind: telemetry.Gauge,
		Help: "Maximum number of connections of the pool.",
	}
)

// These have no counterpart in the conventions.
var (
	metricLockWaits = telemetry.Metric{
		Name: "souk_postgres_lock_waits", Kind: telemetry.Gauge,
		Help: "Statements in the service's database that wait for a lock, of all replicas.",
	}
	metricUp = telemetry.Metric{
		Name: "souk_postgres_up", Kind: telemetry.Gauge,
		Help: "1 if Postgres responds to the service, 0 if connections fail.",
	}
)

// maxSummaries bounds the names of statements.
const maxSummaries = 100

// A Measure measures the statements and the connections of a pool. It is a tracer of
// the pool.
type Measure struct {
	summaries  atomic.Int32
	statements *telemetry.Bound[string, prometheus.Observer]
	failures   *prometheus.CounterVec
	waits      prometheus.Observer
	idle, used prometheus.Gauge // connections
	maximum    prometheus.Gauge
	lockWaits  prometheus.Gauge
	up         prometheus.Gauge
}

// NewMeasure registers the metrics. Every series of the counters exists from the start.
func NewMeasure(r prometheus.Registerer) *Measure {
	durations, connections := metricStatements.NewHistogram(r), metricConnections.NewGauge(r)
	m := &Measure{
		statements: telemetry.Bind(func(summary string) prometheus.Observer { return durations.WithLabelValues(summary) }),
		failures:   metricFailures.NewCounter(r),
		waits:      metricWaits.NewHistogram(r).WithLabelValues(),
		idle:       connections.WithLabelValues("idle"),
		used:       connections.WithLabelValues("used"),
		maximum:    metricMaximum.NewGauge(r).WithLabelValues(),
		lockWaits:  metricLockWaits.NewGauge(r).WithLabelValues(),
		up:         metricUp.NewGauge(r).WithLabelValues(),
	}
	for _, reason := range []string{reasonTimeout, reasonLock, reasonUnavailable, reasonCanceled, reasonRefused} {
		m.failures.WithLabelValues(reason)
	}
	return m
}

type (
	statementKey struct{}
	acquireKey   struct{}
)

// A statement is one that Postgres executes.
type statement struct {
	sql     string
	started time.Time
}

// TraceQueryStart implements pgx.QueryTracer.
func (m *Measure) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, statementKey{}, statement{sql: data.SQL, started: time.Now()})
}

// TraceQueryEnd implements pgx.QueryTracer.
func (m *Measure) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	s, ok := ctx.Value(statementKey{}).(statement)
	if !ok {
		return
	}
	m.executed(ctx, s.sql, time.Since(s.started), data.Err)
}

// executed counts a statement.
func (m *Measure) executed(ctx context.Context, sql string, took time.Duration, err error) {
	m.observer(summary(sql)).Observe(took.Seconds())
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		m.failures.WithLabelValues(reasonFor(ctx, err)).Inc()
	}
}

// sent is when the result of a batch's next statement began to be waited for.
type sent struct{ at time.Time }

type batchKey struct{}

// TraceBatchStart implements pgx.BatchTracer.
func (m *Measure) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return context.WithValue(ctx, batchKey{}, &sent{time.Now()})
}

// TraceBatchQuery implements pgx.BatchTracer. Postgres executes the statements of a batch in turn,
// so each takes from the result of the one before to its own.
func (m *Measure) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s, ok := ctx.Value(batchKey{}).(*sent)
	if !ok {
		return
	}
	now := time.Now()
	m.executed(ctx, data.SQL, now.Sub(s.at), data.Err)
	s.at = now
}

// TraceBatchEnd implements pgx.BatchTracer.
func (*Measure) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (m *Measure) observer(summary string) prometheus.Observer {
	if o, ok := m.statements.Lookup(summary); ok {
		return o
	}
	if m.summaries.Add(1) > maxSummaries {
		m.summaries.Store(maxSummaries)
		summary = "_OTHER"
	}
	return m.statements.Get(summary)
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (m *Measure) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return context.WithValue(ctx, acquireKey{}, time.Now())
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (m *Measure) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if started, ok := ctx.Value(acquireKey{}).(time.Time); ok {
		m.waits.Observe(time.Since(started).Seconds())
	}
	if data.Err != nil {
		m.failures.WithLabelValues(reason(data.Err)).Inc()
	}
	m.count(pool)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (m *Measure) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd implements pgx.ConnectTracer. A server that does not respond to a connection
// is noticed here: those that wait for the connection may have left before.
func (m *Measure) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil && !errors.Is(data.Err, context.Canceled) {
		m.up.Set(0)
	}
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (m *Measure) TraceRelease(pool *pgxpool.Pool, _ pgxpool.TraceReleaseData) { m.count(pool) }

func (m *Measure) count(pool *pgxpool.Pool) {
	s := pool.Stat()
	m.idle.Set(float64(s.IdleConns()))
	m.used.Set(float64(s.AcquiredConns()))
	m.maximum.Set(float64(s.MaxConns()))
}

// lockInterval is the time between two counts of statements that wait for a lock.
const lockInterval = 2 * time.Second

// Watch counts the statements that wait for a lock until ctx ends, and so notices without any
// request whether Postgres responds. While there is no connection for that, the last count
// remains: NewMeasure's other metrics show the reason.
func (m *Measure) Watch(ctx context.Context, db *pgxpool.Pool) {
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		waiting, err := lockWaits(ctx, db)
		switch {
		case err == nil:
			m.lockWaits.Set(float64(waiting))
			m.up.Set(1)
		case ctx.Err() == nil && reason(err) == reasonUnavailable: // not for want of a free connection
			m.up.Set(0)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lockWaits counts the statements in the database that wait for a lock.
func lockWaits(ctx context.Context, db *pgxpool.Pool) (waiting int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockInterval)
	defer cancel()
	err = db.QueryRow(ctx, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
	return waiting, err
}

const (
	reasonTimeout     = "timeout"
	reasonLock        = "lock"
	reasonUnavailable = "unavailable"
	reasonCanceled    = "canceled"
	reasonRefused     = "refused"
)

// reasonFor is reason for a statement of a caller: Postgres says of one that was cancelled because
// the caller left what it says of one that took too long.
func reasonFor(ctx context.Context, err error) string {
	if Slow(err) && errors.Is(ctx.Err(), context.Canceled) {
		return reasonCanceled
	}
	return reason(err)
}

// reason says why a statement failed, or why there was no connection for it.
func reason(err error) string {
	var refused *pgconn.PgError
	var unconnected *pgconn.ConnectError
	switch {
	case errors.As(err, &unconnected) && !errors.Is(err, context.Canceled): // also a timeout, or a wrong password
		return reasonUnavailable
	case Slow(err), errors.Is(err, context.DeadlineExceeded):
		return reasonTimeout
	case errors.Is(err, context.Canceled):
		return reasonCanceled
	case errors.As(err, &refused) && (refused.Code == deadlockDetected || refused.Code == lockNotAvailable):
		return reasonLock
	case Unavailable(err):
		return reasonUnavailable
	}
	return reasonRefused
}

// SQLSTATEs of statements that did not get a lock.
const (
	deadlockDetected = "40P01"
	lockNotAvailable = "55P03"
)
