package stock

import (
	"context"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// Commit turns an order's hold into a sale; repeating it changes nothing. A
// hold that expired is still sold if its units can be had, and is a Conflict
// if they cannot, or if it was released.
func (s *Store) Commit(ctx context.Context, order string) (Reservation, error) {
	return s.transition(ctx, order, Committed, func(r Reservation, levels map[int64]Level) (delta, error) {
		switch r.Status {
		case Held:
			return commitDelta, nil
		case Expired:
			if shortages(r.Lines, levels) != nil {
				return noDelta, schema.NewConflict("The hold of order %q expired, and its units are gone.", order)
			}
			return commitExpiredDelta, nil
		default:
			return noDelta, schema.NewConflict("The reservation of order %q was released.", order)
		}
	})
}

// Release gives an order's units back, held or sold; repeating it changes
// nothing. A released reservation can neither be committed nor held again.
func (s *Store) Release(ctx context.Context, order string) (Reservation, error) {
	return s.transition(ctx, order, Released, func(r Reservation, _ map[int64]Level) (delta, error) {
		switch r.Status {
		case Held:
			return releaseDelta, nil
		case Committed:
			return returnDelta, nil
		default: // expired ones are free already
			return noDelta, nil
		}
	})
}

// settle brings an order's reservation to a status by the move that decide
// chooses from where it and its products' levels stand.
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
		return Reservation{}, wrapInternal(err, "settling the reservation")
	}
	return r, nil
}
