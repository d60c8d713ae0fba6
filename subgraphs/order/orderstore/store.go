package orderstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the event store of orders in a Postgres database.
type Store struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// New returns the store in a migrated database. The clock now supplies the
// times of events.
func New(db *pgxpool.Pool, now func() time.Time) *Store { return &Store{db, now} }

// ErrNotFound is returned for an order that does not exist.
var ErrNotFound = errors.New("order not found")

// maxAttempts is how often Change and Place retry after a conflict. Each
// conflict means that another writer made progress, and an order has few
// events.
const maxAttempts = 10

// errVersionConflict is returned when another event took the version first.
var errVersionConflict = errors.New("another event took the order's next version")

// A Decision returns the event to append to an order in its current state, or
// nil for none. It may be called again with a newer state, so it must not have
// side effects.
type Decision func(Order) (Event, error)

// Change appends the event that decide returns and returns the order's new
// state. An error from decide is returned unchanged.
func (s *Store) Change(ctx context.Context, id int64, actor string, decide Decision) (Order, error) {
	return s.Continue(ctx, Order{ID: id}, actor, func(o Order) ([]Event, error) {
		event, err := decide(o)
		if err != nil || event == nil {
			return nil, err
		}
		return []Event{event}, nil
	})
}

// Continue is Change for several events, which are appended together, and for a
// caller that knows the order: decide gets that state first, which costs no
// read. If it is outdated, decide is called again with the current one. An
// order without a version is read.
func (s *Store) Continue(ctx context.Context, o Order, actor string, decide func(Order) ([]Event, error)) (Order, error) {
	id, known := o.ID, o.Version > 0
	for range maxAttempts {
		if !known {
			var err error
			if o, err = s.current(ctx, id); err != nil {
				return o, err
			}
		}
		chosen, err := decide(o)
		if err != nil || len(chosen) == 0 {
			return o, err
		}
		after, err := s.append(ctx, o, actor, chosen)
		if !errors.Is(err, errVersionConflict) {
			return after, err
		}
		known = false
	}
	return Order{}, fmt.Errorf("changing order %d: gave up after %d conflicts with concurrent changes", id, maxAttempts)
}

// current returns an order's state after its events.
func (s *Store) current(ctx context.Context, id int64) (Order, error) {
	records, err := history(ctx, s.db, []int64{id})
	if err != nil {
		return Order{}, err
	}
	if len(records[id]) == 0 {
		return Order{}, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	return fold(records[id])
}

// append writes events that follow an order's state, with their side effects,
// and returns the state after them.
func (s *Store) append(ctx context.Context, o Order, actor string, chosen []Event) (Order, error) {
	var b pgx.Batch
	if err := queueEvents(ctx, &b, &o, actor, s.now(), chosen...); err != nil {
		return o, err
	}
	return o, s.send(ctx, &b, o)
}

// send executes a batch, which is a transaction, that writes an order.
func (s *Store) send(ctx context.Context, b *pgx.Batch, o Order) error {
	err := s.db.SendBatch(ctx, b).Close()
	if err == nil {
		return nil
	}
	if violated := (*pgconn.PgError)(nil); errors.As(err, &violated) {
		switch {
		case violated.ConstraintName == "order_events_pkey":
			return errVersionConflict
		case violated.TableName == "order_keys" && violated.ColumnName == "order_id": // see queueKey
			return errKeyTaken
		}
	}
	return fmt.Errorf("writing order %d: %w", o.ID, err)
}

// queueEvents adds to a batch the events that follow an order's state, with
// their side effects and the notification of subscriptions, and applies them to
// the order. Nobody knows a new order yet, so nobody follows it.
func queueEvents(ctx context.Context, b *pgx.Batch, o *Order, actor string, at time.Time, chosen ...Event) error {
	at = at.UTC().Truncate(time.Microsecond) // the precision of timestamptz
	if o.Version > 0 {
		notify(b, o.ID)
	}
	for _, event := range chosen {
		if err := queueEvent(b, o, actor, at, event); err != nil {
			return err
		}
		if err := queueSideEffects(ctx, b, *o, at, event); err != nil {
			return err
		}
	}
	return project(b, *o)
}

// queueEvent adds an event to a batch. What follows the erasure of personal data
// is stored without such data, too.
func queueEvent(b *pgx.Batch, o *Order, actor string, at time.Time, event Event) error {
	if err := o.applyNext(event, o.ID, o.Version+1, at); err != nil {
		return err
	}
	data, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encoding event %s of order %d: %w", event.Type(), o.ID, err)
	}
	b.Queue(`
		INSERT INTO order_events (order_id, version, type, data, at, actor)
		VALUES ($1, $2, $3, CASE WHEN $7 THEN without_personal_data($3, $4) ELSE $4 END, $5, $6)`,
		o.ID, o.Version, event.Type(), data, at, actor, o.erased)
	return nil
}
