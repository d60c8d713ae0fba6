package stock

import (
	"context"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// Commit turns an order's hold into a sale. It is idempotent. An expired hold
// is still sold if its units are available. Commit returns a Conflict if they
// are not, or if the reservation was released.
func (s *Store) Commit(ctx context.Context, order string) (Reservation, error) {
	if r, ok, err := s.commitHeld(ctx, order); ok || err != nil {
		return r, wrapInternal(err, "committing the reservation")
	}
	return s.transition(ctx, order, Committed, func(r Reservation, levels map[int64]Level) (delta, error) {
		switch r.Status {
		case Held:
			return commitDelta, nil
		case Expired:
			if shortages(r.Lines, levels) != nil {
				return noDelta, schema.NewConflict("The hold of order %q expired and its units are no longer available.", order)
			}
			return commitExpiredDelta, nil
		default:
			return noDelta, schema.NewConflict("The reservation of order %q was released.", order)
		}
	})
}

// Release returns an order's units to stock, held or sold. It is idempotent. A
// released reservation can be neither committed nor held again.
func (s *Store) Release(ctx context.Context, order string) (Reservation, error) {
	return s.transition(ctx, order, Released, func(r Reservation, _ map[int64]Level) (delta, error) {
		switch r.Status {
		case Held:
			return releaseDelta, nil
		case Committed:
			return returnDelta, nil
		default: // the units of an expired hold are already free
			return noDelta, nil
		}
	})
}

// transition changes an order's reservation to a status. decide returns the
// change of the levels, given the current state of the reservation and the
// levels of its products.
func (s *Store) transition(ctx context.Context, order string, to Status,
	decide func(Reservation, map[int64]Level) (delta, error),
) (r Reservation, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var ok bool
		r, ok, err = find(ctx, tx, order, forUpdate)
		if err != nil {
			return err
		}
		if !ok {
			return schema.NewNotFound("reservation for the order", order)
		}
		if r.Status == to {
			return nil
		}
		levels, err := lockLevels(ctx, tx, r.Lines)
		if err != nil {
			return err
		}
		m, err := decide(r, levels)
		if err != nil {
			return err
		}
		if m != noDelta {
			if err := s.apply(ctx, tx, r.Lines, m); err != nil {
				return err
			}
		}
		return s.mark(ctx, tx, &r, to)
	})
	if err != nil {
		return Reservation{}, wrapInternal(err, "updating the reservation")
	}
	return r, nil
}
