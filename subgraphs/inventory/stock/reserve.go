package stock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// Reserve holds all lines for an order, or none, until ttl has passed. It is
// idempotent: it returns an existing reservation that is held or committed,
// and renews one that has expired. It returns a Conflict if the reservation
// has different lines or was released.
func (s *Store) Reserve(ctx context.Context, order string, lines []Line, ttl time.Duration) (Reservation, error) {
	lines, err := checkReserve(order, lines, ttl)
	if err != nil {
		return Reservation{}, err
	}
	if r, ok, err := s.reserveNew(ctx, order, lines, ttl); ok || err != nil {
		return r, wrapInternal(err, "reserving stock")
	}
	r, err := s.reserve(ctx, order, lines, ttl)
	var short *schema.OutOfStock
	if errors.As(err, &short) {
		// Expired holds may still count as reserved, if Sweep has not run yet.
		if freed, sweepErr := s.Expire(ctx); sweepErr != nil {
			return Reservation{}, sweepErr
		} else if freed > 0 {
			r, err = s.reserve(ctx, order, lines, ttl)
		}
	}
	if err != nil {
		return Reservation{}, wrapInternal(err, "reserving stock")
	}
	return r, nil
}

func checkReserve(order string, lines []Line, ttl time.Duration) ([]Line, error) {
	lines, err := normalize(lines)
	var invalid *schema.InvalidInput
	if !errors.As(err, &invalid) {
		invalid = &schema.InvalidInput{}
	}
	invalid.Message = ""
	if order == "" || len(order) > maxKeyBytes {
		invalid.Add("orderId", "is not an order ID", fmt.Sprintf("1 to %d bytes", maxKeyBytes))
	}
	if ttl < time.Second || ttl > maxHold {
		invalid.Add("ttlSeconds", "is not a valid number of seconds", fmt.Sprintf("between 1 and %d", int(maxHold.Seconds())))
	}
	return lines, invalid.Err()
}

func (s *Store) reserve(ctx context.Context, order string, lines []Line, ttl time.Duration) (r Reservation, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		r = Reservation{OrderID: order, Status: Held, Lines: lines, ExpiresAt: s.now().Add(ttl)}
		created, err := s.insert(ctx, tx, &r)
		if err != nil {
			return err
		}
		if !created {
			r, _, err = find(ctx, tx, order, forUpdate)
			if err != nil {
				return err
			}
			if done, err := checkExisting(r, lines); done || err != nil {
				return err
			}
			r.ExpiresAt = s.now().Add(ttl)
			if err := s.mark(ctx, tx, &r, Held); err != nil {
				return err
			}
		}
		levels, err := lockLevels(ctx, tx, lines)
		if err != nil {
			return err
		}
		if err := shortages(lines, levels); err != nil {
			return err
		}
		if created {
			if err := insertLines(ctx, tx, r); err != nil {
				return err
			}
		}
		return s.apply(ctx, tx, lines, holdDelta)
	})
	return r, err
}

// checkExisting reports whether an existing reservation satisfies a call with
// these lines. It returns a Conflict if it contradicts the call.
func checkExisting(r Reservation, lines []Line) (bool, error) {
	if !slices.Equal(r.Lines, lines) {
		return false, schema.NewConflict("Order %q already has a reservation with different lines.", r.OrderID)
	}
	switch r.Status {
	case Held, Committed:
		return true, nil
	case Released:
		return false, schema.NewConflict("The reservation of order %q was released.", r.OrderID)
	}
	return false, nil
}

// insert writes a new hold. created is false if the order has a reservation.
func (s *Store) insert(ctx context.Context, tx pgx.Tx, r *Reservation) (created bool, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO reservations (order_id, status, expires_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $4) ON CONFLICT (order_id) DO NOTHING
		RETURNING id, expires_at`, r.OrderID, r.Status, r.ExpiresAt, s.now()).Scan(&r.ID, &r.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("writing the reservation: %w", err)
	}
	return true, nil
}

func insertLines(ctx context.Context, tx pgx.Tx, r Reservation) error {
	products, quantities := split(r.Lines)
	_, err := tx.Exec(ctx, `
		INSERT INTO reservation_lines (reservation_id, product_id, quantity)
		SELECT $1, product, quantity FROM unnest($2::bigint[], $3::integer[]) AS line (product, quantity)`,
		r.ID, products, quantities)
	if err != nil {
		return fmt.Errorf("writing the reservation's lines: %w", err)
	}
	return nil
}
