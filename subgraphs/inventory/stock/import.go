package stock

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Import writes levels into an empty store and reports whether it was empty.
// It publishes no events, because no other service has an older level. Replicas may call it
// concurrently.
func Import(ctx context.Context, db *pgxpool.Pool, levels []Level) (done bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE stock_levels IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var empty bool
		if err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM stock_levels)`).Scan(&empty); err != nil || !empty {
			return err
		}
		done = true
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"stock_levels"},
			[]string{"product_id", "on_hand", "version", "updated_at"},
			pgx.CopyFromSlice(len(levels), func(i int) ([]any, error) {
				l := levels[i]
				return []any{l.ProductID, l.OnHand, l.Version, l.UpdatedAt}, nil
			}))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("importing stock levels: %w", err)
	}
	return done, nil
}
