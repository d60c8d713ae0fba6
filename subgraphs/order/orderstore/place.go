package orderstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// IdempotencyKey makes placing an order idempotent: later calls of the same
// caller with the same key get the order of the first.
type IdempotencyKey struct {
	Caller      string // the caller's actor name; keys are unique per caller
	Value       string
	RequestHash []byte // identifies what is ordered
}

// ErrKeyReused is returned for a key that was used for a different request, unless
// the order of that request is Retryable.
var ErrKeyReused = errors.New("the idempotency key was used for a different request")

// ByIdempotencyKey returns the order that a key identifies. ok is false if the
// key is unused.
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
	if o, err = s.Order(ctx, id); err != nil {
		return Order{}, false, err
	}
	if !bytes.Equal(request, key.RequestHash) && !o.Retryable() {
		return Order{}, false, ErrKeyReused
	}
	return o, true, nil
}

// Place records a pending order and, if it must be paid, the token of its means
// of payment. If key is not nil and already identifies an order that is not
// Retryable, Place returns that order and created is false.
func (s *Store) Place(ctx context.Context, actor string, key *IdempotencyKey, placed Placed, token string) (o Order, created bool, err error) {
	var id, failed int64 // failed is the Retryable order that the key identifies
	if err := s.db.QueryRow(ctx, `SELECT nextval('order_ids')`).Scan(&id); err != nil {
		return o, false, fmt.Errorf("allocating an order ID: %w", err)
	}
	for range maxAttempts {
		o, err = s.place(ctx, id, actor, key, failed, placed, token)
		if !errors.Is(err, errKeyTaken) {
			return o, err == nil, err
		}
		o, taken, err := s.ByIdempotencyKey(ctx, *key)
		if err != nil || taken && !o.Retryable() {
			return o, false, err
		}
		failed = o.ID
	}
	return Order{}, false, errors.New("placing an order: gave up because other calls use its idempotency key repeatedly")
}

var errKeyTaken = errors.New("the idempotency key is taken")

func (s *Store) place(ctx context.Context, id int64, actor string, key *IdempotencyKey, failed int64, placed Placed, token string) (Order, error) {
	o := Order{ID: id}
	var b pgx.Batch
	if key != nil {
		s.queueKey(&b, *key, failed, id)
	}
	if placed.PaymentRequired && token != "" {
		b.Queue(`INSERT INTO payment_tokens (order_id, token) VALUES ($1, $2)`, id, token)
	}
	if err := queueEvents(ctx, &b, &o, actor, s.now(), placed); err != nil {
		return o, err
	}
	return o, s.send(ctx, &b, o)
}

// queueKey adds to a batch that the key is reserved for the order. If it
// identifies another order than the failed one, the batch fails, because an
// order ID must not be null. If another transaction is taking the same key, the
// batch waits for it to end.
func (s *Store) queueKey(b *pgx.Batch, key IdempotencyKey, failed, order int64) {
	b.Queue(`
		INSERT INTO order_keys AS k (caller, key, request, order_id, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (caller, key) DO UPDATE
		SET request = excluded.request, created_at = excluded.created_at,
			order_id = CASE WHEN k.order_id = $6 THEN excluded.order_id END`,
		key.Caller, key.Value, key.RequestHash, order, s.now(), failed)
}
