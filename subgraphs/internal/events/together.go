package events

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"
)

// maxTogether bounds the events that a transaction handles.
const maxTogether = 32

// processTogether handles the first events of subjects in common transactions: under load, events
// wait, and a transaction for each costs more than what the handlers do in it. If an event fails, or
// Postgres does, all of its transaction are left to be processed one by one, and so is an event that
// has failed before. One transaction runs at a time: handlers take locks in any order, so that two
// would wait for each other now and then, and what no request waits for should not need much of
// Postgres at a time.
func (r *reader) processTogether(ctx context.Context, due []*queue) {
	fresh := slices.DeleteFunc(due, func(q *queue) bool {
		d := q.deliveries[0]
		return d.broken != nil || d.attempts() > 0
	})
	for chunk := range slices.Chunk(fresh, maxTogether) {
		if len(chunk) == 1 || ctx.Err() != nil {
			return
		}
		if err := r.handleTogether(ctx, chunk); err != nil && ctx.Err() == nil {
			r.bus.logger.InfoContext(ctx, "could not handle events together; each is handled alone", "group", r.consumer.Group, "count", len(chunk), "error", err)
		}
	}
}

// handleTogether handles the first events of some queues, acknowledges them and removes them from the
// queues. If it fails, it has changed nothing, except that an event may be handled that is still
// there. It is then repeated, and found to be processed.
func (r *reader) handleTogether(ctx context.Context, queues []*queue) error {
	deliveries := make([]*delivery, len(queues))
	ids, streamIDs := make([]string, len(queues)), make([]string, len(queues))
	for i, q := range queues {
		deliveries[i] = q.deliveries[0]
		ids[i], streamIDs[i] = deliveries[i].envelope.ID, deliveries[i].streamID
	}
	ctx, err := r.prepare(ctx, deliveries)
	if err != nil {
		return err
	}
	results := make([]string, len(deliveries))
	// Its statements may not take long, unlike those of an event that is handled alone: one that
	// waits for a lock holds up all.
	err = pgx.BeginFunc(ctx, r.bus.db, func(tx pgx.Tx) error {
		fresh, err := r.note(ctx, tx, ids)
		if err != nil {
			return err
		}
		for i, d := range deliveries {
			if !fresh[d.envelope.ID] {
				results[i] = resultRepeated
				continue
			}
			delete(fresh, d.envelope.ID) // the same event twice
			results[i] = resultHandled
			if err := r.handleWithin(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("handling %d events together: %w", len(deliveries), err)
	}
	if err := r.acknowledge(ctx, streamIDs...); err != nil {
		return err
	}
	for i, q := range queues {
		r.count(deliveries[i], results[i])
		q.deliveries = q.deliveries[1:]
	}
	return nil
}

// prepare lets the consumer prepare for events.
func (r *reader) prepare(ctx context.Context, deliveries []*delivery) (context.Context, error) {
	if r.consumer.Prepare == nil {
		return ctx, nil
	}
	list := make([]Event, len(deliveries))
	for i, d := range deliveries {
		list[i] = d.envelope.event()
	}
	prepared, err := r.consumer.Prepare(ctx, list)
	if err != nil {
		return ctx, fmt.Errorf("preparing for %d events: %w", len(deliveries), err)
	}
	return prepared, nil
}

// note records events as processed, and returns those that were not.
func (r *reader) note(ctx context.Context, tx pgx.Tx, ids []string) (map[string]bool, error) {
	// In order, so that two readers cannot wait for each other.
	unique := slices.Sorted(maps.Keys(setOf(ids)))
	rows, err := tx.Query(ctx, `
		insert into processed_events (consumer, event_id)
		select $1, id from unnest($2::text[]) with ordinality as event (id, place) order by place
		on conflict do nothing returning event_id`, r.consumer.Group, unique)
	if err != nil {
		return nil, fmt.Errorf("recording events as processed: %w", err)
	}
	fresh, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("recording events as processed: %w", err)
	}
	return setOf(fresh), nil
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, item := range list {
		set[item] = true
	}
	return set
}

// handleWithin applies an event in a transaction, in the event's trace.
func (r *reader) handleWithin(ctx context.Context, tx pgx.Tx, d *delivery) error {
	ctx, span := r.span(ctx, d)
	defer span.End()
	err := r.call(ctx, tx, d)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}
