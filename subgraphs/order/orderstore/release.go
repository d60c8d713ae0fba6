package orderstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Release is a claimed entry of stock_releases: an order whose units inventory
// must take back.
type Release struct {
	OrderID   int64
	CreatedAt time.Time
	Attempts  int // including the current one
}

func enqueueRelease(ctx context.Context, tx pgx.Tx, order int64, at, due time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO stock_releases (order_id, created_at, due_at) VALUES ($1, $2, $3)
		ON CONFLICT (order_id) DO UPDATE SET created_at = excluded.created_at, due_at = excluded.due_at`, order, at, due)
	if err != nil {
		return fmt.Errorf("enqueueing the stock release of order %d: %w", order, err)
	}
	return nil
}

// ClaimRelease claims a due release, of the given order or (nil) of any order,
// and hides it from other callers for the duration of lease. ok is false if
// none is due.
func (s *Store) ClaimRelease(ctx context.Context, order *int64, lease time.Duration) (r Release, ok bool, err error) {
	now := s.now()
	err = s.db.QueryRow(ctx, `
		UPDATE stock_releases SET due_at = $3, attempts = attempts + 1
		WHERE order_id = (
			SELECT order_id FROM stock_releases
			WHERE due_at <= $1 AND ($2::bigint IS NULL OR order_id = $2)
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING order_id, created_at, attempts`, now, order, now.Add(lease)).Scan(&r.OrderID, &r.CreatedAt, &r.Attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("claiming a stock release: %w", err)
	}
	return r, true, nil
}

// CompleteRelease removes a release once inventory has the units back. A
// release that was enqueued again since it was claimed stays.
func (s *Store) CompleteRelease(ctx context.Context, r Release) error {
	_, err := s.db.Exec(ctx, `DELETE FROM stock_releases WHERE order_id = $1 AND created_at = $2`, r.OrderID, r.CreatedAt)
	if err != nil {
		return fmt.Errorf("completing the stock release of order %d: %w", r.OrderID, err)
	}
	return nil
}

// RescheduleRelease postpones a release after a failed attempt and stores the
// reason.
func (s *Store) RescheduleRelease(ctx context.Context, r Release, due time.Time, reason error) error {
	_, err := s.db.Exec(ctx, `UPDATE stock_releases SET due_at = $2, last_error = $3 WHERE order_id = $1`, r.OrderID, due, reason.Error())
	if err != nil {
		return fmt.Errorf("rescheduling the stock release of order %d: %w", r.OrderID, err)
	}
	return nil
}

// EnqueueRelease enqueues the release of an order's units. It is for a
// placement that sold units to an order which a concurrent call has rejected.
func (s *Store) EnqueueRelease(ctx context.Context, order int64) error {
	now := s.now()
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return enqueueRelease(ctx, tx, order, now, now) })
}

// PendingBefore returns up to limit pending orders that were placed before a
// time, oldest first.
func (s *Store) PendingBefore(ctx context.Context, before time.Time, limit int) ([]Order, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM orders
		WHERE status = 'PENDING' AND placed_at < $1 ORDER BY placed_at LIMIT $2`, before, limit)
	if err != nil {
		return nil, fmt.Errorf("reading pending orders: %w", err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("reading pending orders: %w", err)
	}
	return orders, nil
}

// DeleteKeysBefore deletes idempotency keys that are older than a time.
func (s *Store) DeleteKeysBefore(ctx context.Context, before time.Time) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM order_keys WHERE created_at < $1`, before); err != nil {
		return fmt.Errorf("deleting old idempotency keys: %w", err)
	}
	return nil
}
