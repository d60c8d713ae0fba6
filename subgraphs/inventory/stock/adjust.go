package stock

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// Most is the largest number of units of one product, and of one line.
const MaxUnits = 1_000_000_000

// maxKey is the length of an idempotency key or an order's id, in bytes.
const maxKeyBytes = 255

// SetStock sets the units on hand to what was counted. It cannot count fewer
// than are reserved. With expected given, only that version is changed; 0
// stands for a product that never had stock.
func (s *Store) SetStock(ctx context.Context, product int64, onHand int, expected *int) (Level, error) {
	if onHand < 0 || onHand > MaxUnits {
		return Level{}, schema.Invalid("onHand", "is not a number of units", fmt.Sprintf("between 0 and %d", MaxUnits))
	}
	var level Level
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		before, err := s.lockOrCreate(ctx, tx, product)
		if err != nil {
			return err
		}
		if expected != nil && *expected != before.Version {
			return schema.StaleVersion("stock of product", strconv.FormatInt(product, 10), *expected, before.Version)
		}
		if onHand < before.Reserved {
			return schema.NewConflict("%d units of product %q are reserved for orders, so there cannot be only %d on hand.",
				before.Reserved, strconv.FormatInt(product, 10), onHand)
		}
		if onHand == before.OnHand && before.Version > 0 {
			level = before
			return nil
		}
		level, err = s.setOnHand(ctx, tx, product, onHand)
		return err
	})
	if err != nil {
		return Level{}, wrapInternal(err, "setting stock")
	}
	return level, nil
}

// Restock adds units that arrived. A repeated key adds nothing more, and is a
// Conflict when it came with another product or quantity.
func (s *Store) Restock(ctx context.Context, product int64, quantity int, key string) (Level, error) {
	if err := checkRestock(quantity, key); err != nil {
		return Level{}, err
	}
	var level Level
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		before, err := s.lockOrCreate(ctx, tx, product)
		if err != nil {
			return err
		}
		repeated, err := s.recordKey(ctx, tx, product, quantity, key)
		if err != nil {
			return err
		}
		if repeated {
			level = before
			return nil
		}
		if before.OnHand > MaxUnits-quantity {
			return schema.Invalid("quantity", "makes more units than can be counted", fmt.Sprintf("at most %d", MaxUnits-before.OnHand))
		}
		level, err = s.setOnHand(ctx, tx, product, before.OnHand+quantity)
		return err
	})
	if err != nil {
		return Level{}, wrapInternal(err, "restocking")
	}
	return level, nil
}

func checkRestock(quantity int, key string) error {
	var invalid schema.InvalidInput
	if quantity < 1 || quantity > MaxUnits {
		invalid.Add("quantity", "is not a number of units that arrived", fmt.Sprintf("between 1 and %d", MaxUnits))
	}
	if len(key) > maxKeyBytes {
		invalid.Add("idempotencyKey", "is too long", fmt.Sprintf("at most %d bytes", maxKeyBytes))
	}
	return invalid.Err()
}

// record notes an idempotency key and says whether it was there before.
func (s *Store) recordKey(ctx context.Context, tx pgx.Tx, product int64, quantity int, key string) (repeated bool, err error) {
	if key == "" {
		return false, nil
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO restocks (idempotency_key, product_id, quantity, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, key, product, quantity, s.now())
	if err != nil {
		return false, fmt.Errorf("recording the idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return false, nil
	}
	var same bool
	err = tx.QueryRow(ctx, `SELECT product_id = $2 AND quantity = $3 FROM restocks WHERE idempotency_key = $1`,
		key, product, quantity).Scan(&same)
	if err != nil {
		return false, fmt.Errorf("reading the idempotency key: %w", err)
	}
	if !same {
		return false, schema.NewConflict("The idempotency key %q was used for another restock.", key)
	}
	return true, nil
}

// open locks a product's level, made at version 0 if the product never had
// stock: a transaction that then changes nothing must fail to leave no trace.
func (s *Store) lockOrCreate(ctx context.Context, tx pgx.Tx, product int64) (Level, error) {
	level, ok, err := lock(ctx, tx, product)
	if err != nil || ok {
		return level, err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO stock_levels (product_id, on_hand, version, updated_at) VALUES ($1, 0, 0, $2)
		ON CONFLICT DO NOTHING`, product, s.now())
	if err != nil {
		return Level{}, fmt.Errorf("opening a stock level: %w", err)
	}
	level, _, err = lock(ctx, tx, product)
	return level, err
}

// supply writes the units on hand of a locked level.
func (s *Store) setOnHand(ctx context.Context, tx pgx.Tx, product int64, onHand int) (Level, error) {
	rows, err := tx.Query(ctx, `
		UPDATE stock_levels SET on_hand = $2, version = version + 1, updated_at = $3
		WHERE product_id = $1 RETURNING `+levelColumns, product, onHand, s.now())
	if err != nil {
		return Level{}, fmt.Errorf("writing the stock level: %w", err)
	}
	level, err := pgx.CollectExactlyOneRow(rows, scanLevel)
	if err != nil {
		return Level{}, fmt.Errorf("writing the stock level: %w", err)
	}
	return level, publish(ctx, tx, level)
}

// changing says what was being done, unless the error is an answer.
func wrapInternal(err error, doing string) error {
	var answer schema.Error
	if errors.As(err, &answer) {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}
