package orderstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Release is stock of an order that inventory must take back.
type Release struct {
	OrderID   int64
	CreatedAt time.Time
	Attempts  int // this one among them
}

func enqueueRelease(ctx context.Context, tx pgx.Tx, order int64, at, due time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO stock_releases (order_id, created_at, due_at) VALUES ($1, $2, $3)
		ON CONFLICT (order_id) DO UPDATE SET created_at = excluded.created_at, due_at = excluded.due_at`, order, at, due)
	if err != nil {
		return fmt.Errorf("noting the stock of order %d for release: %w", order, err)
	}
	return nil
}

// ClaimRelease gives a release that is due, of any order or of the given one,
// and keeps others from it for lease; ok is false when none is.
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
		return r, false, fmt.Errorf("claiming stock to release: %w", err)
	}
	return r, true, nil
}

// Released ends a release: inventory has the stock back. One that was noted
// anew since it was claimed stays.
func (s *Store) CompleteRelease(ctx context.Context, r Release) error {
	_, err := s.db.Exec(ctx, `DELETE FROM stock_releases WHERE order_id = $1 AND created_at = $2`, r.OrderID, r.CreatedAt)
	if err != nil {
		return fmt.Errorf("ending the release of order %d: %w", r.OrderID, err)
	}
	return nil
}

// ReleaseLater puts a release off, with the reason.
func (s *Store) RescheduleRelease(ctx context.Context, r Release, due time.Time, reason error) error {
	_, err := s.db.Exec(ctx, `UPDATE stock_releases SET due_at = $2, last_error = $3 WHERE order_id = $1`, r.OrderID, due, reason.Error())
	if err != nil {
		return fmt.Errorf("putting off the release of order %d: %w", r.OrderID, err)
	}
	return nil
}

// RequireRelease notes an order's stock for release. It is for a placement
// that sold units to an order which somebody else has rejected in between.
func (s *Store) EnqueueRelease(ctx context.Context, order int64) error {
	now := s.now()
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return enqueueRelease(ctx, tx, order, now, now) })
}

// Stuck gives up to limit pending orders placed before a time.
func (s *Store) PendingBefore(ctx context.Context, before time.Time, limit int) ([]Order, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM orders
		WHERE status = 'PENDING' AND placed_at < $1 ORDER BY placed_at LIMIT $2`, before, limit)
	if err != nil {
		return nil, fmt.Errorf("looking for pending orders: %w", err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("looking for pending orders: %w", err)
	}
	return orders, nil
}

// ForgetKeys removes idempotency keys older than a time.
func (s *Store) DeleteKeysBefore(ctx context.Context, before time.Time) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM order_keys WHERE created_at < $1`, before); err != nil {
		return fmt.Errorf("forgetting old idempotency keys: %w", err)
	}
	return nil
}
