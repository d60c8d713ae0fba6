package stock

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"souk/subgraphs/internal/events"
)

// What almost every order needs is one round trip to Postgres: a batch of
// statements, which is a transaction by itself. It locks rows only while
// Postgres executes it, however busy this process is. Where it does not apply,
// it changes nothing, and the statements of reserve.go and commit.go decide.

// reserveNew holds the lines for an order that has no reservation and whose
// units are there. ok is false if either is not so; the checks of the tables
// then end the transaction.
func (s *Store) reserveNew(ctx context.Context, order string, lines []Line, ttl time.Duration) (r Reservation, ok bool, err error) {
	r = Reservation{OrderID: order, Status: Held, Lines: lines, ExpiresAt: s.now().Add(ttl)}
	products, quantities := split(lines)
	var b pgx.Batch
	b.Queue(`
		INSERT INTO reservations (order_id, status, expires_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $4) RETURNING id, expires_at`, order, r.Status, r.ExpiresAt, s.now()).
		QueryRow(func(row pgx.Row) error { return row.Scan(&r.ID, &r.ExpiresAt) })
	if len(lines) > 1 {
		b.Queue(`SELECT FROM stock_levels WHERE product_id = ANY($1) ORDER BY product_id FOR UPDATE`, products)
	}
	events.QueueChanged(ctx, &b, events.InventoryUpdated, `changed AS (
		UPDATE stock_levels SET reserved = reserved + quantity, version = version + 1, updated_at = $3
		FROM unnest($1::bigint[], $2::integer[]) AS line (product, quantity)
		WHERE product_id = product
		RETURNING `+eventColumns+`)`, products, quantities, s.now())
	b.Queue(`
		INSERT INTO reservation_lines (reservation_id, product_id, quantity)
		SELECT r.id, product, quantity
		FROM reservations r, unnest($2::bigint[], $3::integer[]) AS line (product, quantity)
		WHERE r.order_id = $1`, order, products, quantities)
	err = s.db.SendBatch(ctx, &b).Close()
	if violated := (*pgconn.PgError)(nil); errors.As(err, &violated) {
		switch violated.ConstraintName {
		case "reservations_order_id_key", "never_oversold", "reservation_lines_product_id_fkey":
			return Reservation{}, false, nil
		}
	}
	return r, err == nil, err
}

// commitHeld sells the units of an order whose hold is not over. ok is false if
// the order has no such hold.
func (s *Store) commitHeld(ctx context.Context, order string) (r Reservation, ok bool, err error) {
	var b pgx.Batch
	events.QueueChanged(ctx, &b, events.InventoryUpdated, `reservation AS (
		UPDATE reservations SET status = 'COMMITTED', updated_at = $2
		WHERE order_id = $1 AND status = 'HELD' RETURNING id),
	line AS (
		SELECT product_id AS product, quantity
		FROM reservation JOIN reservation_lines ON reservation_id = id JOIN stock_levels USING (product_id)
		ORDER BY product_id FOR UPDATE OF stock_levels),
	changed AS (
		UPDATE stock_levels SET on_hand = on_hand - quantity, reserved = reserved - quantity, sold = sold + quantity,
			version = version + 1, updated_at = $2
		FROM line WHERE product_id = product
		RETURNING `+eventColumns+`)`, order, s.now()).
		Exec(func(tag pgconn.CommandTag) error {
			ok = tag.RowsAffected() > 0
			return nil
		})
	b.Queue(findReservation, order).Query(func(rows pgx.Rows) (err error) {
		r, err = pgx.CollectExactlyOneRow(rows, scanReservation)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	err = s.db.SendBatch(ctx, &b).Close()
	return r, ok && err == nil, err
}

// eventColumns are the columns that events.QueueChanged needs of a changed
// level: the subject, and the data as updatedEvent encodes it.
const eventColumns = `product_id::text AS subject, json_build_object('productId', product_id::text,
	'onHand', on_hand, 'reserved', reserved, 'available', on_hand - reserved, 'version', version) AS data`
