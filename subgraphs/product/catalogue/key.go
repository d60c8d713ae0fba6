package catalogue

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// Key makes Create idempotent: later calls of the same caller with the same
// value return the product that the first call created. A nil Key does nothing.
type Key struct {
	Caller string
	Value  string // at most 255 bytes
}

const (
	maxKeyBytes = 255
	// keyRetention is how long a key is remembered.
	keyRetention = 30 * 24 * time.Hour
)

func (k *Key) check() error {
	if k != nil && (k.Value == "" || len(k.Value) > maxKeyBytes) {
		return schema.Invalid("idempotencyKey", fmt.Sprintf("is %d bytes long", len(k.Value)), fmt.Sprintf("from 1 to %d", maxKeyBytes))
	}
	return nil
}

// byKey takes the key for the transaction, or returns the product for which it
// was used. If another transaction is using the key, byKey waits for it to end.
func (c *Catalogue) byKey(ctx context.Context, tx pgx.Tx, key *Key, d Draft) (p Product, ok bool, err error) {
	if key == nil {
		return p, false, nil
	}
	request, err := hash(d)
	if err != nil {
		return p, false, err
	}
	now := c.now()
	// Old keys are deleted here: there are few, and no other time is better.
	if _, err := tx.Exec(ctx, `DELETE FROM product_keys WHERE created_at < $1`, now.Add(-keyRetention)); err != nil {
		return p, false, fmt.Errorf("deleting old idempotency keys: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO product_keys (caller, key, request, product_id, created_at)
		VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING`, key.Caller, key.Value, request, now)
	if err != nil {
		return p, false, fmt.Errorf("recording an idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return p, false, nil
	}
	var (
		id     int64
		before []byte
	)
	err = tx.QueryRow(ctx, `SELECT product_id, request FROM product_keys WHERE caller = $1 AND key = $2`, key.Caller, key.Value).
		Scan(&id, &before)
	if err != nil {
		return p, false, fmt.Errorf("reading an idempotency key: %w", err)
	}
	if !bytes.Equal(before, request) {
		return p, false, schema.KeyReused("product")
	}
	p, err = lock(ctx, tx, id, nil)
	return p, err == nil, err
}

// setKeyProduct completes the record of the key.
func (c *Catalogue) setKeyProduct(ctx context.Context, tx pgx.Tx, key *Key, product int64) error {
	if key == nil {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE product_keys SET product_id = $3 WHERE caller = $1 AND key = $2`, key.Caller, key.Value, product)
	if err != nil {
		return fmt.Errorf("recording an idempotency key: %w", err)
	}
	return nil
}

// hash returns a hash of a draft, to tell requests apart.
func hash(d Draft) ([]byte, error) {
	d.Price.Currency = cmp.Or(d.Price.Currency, defaultCurrency)
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}
