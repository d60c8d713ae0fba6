package orderstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Erasure is a claimed request to erase the personal data in a user's orders.
type Erasure struct {
	UserID    int64
	CreatedAt time.Time
}

// RequestErasure records that a user's account was erased, in the transaction
// of the event that says so. Repeating it changes nothing. It also deletes the
// user's idempotency keys, which the user chose.
func (s *Store) RequestErasure(ctx context.Context, tx pgx.Tx, user int64) error {
	now := s.now()
	_, err := tx.Exec(ctx, `
		INSERT INTO erasures (user_id, created_at, due_at) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, user, now)
	if err != nil {
		return fmt.Errorf("recording the erasure of user %d: %w", user, err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM order_keys WHERE caller = $1::bigint::text`, user); err != nil {
		return fmt.Errorf("deleting the idempotency keys of user %d: %w", user, err)
	}
	return nil
}

// ClaimErasure claims a due erasure and hides it from other callers for the
// duration of lease. ok is false if none is due.
func (s *Store) ClaimErasure(ctx context.Context, lease time.Duration) (e Erasure, ok bool, err error) {
	now := s.now()
	err = s.db.QueryRow(ctx, `
		UPDATE erasures SET due_at = $2
		WHERE user_id = (
			SELECT user_id FROM erasures WHERE done_at IS NULL AND due_at <= $1
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING user_id, created_at`, now, now.Add(lease)).Scan(&e.UserID, &e.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("claiming an erasure: %w", err)
	}
	return e, true, nil
}

// CompleteErasure marks an erasure as done.
func (s *Store) CompleteErasure(ctx context.Context, e Erasure) error {
	if _, err := s.db.Exec(ctx, `UPDATE erasures SET done_at = $2 WHERE user_id = $1`, e.UserID, s.now()); err != nil {
		return fmt.Errorf("completing the erasure of user %d: %w", e.UserID, err)
	}
	return nil
}

// WithPersonalData returns up to limit of a user's orders from which personal
// data was not erased, oldest first, starting after an ID.
func (s *Store) WithPersonalData(ctx context.Context, user, after int64, limit int) ([]Order, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM orders o
		WHERE user_id = $1 AND id > $2 AND NOT EXISTS (
			SELECT FROM order_events e WHERE e.order_id = o.id AND e.type = $3)
		ORDER BY id LIMIT $4`, user, after, PersonalDataErased{}.Type(), limit)
	if err != nil {
		return nil, fmt.Errorf("reading the orders of user %d: %w", user, err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("reading the orders of user %d: %w", user, err)
	}
	return orders, nil
}

// Erase appends PersonalDataErased to an order, unless it was appended before.
func (s *Store) Erase(ctx context.Context, order int64, actor string) error {
	_, err := s.Change(ctx, order, actor, func(o Order) (Event, error) {
		if o.erased {
			return nil, nil
		}
		return PersonalDataErased{}, nil
	})
	return err
}

// redact removes personal data from the events of an order.
func redact(b *pgx.Batch, order int64) {
	b.Queue(`
		UPDATE order_events SET data = without_personal_data(type, data)
		WHERE order_id = $1 AND data IS DISTINCT FROM without_personal_data(type, data)`, order)
}
