package orderstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Key makes placing an order idempotent: the second call with a caller's key
// gets the first one's order.
type IdempotencyKey struct {
	Caller      string // whose key it is
	Value       string
	RequestHash []byte // a hash of what is asked for
}

// ErrKeyReused is the error of a key that was used for something else.
var ErrKeyReused = errors.New("the idempotency key was used for another request")

// Keyed gives the order that a key stands for; ok is false when it stands for
// none yet.
func (s *Store) ByIdempotencyKey(ctx context.Context, key IdempotencyKey) (o Order, ok bool, err error) {
	var id int64
	var request []byte
	err = s.db.QueryRow(ctx, `SELECT order_id, request FROM order_keys WHERE caller = $1 AND key = $2`,
		key.Caller, key.Value).Scan(&id, &request)
	if errors.Is(err, pgx.ErrNoRows) {
		return Order{}, false, nil
	}
	if err != nil {
		return Order{}, false, fmt.Errorf("looking up an idempotency key: %w", err)
	}
	if !bytes.Equal(request, key.RequestHash) {
		return Order{}, false, ErrKeyReused
	}
	o, err = s.Order(ctx, id)
	return o, err == nil, err
}

// Place records what somebody wants as a pending order. With a key (nil for
// none) that stands for an order already it gives that one, and fresh is false.
func (s *Store) Place(ctx context.Context, actor string, key *IdempotencyKey, placed Placed) (o Order, fresh bool, err error) {
	for range maxAttempts {
		o, err = s.place(ctx, actor, key, placed)
		if !errors.Is(err, errKeyTaken) {
			return o, err == nil, err
		}
		if o, taken, err := s.ByIdempotencyKey(ctx, *key); taken || err != nil {
			return o, false, err
		} // else it was given free in between
	}
	return Order{}, false, errors.New("placing an order: its idempotency key keeps being taken and given free")
}

var errKeyTaken = errors.New("the idempotency key is taken")

func (s *Store) place(ctx context.Context, actor string, key *IdempotencyKey, placed Placed) (o Order, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT nextval('order_ids')`).Scan(&o.ID); err != nil {
			return fmt.Errorf("taking an order id: %w", err)
		}
		if key != nil {
			if err := s.takeKey(ctx, tx, *key, o.ID); err != nil {
				return err
			}
		}
		return s.append(ctx, tx, &o, actor, s.now(), placed)
	})
	return o, err
}

// takeKey waits for another transaction that is taking the same key.
func (s *Store) takeKey(ctx context.Context, tx pgx.Tx, key IdempotencyKey, order int64) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO order_keys (caller, key, request, order_id, created_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, key.Caller, key.Value, key.RequestHash, order, s.now())
	if err != nil {
		return fmt.Errorf("recording an idempotency key: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errKeyTaken
	}
	return nil
}
