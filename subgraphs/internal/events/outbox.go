package events

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/propagation"
)

// traceContext injects and extracts W3C trace context.
var traceContext propagation.TraceContext

// Append writes an event to the outbox, in the transaction of the change it
// reports. The transaction must lock what it changes before it appends, so
// that the events of a subject are in order.
func Append(ctx context.Context, tx pgx.Tx, e Event) error {
	var b pgx.Batch
	if err := Queue(ctx, &b, e); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("appending a %s event to the outbox: %w", e.Type, err)
	}
	return nil
}

// Queue is Append for a batch, which is sent to Postgres in one go. A batch is
// a transaction by itself.
func Queue(ctx context.Context, b *pgx.Batch, e Event) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("encoding the data of a %s event: %w", e.Type, err)
	}
	if e.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("generating an event ID: %w", err)
		}
		e.ID = id.String()
	}
	trace := propagation.MapCarrier{}
	traceContext.Inject(ctx, trace)
	var time any = e.Time
	if e.Time.IsZero() {
		time = nil
	}
	b.Queue(`
		insert into event_outbox (id, type, subject, time, traceparent, tracestate, data, schema_version)
		values ($1, $2, $3, coalesce($4, now()), $5, $6, $7, $8)`,
		e.ID, e.Type, e.Subject, time, trace["traceparent"], trace["tracestate"], data, max(1, e.Version))
	return nil
}

// QueueChanged queues a statement that changes rows and appends an event for
// each of them. Its definitions are those of a WITH clause; the last one is
// called changed and returns the columns subject and data of the events.
func QueueChanged(ctx context.Context, b *pgx.Batch, kind, definitions string, args ...any) *pgx.QueuedQuery {
	parent, state := Trace(ctx)
	n := len(args)
	return b.Queue(fmt.Sprintf(`
		with %s
		insert into event_outbox (id, type, subject, time, traceparent, tracestate, data)
		select gen_random_uuid(), $%d, subject, now(), $%d, $%d, data from changed`, definitions, n+1, n+2, n+3),
		append(args, kind, parent, state)...)
}

// AppendChanged is QueueChanged for a statement of its own, and events that belong
// to different traces: changed also returns the columns traceparent and tracestate,
// which Trace has. Postgres plans the statement each time. A plan that is kept from
// when a table was small would read all of it, however large it is by now.
func AppendChanged(ctx context.Context, db *pgxpool.Pool, kind, definitions string, args ...any) error {
	statement := fmt.Sprintf(`
		with %s
		insert into event_outbox (id, type, subject, time, traceparent, tracestate, data)
		select gen_random_uuid(), $%d, subject, now(), traceparent, tracestate, data from changed`, definitions, len(args)+1)
	_, err := db.Exec(ctx, statement, append([]any{pgx.QueryExecModeCacheDescribe}, append(args, kind)...)...)
	return err
}

// Trace returns the trace context, as an event carries it.
func Trace(ctx context.Context) (parent, state string) {
	carrier := propagation.MapCarrier{}
	traceContext.Inject(ctx, carrier)
	return carrier["traceparent"], carrier["tracestate"]
}
