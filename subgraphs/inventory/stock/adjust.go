package stock

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// MaxUnits is the largest number of units of a product on hand, and of a line.
const MaxUnits = 1_000_000_000

// maxKeyBytes bounds the length of an idempotency key and of an order ID.
const maxKeyBytes = 255

// SetStock sets the units on hand. They cannot be fewer than the reserved
// units. If expected is not nil, the level must have that version; 0 is the
// version of a product that never had stock.
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
			return schema.NewConflict("%d units of product %q are reserved for orders, so the units on hand cannot be set to %d.",
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

// Restock adds units. Repeating a call with the same key adds nothing; reusing
// the key for another product or quantity is a Conflict.
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
			return schema.NewConflict("The product has %d units on hand and can have at most %d.", before.OnHand, MaxUnits)
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
		invalid.Add("quantity", "is not a positive number of units", fmt.Sprintf("between 1 and %d", MaxUnits))
	}
	if len(key) > maxKeyBytes {
		invalid.Add("idempotencyKey", "is too long", fmt.Sprintf("at most %d bytes", maxKeyBytes))
	}
	return invalid.Err()
}

// recordKey stores an idempotency key and reports whether it was stored
// before.
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
		return false, schema.KeyReused("restock")
	}
	return true, nil
}

// lockOrCreate locks a product's level, and creates it with version 0 if the
// product never had stock. A transaction that then changes nothing must fail,
// so that the new row is rolled back.
func (s *Store) lockOrCreate(ctx context.Context, tx pgx.Tx, product int64) (Level, error) {
	level, ok, err := lock(ctx, tx, product)
	if err != nil || ok {
		return level, err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO stock_levels (product_id, on_hand, version, updated_at) VALUES ($1, 0, 0, $2)
		ON CONFLICT DO NOTHING`, product, s.now())
	if err != nil {
		return Level{}, fmt.Errorf("creating a stock level: %w", err)
	}
	level, _, err = lock(ctx, tx, product)
	return level, err
}

// setOnHand writes the units on hand of a locked level.
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

// wrapInternal adds context to an internal error. Typed errors of package
// schema are for the client and stay unchanged.
func wrapInternal(err error, doing string) error {
	if err == nil {
		return nil
	}
	var answer schema.Error
	if errors.As(err, &answer) {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}
