package stock

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	sweepInterval  = time.Second
	sweepBatchSize = 100
)

// Expire ends the holds whose time is over, frees their units and returns how
// many holds it ended. Several processes may call it concurrently; each takes
// different holds.
func (s *Store) Expire(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.expireSome(ctx)
		total += n
		if err != nil || n < sweepBatchSize {
			return total, err
		}
	}
}

func (s *Store) expireSome(ctx context.Context) (n int, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		due, err := s.lockExpired(ctx, tx)
		if err != nil || len(due) == 0 {
			return err
		}
		ids := make([]int64, len(due))
		sum := make(map[int64]int)
		for i, r := range due {
			ids[i] = r.ID
			for _, line := range r.Lines {
				sum[line.ProductID] += line.Quantity
			}
		}
		lines := sorted(sum)
		if _, err := lockLevels(ctx, tx, lines); err != nil {
			return err
		}
		if err := s.apply(ctx, tx, lines, releaseDelta); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE reservations SET status = $2, updated_at = $3 WHERE id = ANY($1)`,
			ids, Expired, s.now()); err != nil {
			return fmt.Errorf("marking reservations expired: %w", err)
		}
		n = len(due)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("expiring holds: %w", err)
	}
	return n, nil
}

// lockExpired locks a batch of holds whose time is over. It skips holds that
// another transaction has locked, so it never waits.
func (s *Store) lockExpired(ctx context.Context, tx pgx.Tx) ([]Reservation, error) {
	rows, err := tx.Query(ctx, `
		SELECT r.id, r.order_id, r.status, r.expires_at,
			ARRAY(SELECT product_id FROM reservation_lines WHERE reservation_id = r.id ORDER BY product_id),
			ARRAY(SELECT quantity FROM reservation_lines WHERE reservation_id = r.id ORDER BY product_id)
		FROM reservations r WHERE r.status = 'HELD' AND r.expires_at <= $1
		ORDER BY r.expires_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED`, s.now(), sweepBatchSize)
	if err != nil {
		return nil, fmt.Errorf("reading expired holds: %w", err)
	}
	due, err := pgx.CollectRows(rows, scanReservation)
	if err != nil {
		return nil, fmt.Errorf("reading expired holds: %w", err)
	}
	return due, nil
}

// Sweep expires holds until ctx ends. It logs a failure and retries; the holds
// stay due.
func (s *Store) Sweep(ctx context.Context, logger *slog.Logger) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n, err := s.Expire(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			logger.ErrorContext(ctx, "could not expire holds; will retry", "error", err)
		case n > 0:
			logger.InfoContext(ctx, "expired holds", "count", n)
		}
	}
}
