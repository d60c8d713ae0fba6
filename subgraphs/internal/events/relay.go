package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	relayPollInterval = 100 * time.Millisecond // between two polls for new events
	relayBatchSize    = 200
	// retention is how long published events stay in the outbox and in the
	// stream. It bounds the age of events that the relay can send again after
	// Redis lost them.
	retention = 72 * time.Hour
	// processedRetention is how long a consumer remembers processed events. It
	// must exceed retention.
	processedRetention = 30 * 24 * time.Hour
	cleanupInterval    = time.Minute
)

// errStandby means that another process does this work at the moment.
var errStandby = errors.New("another process is doing this work")

// Relay moves the service's outbox to the stream until ctx ends. Several
// processes may run it. One works at a time, which keeps the order of events.
//
// Every committed event reaches the stream: it stays in the outbox until Redis
// has it, and for 72 hours after that. Before each batch, the relay checks
// that the last published event is still in the stream. If Redis has lost it
// (a restart without persistence, a failover), the relay publishes all missing
// events of that period again. Consumers ignore events that they have
// processed.
func (b *Bus) Relay(ctx context.Context) error {
	return b.retry(untraced(ctx), "the event relay", b.relay)
}

func (b *Bus) relay(ctx context.Context) error {
	var tidied time.Time
	for ctx.Err() == nil {
		// One query tells whether there is work; usually there is no event.
		waiting, age, err := b.measureOutbox(ctx)
		if err != nil {
			return err
		}
		b.metrics.outboxWaiting.WithLabelValues().Set(waiting)
		b.metrics.outboxAge.WithLabelValues().Set(age)
		if waiting > 0 {
			if err := b.relayBatch(ctx); err != nil {
				return err
			}
			continue
		}
		if time.Since(tidied) > cleanupInterval {
			tidied = time.Now()
			if err := b.deleteOld(ctx); err != nil {
				return err
			}
		}
		sleep(ctx, relayPollInterval)
	}
	return nil
}

// measureOutbox returns how many events wait (at most 10000) and for how many
// seconds the oldest has waited.
func (b *Bus) measureOutbox(ctx context.Context) (waiting, age float64, err error) {
	err = b.db.QueryRow(ctx, `
		select count(*), greatest(0, coalesce(extract(epoch from now() - min(time)), 0)::float8)
		from (select time from event_outbox where published_at is null order by position limit 10000) w`).
		Scan(&waiting, &age)
	if err != nil {
		return 0, 0, fmt.Errorf("measuring the outbox: %w", err)
	}
	return waiting, age, nil
}

// outboxRow is an event to publish.
type outboxRow struct {
	Position    int64
	ID          string
	Type        string
	Subject     string
	Time        time.Time
	TraceParent string
	TraceState  string
	Data        json.RawMessage
}

// relayBatch publishes the oldest waiting events. A transaction-level advisory
// lock makes this process the only one that publishes.
func (b *Bus) relayBatch(ctx context.Context) error {
	return pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		var alone bool
		if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", lockKey("relay")).Scan(&alone); err != nil {
			return fmt.Errorf("locking the outbox: %w", err)
		}
		if !alone {
			return errStandby
		}
		rows, err := waiting(ctx, tx)
		if err != nil || len(rows) == 0 {
			return err
		}
		lost, err := b.lastPublishedLost(ctx, tx)
		if err != nil {
			return err
		}
		if lost {
			return b.requeueLost(ctx, tx) // the next batch starts with them
		}
		return b.publish(ctx, tx, rows)
	})
}

func waiting(ctx context.Context, tx pgx.Tx) ([]outboxRow, error) {
	rows, err := tx.Query(ctx, `
		select position, id::text, type, subject, time, traceparent, tracestate, data
		from event_outbox where published_at is null order by position limit $1`, relayBatchSize)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[outboxRow])
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	return found, nil
}

// publish adds rows to the stream, in order, and marks them as published. If
// marking fails, they are published again with the same IDs.
func (b *Bus) publish(ctx context.Context, tx pgx.Tx, rows []outboxRow) error {
	// MULTI makes the batch atomic. If Redis accepted only some of the events, a
	// later event could precede an earlier one.
	pipeline := b.redis.TxPipeline()
	added := make([]*redis.StringCmd, len(rows))
	positions, streamIDs := make([]int64, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		event, err := json.Marshal(envelope{
			SpecVersion: "1.0", ID: row.ID, Source: b.source, Type: row.Type, Subject: row.Subject,
			Time: row.Time.UTC(), DataContentType: "application/json",
			TraceParent: row.TraceParent, TraceState: row.TraceState, Data: row.Data,
		})
		if err != nil {
			return fmt.Errorf("encoding event %s: %w", row.ID, err)
		}
		added[i] = pipeline.XAdd(ctx, &redis.XAddArgs{
			Stream: Stream, Values: []any{fieldType, row.Type, fieldEvent, string(event)},
		})
		positions[i] = row.Position
	}
	defer b.trace(ctx, rows)()
	if _, err := pipeline.Exec(ctx); err != nil {
		return fmt.Errorf("adding events to the stream: %w", err)
	}
	for i, command := range added {
		streamIDs[i] = command.Val()
	}
	_, err := tx.Exec(ctx, `
		update event_outbox o set published_at = now(), stream_id = p.stream_id
		from unnest($1::bigint[], $2::text[]) p(position, stream_id)
		where o.position = p.position`, positions, streamIDs)
	if err != nil {
		return fmt.Errorf("marking events as published: %w", err)
	}
	for _, row := range rows {
		b.metrics.published.WithLabelValues(row.Type).Inc()
	}
	return nil
}

// trace adds a span for publishing to the trace of each event.
func (b *Bus) trace(ctx context.Context, rows []outboxRow) (end func()) {
	spans := make([]trace.Span, len(rows))
	for i, row := range rows {
		ctx := traceContext.Extract(ctx, propagation.MapCarrier{"traceparent": row.TraceParent, "tracestate": row.TraceState})
		_, spans[i] = b.tracer.Start(ctx, "send "+row.Type,
			trace.WithSpanKind(trace.SpanKindProducer),
			trace.WithAttributes(
				attribute.String("messaging.system", "redis"),
				attribute.String("messaging.operation.type", "send"),
				attribute.String("messaging.destination.name", Stream),
				attribute.String("messaging.message.id", row.ID)))
	}
	return func() {
		for _, span := range spans {
			span.End()
		}
	}
}

// lastPublishedLost reports whether the last published event is missing from
// the stream. Trimming removes only old entries, so Redis must have lost it.
func (b *Bus) lastPublishedLost(ctx context.Context, tx pgx.Tx) (bool, error) {
	var id string
	err := tx.QueryRow(ctx, `
		select stream_id from event_outbox
		where published_at > now() - $1::interval / 2
		order by published_at desc, position desc limit 1`, retention).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking up the last published event: %w", err)
	}
	found, err := b.redis.XRangeN(ctx, Stream, id, id, 1).Result()
	if err != nil {
		return false, fmt.Errorf("looking for the last published event in the stream: %w", err)
	}
	return len(found) == 0, nil
}

// requeueLost marks every event as unpublished that should be in the stream
// but is not.
func (b *Bus) requeueLost(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select position, stream_id from event_outbox
		where published_at > now() - $1::interval / 2`, retention)
	if err != nil {
		return fmt.Errorf("reading the published events: %w", err)
	}
	type published struct {
		Position int64
		StreamID string
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[published])
	if err != nil {
		return fmt.Errorf("reading the published events: %w", err)
	}
	var lost []int64
	for len(all) > 0 {
		part := all[:min(len(all), relayBatchSize)]
		all = all[len(part):]
		pipeline := b.redis.Pipeline()
		looked := make([]*redis.XMessageSliceCmd, len(part))
		for i, p := range part {
			looked[i] = pipeline.XRangeN(ctx, Stream, p.StreamID, p.StreamID, 1)
		}
		if _, err := pipeline.Exec(ctx); err != nil {
			return fmt.Errorf("looking for published events in the stream: %w", err)
		}
		for i, p := range part {
			if len(looked[i].Val()) == 0 {
				lost = append(lost, p.Position)
			}
		}
	}
	b.logger.WarnContext(ctx, "Redis lost events; publishing them again", "count", len(lost))
	_, err = tx.Exec(ctx, `
		update event_outbox set published_at = null, stream_id = null where position = any($1)`, lost)
	if err != nil {
		return fmt.Errorf("requeueing lost events: %w", err)
	}
	return nil
}
