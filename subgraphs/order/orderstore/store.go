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
	for range maxAttempts {
		o, err := s.change(ctx, id, actor, decide)
		if !errors.Is(err, errVersionConflict) {
			return o, err
		}
	}
	return Order{}, fmt.Errorf("changing order %d: gave up after %d conflicts with concurrent changes", id, maxAttempts)
}

func (s *Store) change(ctx context.Context, id int64, actor string, decide Decision) (o Order, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		records, err := history(ctx, tx, []int64{id})
		if err != nil {
			return err
		}
		if len(records[id]) == 0 {
			return fmt.Errorf("%w: %d", ErrNotFound, id)
		}
		if o, err = fold(records[id]); err != nil {
			return err
		}
		event, err := decide(o)
		if err != nil || event == nil {
			return err
		}
		return s.append(ctx, tx, &o, actor, s.now(), event)
	})
	return o, err
}

// append writes an event and its side effects.
func (s *Store) append(ctx context.Context, tx pgx.Tx, o *Order, actor string, at time.Time, event Event) error {
	at = at.UTC().Truncate(time.Microsecond) // the precision of timestamptz
	if err := appendEvent(ctx, tx, o, actor, at, event); err != nil {
		return err
	}
	return s.applySideEffects(ctx, tx, *o, at, event)
}

// appendEvent writes an event and updates the projection. What follows the
// erasure of personal data is stored without such data, too.
func appendEvent(ctx context.Context, tx pgx.Tx, o *Order, actor string, at time.Time, event Event) error {
	if err := o.applyNext(event, o.ID, o.Version+1, at); err != nil {
		return err
	}
	data, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encoding event %s of order %d: %w", event.Type(), o.ID, err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO order_events (order_id, version, type, data, at, actor)
		VALUES ($1, $2, $3, CASE WHEN $7 THEN without_personal_data($3, $4) ELSE $4 END, $5, $6)`,
		o.ID, o.Version, event.Type(), data, at, actor, o.erased)
	if violated := (*pgconn.PgError)(nil); errors.As(err, &violated) && violated.Code == "23505" { // unique_violation
		return errVersionConflict
	}
	if err != nil {
		return fmt.Errorf("appending %s to order %d: %w", event.Type(), o.ID, err)
	}
	return project(ctx, tx, *o)
}
