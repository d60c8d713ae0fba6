package events

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"souk/subgraphs/internal/database"
)

// Values of the label result.
const (
	resultHandled  = "handled"
	resultRepeated = "repeated"
	resultDead     = "dead"
)

// process handles an event and acknowledges it. done is false if the event
// must be retried. err is an error of Postgres or Redis, not of the event.
func (r *reader) process(ctx context.Context, d *delivery) (done bool, err error) {
	if d.broken != nil {
		return true, r.deadLetter(ctx, d, d.broken)
	}
	if d.failures >= r.consumer.MaxAttempts {
		return true, r.deadLetter(ctx, d, errors.New("too many attempts; the process died during the last one"))
	}
	result, failure, err := r.handle(ctx, d)
	if err != nil {
		return false, err
	}
	if failure == nil {
		r.count(d, result)
		return true, r.acknowledge(ctx, d.streamID)
	}
	if unavailable := (unavailableError{}); errors.As(failure, &unavailable) {
		d.waits++
	} else {
		d.failures++
	}
	r.bus.metrics.failed.WithLabelValues(r.consumer.Group, d.envelope.Type).Inc()
	permanent := permanentError{}
	if errors.As(failure, &permanent) || d.failures >= r.consumer.MaxAttempts || d.waits >= r.consumer.MaxUnavailable {
		return true, r.deadLetter(ctx, d, failure)
	}
	r.bus.logger.WarnContext(ctx, "could not handle an event; will retry",
		"group", r.consumer.Group, "type", d.envelope.Type, "event", d.envelope.ID, "attempt", d.attempts(), "error", failure)
	return false, nil
}

// handle applies an event and records its ID, in one transaction and in the
// event's trace. failure is the error of the handler, err one of Postgres.
func (r *reader) handle(ctx context.Context, d *delivery) (result string, failure, err error) {
	ctx, span := r.span(ctx, d)
	defer span.End()

	tx, err := r.bus.db.BeginTx(ctx, database.Background())
	if err != nil {
		return "", nil, fmt.Errorf("starting a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	noted, err := tx.Exec(ctx, `
		insert into processed_events (consumer, event_id) values ($1, $2) on conflict do nothing`,
		r.consumer.Group, d.envelope.ID)
	if err != nil {
		return "", nil, fmt.Errorf("recording an event as processed: %w", err)
	}
	if noted.RowsAffected() == 0 {
		return resultRepeated, nil, nil
	}
	if failure := r.call(ctx, tx, d); failure != nil {
		span.SetStatus(codes.Error, failure.Error())
		// Other subjects need not wait for a lock that this event needs.
		if database.Slow(failure) {
			return "", Unavailable(failure), ctx.Err()
		}
		// A lost connection, a Postgres that is short of something, or a
		// shutdown is not a failure of the event.
		if tx.Conn().IsClosed() || database.Refused(failure) {
			return "", nil, fmt.Errorf("handling an event while Postgres is unavailable: %w", failure)
		}
		return "", failure, ctx.Err()
	}
	if err := tx.Commit(ctx); err != nil {
		// A violated deferred constraint is the handler's failure. A broken
		// connection is not, and whether the commit succeeded is unknown.
		if isPostgresError(err) && !database.Refused(err) {
			return "", err, nil
		}
		return "", nil, fmt.Errorf("committing an event: %w", err)
	}
	return resultHandled, nil, nil
}

// span begins the span of handling an event, in the event's trace.
func (r *reader) span(ctx context.Context, d *delivery) (context.Context, trace.Span) {
	ctx = traceContext.Extract(ctx, propagation.MapCarrier{
		"traceparent": d.envelope.TraceParent, "tracestate": d.envelope.TraceState,
	})
	return r.bus.tracer.Start(ctx, "process "+d.envelope.Type,
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("messaging.system", "redis"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.destination.name", Stream),
			attribute.String("messaging.consumer.group.name", r.consumer.Group),
			attribute.String("messaging.message.id", d.envelope.ID)))
}

// call calls the handler and converts a panic to an error.
func (r *reader) call(ctx context.Context, tx pgx.Tx, d *delivery) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	event, err := r.consumer.upcast(d.envelope.event())
	if err != nil {
		return err
	}
	return r.consumer.Handler(ctx, tx, event)
}

func (r *reader) acknowledge(ctx context.Context, streamIDs ...string) error {
	if len(streamIDs) == 0 {
		return nil
	}
	if err := r.bus.redis.XAck(ctx, Stream, r.consumer.Group, streamIDs...).Err(); err != nil {
		return fmt.Errorf("acknowledging events: %w", err)
	}
	return nil
}

// deadLetter moves an event to the dead-letter stream and acknowledges it.
func (r *reader) deadLetter(ctx context.Context, d *delivery, why error) error {
	_, err := r.bus.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: deadStream, MaxLen: maxDeadLetters, Approx: true, Values: []any{
			fieldType, d.envelope.Type, fieldEvent, d.text, fieldGroup, r.consumer.Group,
			fieldError, why.Error(), fieldAttempts, strconv.Itoa(d.attempts()),
		}})
		p.XAck(ctx, Stream, r.consumer.Group, d.streamID)
		return nil
	})
	if err != nil {
		return fmt.Errorf("moving an event to the dead-letter stream: %w", err)
	}
	r.count(d, resultDead)
	r.bus.logger.ErrorContext(ctx, "moved an event to the dead-letter stream; it needs attention",
		"group", r.consumer.Group, "type", d.envelope.Type, "event", d.envelope.ID, "attempts", d.attempts(), "error", why)
	return nil
}

func (r *reader) count(d *delivery, result string) {
	r.bus.metrics.handled.WithLabelValues(r.consumer.Group, d.envelope.Type, result).Inc()
}
