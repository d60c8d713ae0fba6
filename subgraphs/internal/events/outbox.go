package events

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/propagation"
)

// traceContext injects and extracts W3C trace context.
var traceContext propagation.TraceContext

// Append writes an event to the outbox, in the transaction of the change it
// reports. The transaction must lock what it changes before it appends, so
// that the events of a subject are in order.
func Append(ctx context.Context, tx pgx.Tx, e Event) error {
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
	_, err = tx.Exec(ctx, `
		insert into event_outbox (id, type, subject, time, traceparent, tracestate, data, schema_version)
		values ($1, $2, $3, coalesce($4, now()), $5, $6, $7, $8)`,
		e.ID, e.Type, e.Subject, time, trace["traceparent"], trace["tracestate"], data, max(1, e.Version))
	if err != nil {
		return fmt.Errorf("appending a %s event to the outbox: %w", e.Type, err)
	}
	return nil
}
