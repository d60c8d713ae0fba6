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

// Book is the ledger in a database.
type Store struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// New opens the ledger in a migrated database.
func New(db *pgxpool.Pool, now func() time.Time) *Store { return &Store{db, now} }

// ErrNotFound is the error for an order that does not exist.
var ErrNotFound = errors.New("no such order")

// maxDecisions is how often Change decides anew before it gives up. Every lost
// round is one that somebody else has won, and an order has few events.
const maxAttempts = 10

// errVersionTaken says that another event came first.
var errVersionConflict = errors.New("the order's next version is taken")

// A Decision says what happens to an order as it is; nil for nothing. It may
// be asked again about a newer state.
type Decision func(Order) (Event, error)

// Change appends the event that decide chooses and gives the state after it.
// An error of decide is given back as it is.
func (s *Store) Change(ctx context.Context, id int64, actor string, decide Decision) (Order, error) {
	for range maxAttempts {
		o, err := s.change(ctx, id, actor, decide)
		if !errors.Is(err, errVersionConflict) {
			return o, err
		}
	}
	return Order{}, fmt.Errorf("changing order %d: %d times another change came first", id, maxAttempts)
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
		if o, err = Fold(records[id]); err != nil {
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

// append writes an event and everything that must be true with it.
func (s *Store) append(ctx context.Context, tx pgx.Tx, o *Order, actor string, at time.Time, event Event) error {
	at = at.UTC().Truncate(time.Microsecond) // what the database keeps
	if err := appendEvent(ctx, tx, o, actor, at, event); err != nil {
		return err
	}
	return s.applySideEffects(ctx, tx, *o, at, event)
}

// record writes an event and the state after it.
func appendEvent(ctx context.Context, tx pgx.Tx, o *Order, actor string, at time.Time, event Event) error {
	if err := o.applyNext(event, o.ID, o.Version+1, at); err != nil {
		return err
	}
	data, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("writing event %s of order %d: %w", event.Type(), o.ID, err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO order_events (order_id, version, type, data, at, actor)
		VALUES ($1, $2, $3, $4, $5, $6)`, o.ID, o.Version, event.Type(), data, at, actor)
	if violated := (*pgconn.PgError)(nil); errors.As(err, &violated) && violated.Code == "23505" { // unique_violation
		return errVersionConflict
	}
	if err != nil {
		return fmt.Errorf("appending %s to order %d: %w", event.Type(), o.ID, err)
	}
	return project(ctx, tx, *o)
}
