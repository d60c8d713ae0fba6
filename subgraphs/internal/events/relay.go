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
	// relayBatchSize bounds the events of a transaction. If fewer wait, those of the next poll
	// interval are the next batch: under load, a batch has the events of many changes.
	relayBatchSize = 200
	// lossCheckInterval is how often an idle relay looks for events that Redis
	// lost, and how often every relay asks whether Redis responds. Before it publishes, it
	// always looks.
	lossCheckInterval = 2 * time.Second
)

// errStandby means that another process does this work at the moment.
var errStandby = errors.New("another process is doing this work")

// Relay moves the service's outbox to the stream until ctx ends. Several
// processes may run it. One works at a time, which keeps the order of events.
//
// Every committed event reaches every consumer group: it stays in the outbox
// until Redis has it, and after that until the groups have read it, for at
// least 72 hours. The relay checks before each batch, and every two seconds
// while idle, that the last published event is still in the stream. If Redis
// has lost it (a restart without persistence, a failover), the relay publishes
// all missing events again. Consumers ignore events that they have processed.
func (b *Bus) Relay(ctx context.Context) error {
	return b.retry(untraced(ctx), "the event relay", b.relay)
}

func (b *Bus) relay(ctx context.Context) error {
	var tidied, checked, asked, sized time.Time
	for ctx.Err() == nil {
		if time.Since(asked) > lossCheckInterval {
			asked = time.Now()
			b.askRedis(ctx)
		}
		if time.Since(sized) > sizeInterval {
			sized = time.Now()
			b.measureSize(ctx)
		}
		// One query tells whether there is work; usually there is no event.
		waiting, age, err := b.measureOutbox(ctx)
		if err != nil {
			return err
		}
		b.metrics.outboxWaiting.WithLabelValues().Set(waiting)
		b.metrics.outboxAge.WithLabelValues().Set(age)
		if waiting > 0 {
			if err := b.exclusively(ctx, b.relayBatch); err != nil {
				return err
			}
			if waiting > relayBatchSize {
				continue
			}
		} else if time.Since(checked) > lossCheckInterval {
			checked = time.Now()
			if err := b.exclusively(ctx, b.recoverLost); err != nil && !errors.Is(err, errStandby) {
				return err
			}
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

// askRedis exports whether Redis responds. Every replica asks, also one that does not relay.
func (b *Bus) askRedis(ctx context.Context) {
	up := 1.0
	if err := b.redis.Ping(ctx).Err(); err != nil {
		up = 0
	}
	if ctx.Err() == nil {
		b.metrics.redis.WithLabelValues().Set(up)
	}
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
	Version     int
}

// exclusively runs work in a transaction. An advisory lock of the transaction
// makes this process the only one that publishes or looks for lost events;
// another one gets errStandby.
func (b *Bus) exclusively(ctx context.Context, work func(context.Context, pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		var alone bool
		if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", lockKey("relay")).Scan(&alone); err != nil {
			return fmt.Errorf("locking the outbox: %w", err)
		}
		if !alone {
			return errStandby
		}
		return work(ctx, tx)
	})
}

// relayBatch publishes the oldest waiting events.
func (b *Bus) relayBatch(ctx context.Context, tx pgx.Tx) error {
	rows, err := waiting(ctx, tx)
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := b.makeRoom(ctx); err != nil {
		return err
	}
	last, err := b.lastPublished(ctx, tx)
	if err != nil {
		return err
	}
	published, err := b.publish(ctx, tx, rows, last)
	if err != nil || published {
		return err
	}
	return b.requeueLost(ctx, tx) // the next batch starts with them
}

func waiting(ctx context.Context, tx pgx.Tx) ([]outboxRow, error) {
	rows, err := tx.Query(ctx, `
		select position, id::text, type, subject, time, traceparent, tracestate, data, schema_version
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

// publication adds events to the stream, provided that the event published
// last is still there. A script is atomic: Redis cannot lose that event between
// the check and the additions, and it never accepts only some of the events,
// so that no event precedes an earlier one.
//
// KEYS: the stream. ARGV: the ID of the entry that must exist, or an empty
// string; then the type and the CloudEvent of each event. It returns the IDs of
// the new entries: none if the entry is missing.
var publication = redis.NewScript(`
if ARGV[1] ~= '' and #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then
	return {}
end
local ids = {}
for i = 2, #ARGV, 2 do
	ids[#ids + 1] = redis.call('XADD', KEYS[1], '*', 'type', ARGV[i], 'event', ARGV[i + 1])
end
return ids`)

// publish adds rows to the stream, in order, and marks them as published. If
// marking fails, they are published again with the same IDs. It publishes
// nothing if the stream lacks the entry with the ID last, unless that is empty.
func (b *Bus) publish(ctx context.Context, tx pgx.Tx, rows []outboxRow, last string) (published bool, err error) {
	args := []any{last}
	positions := make([]int64, len(rows))
	for i, row := range rows {
		version := row.Version
		if version == 1 {
			version = 0 // absent
		}
		event, err := json.Marshal(envelope{
			SpecVersion: "1.0", ID: row.ID, Source: b.source, Type: row.Type, Subject: row.Subject,
			Time: row.Time.UTC(), DataContentType: "application/json",
			SchemaVersion: version, TraceParent: row.TraceParent, TraceState: row.TraceState, Data: row.Data,
		})
		if err != nil {
			return false, fmt.Errorf("encoding event %s: %w", row.ID, err)
		}
		args = append(args, row.Type, string(event))
		positions[i] = row.Position
	}
	defer b.trace(ctx, rows)()
	streamIDs, err := publication.Run(ctx, b.redis, []string{Stream}, args...).StringSlice()
	if err != nil {
		return false, fmt.Errorf("adding events to the stream: %w", err)
	}
	if len(streamIDs) == 0 {
		return false, nil
	}
	_, err = tx.Exec(ctx, `
		update event_outbox o set published_at = now(), stream_id = p.stream_id
		from unnest($1::bigint[], $2::text[]) p(position, stream_id)
		where o.position = p.position`, positions, streamIDs)
	if err != nil {
		return false, fmt.Errorf("marking events as published: %w", err)
	}
	for _, row := range rows {
		b.metrics.published.WithLabelValues(row.Type).Inc()
	}
	return true, nil
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
