package orderstore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
)

// PastOrder is an order to import: its events, oldest first.
type PastOrder struct {
	ID     int64 // set by Import
	Events []PastEvent
}

// PastEvent is an event of an order to import.
type PastEvent struct {
	Event Event
	At    time.Time
	Actor string
}

// Order returns the state of the order after its events.
func (p PastOrder) Order() (Order, error) {
	o := Order{ID: p.ID}
	for i, e := range p.Events {
		if err := o.applyNext(e.Event, p.ID, i+1, e.time()); err != nil {
			return o, err
		}
	}
	return o, nil
}

// time returns the time as Postgres stores it.
func (e PastEvent) time() time.Time { return e.At.UTC().Truncate(time.Microsecond) }

// Import writes past orders into an empty store, oldest first. It publishes no
// events and releases no stock. A store that has orders stays unchanged; done
// reports whether it was empty.
func Import(ctx context.Context, db *pgxpool.Pool, past []PastOrder) (done bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE order_events IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var used bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM order_events)`).Scan(&used); err != nil || used {
			return err
		}
		done = true
		numbered := slices.Clone(past)
		for i := range numbered {
			numbered[i].ID = int64(i + 1)
		}
		return Copy(ctx, tx, slices.Values(numbered))
	})
	if err != nil {
		return false, fmt.Errorf("importing orders: %w", err)
	}
	return done, nil
}

// copyBatchSize is how many orders Copy keeps in memory.
const copyBatchSize = 2000

// Copy writes past orders with their IDs, which must be unused: the events, and
// the rows that follow from them. It publishes no events and adds no tasks.
// Later orders take the IDs after these.
func Copy(ctx context.Context, tx pgx.Tx, past iter.Seq[PastOrder]) error {
	batch := make([]PastOrder, 0, copyBatchSize)
	for p := range past {
		if batch = append(batch, p); len(batch) == copyBatchSize {
			if err := copyBatch(ctx, tx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := copyBatch(ctx, tx, batch); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `SELECT setval('order_ids', greatest(max(id), (SELECT last_value FROM order_ids))) FROM orders HAVING max(id) IS NOT NULL`)
	if err != nil {
		return fmt.Errorf("setting the next order ID: %w", err)
	}
	return nil
}

func copyBatch(ctx context.Context, tx pgx.Tx, batch []PastOrder) error {
	var events, rows [][]any
	for _, p := range batch {
		o, err := p.Order()
		if err != nil {
			return err
		}
		row, err := rowValues(o)
		if err != nil {
			return err
		}
		rows = append(rows, row)
		for i, e := range p.Events {
			data, err := json.Marshal(e.Event)
			if err != nil {
				return fmt.Errorf("encoding event %s of order %d: %w", e.Event.Type(), p.ID, err)
			}
			events = append(events, []any{p.ID, i + 1, e.Event.Type(), data, e.time(), e.Actor})
		}
	}
	err := database.Copy(ctx, tx, "order_events", []string{"order_id", "version", "type", "data", "at", "actor"}, slices.Values(events))
	if err != nil {
		return err
	}
	return database.Copy(ctx, tx, "orders", columnNames, slices.Values(rows))
}
