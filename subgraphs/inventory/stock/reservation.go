package stock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// Status is the state of a reservation.
type Status string

// A reservation starts as Held. A hold that is not committed in time becomes
// Expired, which frees its units. Every reservation except a Released one can
// still become Committed.
const (
	Held      Status = "HELD"
	Committed Status = "COMMITTED"
	Released  Status = "RELEASED"
	Expired   Status = "EXPIRED"
)

// Reservation is the reservation of an order.
type Reservation struct {
	ID        int64
	OrderID   string
	Status    Status
	Lines     []Line // in order of product ID
	ExpiresAt time.Time
}

// Line is a quantity of a product.
type Line struct {
	ProductID int64
	Quantity  int
}

// DefaultHold is how long units are held unless the caller asks for another
// time.
const DefaultHold = time.Minute

const (
	maxLines = 100
	maxHold  = 24 * time.Hour
)

// normalize validates lines. It returns them in order of product ID, with
// lines of the same product merged.
func normalize(lines []Line) ([]Line, error) {
	var invalid schema.InvalidInput
	if len(lines) == 0 || len(lines) > maxLines {
		invalid.Add("lines", "has an invalid number of entries", fmt.Sprintf("1 to %d lines", maxLines))
	}
	sum := make(map[int64]int, len(lines))
	for i, line := range lines {
		if line.Quantity < 1 || line.Quantity > MaxUnits {
			invalid.Add(fmt.Sprintf("lines.%d.quantity", i), "is not a number of units", fmt.Sprintf("between 1 and %d", MaxUnits))
		}
		sum[line.ProductID] += line.Quantity
	}
	merged := sorted(sum)
	for _, line := range merged {
		if line.Quantity > MaxUnits {
			invalid.Add("lines", fmt.Sprintf("request too many units of product %d", line.ProductID), fmt.Sprintf("at most %d", MaxUnits))
		}
	}
	return merged, invalid.Err()
}

// sorted returns quantities by product as lines, in order of product ID.
func sorted(quantities map[int64]int) []Line {
	lines := make([]Line, 0, len(quantities))
	for _, product := range slices.Sorted(maps.Keys(quantities)) {
		lines = append(lines, Line{product, quantities[product]})
	}
	return lines
}

// split returns the lines as two columns, for unnest.
func split(lines []Line) (products []int64, quantities []int) {
	for _, line := range lines {
		products = append(products, line.ProductID)
		quantities = append(quantities, line.Quantity)
	}
	return products, quantities
}

// Reservation returns an order's reservation. ok is false if it has none.
func (s *Store) Reservation(ctx context.Context, order string) (r Reservation, ok bool, err error) {
	return find(ctx, s.db, order, "")
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const (
	findReservation = `
		SELECT r.id, r.order_id, r.status, r.expires_at,
			ARRAY(SELECT product_id FROM reservation_lines WHERE reservation_id = r.id ORDER BY product_id),
			ARRAY(SELECT quantity FROM reservation_lines WHERE reservation_id = r.id ORDER BY product_id)
		FROM reservations r WHERE r.order_id = $1 `
	forUpdate = "FOR UPDATE OF r"
)

func find(ctx context.Context, q querier, order, locking string) (Reservation, bool, error) {
	rows, err := q.Query(ctx, findReservation+locking, order)
	if err != nil {
		return Reservation{}, false, fmt.Errorf("reading the reservation: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanReservation)
	if errors.Is(err, pgx.ErrNoRows) {
		return Reservation{}, false, nil
	}
	if err != nil {
		return Reservation{}, false, fmt.Errorf("reading the reservation: %w", err)
	}
	return r, true, nil
}

func scanReservation(row pgx.CollectableRow) (Reservation, error) {
	var r Reservation
	var products []int64
	var quantities []int
	if err := row.Scan(&r.ID, &r.OrderID, &r.Status, &r.ExpiresAt, &products, &quantities); err != nil {
		return r, err
	}
	for i, product := range products {
		r.Lines = append(r.Lines, Line{product, quantities[i]})
	}
	return r, nil
}

// mark writes a reservation's new status and, for a hold, its expiry.
func (s *Store) mark(ctx context.Context, tx pgx.Tx, r *Reservation, status Status) error {
	_, err := tx.Exec(ctx, `UPDATE reservations SET status = $2, expires_at = $3, updated_at = $4 WHERE id = $1`,
		r.ID, status, r.ExpiresAt, s.now())
	if err != nil {
		return fmt.Errorf("setting the reservation to %s: %w", status, err)
	}
	r.Status = status
	return nil
}

// shortages returns a schema.OutOfStock if the locked levels do not cover the
// lines, and nil if they do.
func shortages(lines []Line, levels map[int64]Level) error {
	var short []*schema.Shortage
	for _, line := range lines {
		if available := levels[line.ProductID].Available(); available < line.Quantity {
			short = append(short, &schema.Shortage{
				ProductID: strconv.FormatInt(line.ProductID, 10),
				Requested: line.Quantity,
				Available: available,
			})
		}
	}
	if len(short) == 0 {
		return nil
	}
	first := short[0]
	message := fmt.Sprintf("Not enough stock of product %q: %d requested, %d available.", first.ProductID, first.Requested, first.Available)
	if first.Available == 0 {
		message = fmt.Sprintf("Product %q is out of stock.", first.ProductID)
	}
	if len(short) > 1 {
		message += fmt.Sprintf(" Other products that are short: %d.", len(short)-1)
	}
	return &schema.OutOfStock{Message: message, Shortages: short}
}
