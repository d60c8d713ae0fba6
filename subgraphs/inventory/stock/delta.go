package stock

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"souk/subgraphs/internal/events"
)

// A delta is the change of a level's columns for each unit of a line.
type delta struct {
	onHand, reserved, sold int
}

var (
	holdDelta          = delta{reserved: +1}
	releaseDelta       = delta{reserved: -1}
	commitDelta        = delta{reserved: -1, onHand: -1, sold: +1}
	commitExpiredDelta = delta{onHand: -1, sold: +1}
	returnDelta        = delta{onHand: +1, sold: -1}
	noDelta            = delta{}
)

// lockLevels locks the levels of the lines' products. The lines, and so the
// locks, are in order of product ID.
func lockLevels(ctx context.Context, tx pgx.Tx, lines []Line) (map[int64]Level, error) {
	products, _ := split(lines)
	rows, err := tx.Query(ctx, `
		SELECT `+levelColumns+` FROM stock_levels WHERE product_id = ANY($1)
		ORDER BY product_id FOR UPDATE`, products)
	if err != nil {
		return nil, fmt.Errorf("locking stock levels: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanLevel)
	if err != nil {
		return nil, fmt.Errorf("locking stock levels: %w", err)
	}
	levels := make(map[int64]Level, len(list))
	for _, l := range list {
		levels[l.ProductID] = l
	}
	return levels, nil
}

// apply changes the locked levels of the lines' products and publishes the new
// levels.
func (s *Store) apply(ctx context.Context, tx pgx.Tx, lines []Line, m delta) error {
	products, quantities := split(lines)
	var b pgx.Batch
	changed := 0
	events.QueueChanged(ctx, &b, events.InventoryUpdated, `changed AS (
		UPDATE stock_levels SET
			on_hand = on_hand + $3 * quantity,
			reserved = reserved + $4 * quantity,
			sold = sold + $5 * quantity,
			version = version + 1,
			updated_at = $6
		FROM unnest($1::bigint[], $2::integer[]) AS line (product, quantity)
		WHERE product_id = product
		RETURNING `+eventColumns+`)`, products, quantities, m.onHand, m.reserved, m.sold, s.now()).
		Exec(func(tag pgconn.CommandTag) error {
			changed = int(tag.RowsAffected())
			return nil
		})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("updating stock levels: %w", err)
	}
	if changed != len(lines) {
		return fmt.Errorf("updating stock levels: only %d of %d products have one", changed, len(lines))
	}
	return nil
}
