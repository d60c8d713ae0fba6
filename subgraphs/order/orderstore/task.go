package orderstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/database"
)

// Queue names the orders for which another service still has to do something.
// Each order is in a queue at most once.
type Queue string

// The queues.
const (
	// StockReleases are orders whose units inventory must take back.
	StockReleases Queue = "stock_releases"
	// PaymentTasks are orders whose payment the provider must change; see
	// Order.DuePayment.
	PaymentTasks Queue = "payment_tasks"
)

// Task is a claimed entry of a queue.
type Task struct {
	Queue     Queue
	OrderID   int64
	CreatedAt time.Time
	Attempts  int // including the current one
}

// enqueue adds to a batch that an order is in a queue.
func enqueue(b *pgx.Batch, q Queue, order int64, at, due time.Time) {
	b.Queue(`
		INSERT INTO `+string(q)+` (order_id, created_at, due_at) VALUES ($1, $2, $3)
		ON CONFLICT (order_id) DO UPDATE SET created_at = excluded.created_at, due_at = excluded.due_at`, order, at, due)
}

// ClaimTask claims a due task of a queue, of the given order or (nil) of any
// order, and hides it from other callers for the duration of lease. ok is false
// if none is due.
func (s *Store) ClaimTask(ctx context.Context, q Queue, order *int64, lease time.Duration) (t Task, ok bool, err error) {
	now := s.now()
	t.Queue = q
	err = s.db.QueryRow(ctx, `
		UPDATE `+string(q)+` SET due_at = $3, attempts = attempts + 1
		WHERE order_id = (
			SELECT order_id FROM `+string(q)+`
			WHERE due_at <= $1 AND ($2::bigint IS NULL OR order_id = $2)
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING order_id, created_at, attempts`, now, order, now.Add(lease)).Scan(&t.OrderID, &t.CreatedAt, &t.Attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("claiming an order of %s: %w", q, err)
	}
	return t, true, nil
}

// CompleteTask removes a task once it is done. A task that was added again
// since it was claimed stays.
func (s *Store) CompleteTask(ctx context.Context, t Task) error {
	_, err := s.db.Exec(ctx, `DELETE FROM `+string(t.Queue)+` WHERE order_id = $1 AND created_at = $2`, t.OrderID, t.CreatedAt)
	if err != nil {
		return fmt.Errorf("removing order %d from %s: %w", t.OrderID, t.Queue, err)
	}
	return nil
}

// RescheduleTask postpones a task after a failed attempt and stores the reason.
// A task that was added again since it was claimed keeps its time.
func (s *Store) RescheduleTask(ctx context.Context, t Task, due time.Time, reason error) error {
	_, err := s.db.Exec(ctx, `UPDATE `+string(t.Queue)+` SET due_at = $3, last_error = $4 WHERE order_id = $1 AND created_at = $2`,
		t.OrderID, t.CreatedAt, due, reason.Error())
	if err != nil {
		return fmt.Errorf("rescheduling order %d in %s: %w", t.OrderID, t.Queue, err)
	}
	return nil
}

// Compensate takes back what a placement did for an order that a concurrent
// call has rejected: its units, and its payment if that is not settled.
func (s *Store) Compensate(ctx context.Context, o Order) error {
	now := s.now()
	var b pgx.Batch
	enqueue(&b, StockReleases, o.ID, now, now)
	if o.DuePayment() != NoAction {
		enqueue(&b, PaymentTasks, o.ID, now, now)
	}
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("taking back the placement of order %d: %w", o.ID, err)
	}
	return nil
}

// PaymentToken returns the token of a pending order's means of payment. It is
// empty if the order has none, or if it is not pending any more.
func (s *Store) PaymentToken(ctx context.Context, order int64) (token string, err error) {
	err = s.db.QueryRow(ctx, `SELECT token FROM payment_tokens WHERE order_id = $1`, order).Scan(&token)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("reading the payment token of order %d: %w", order, err)
	}
	return token, nil
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
	if err := database.Delete(ctx, s.db, `DELETE FROM order_keys WHERE created_at < $1`, before); err != nil {
		return fmt.Errorf("deleting old idempotency keys: %w", err)
	}
	return nil
}
