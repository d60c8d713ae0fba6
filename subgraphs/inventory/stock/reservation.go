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

// Status is where a reservation stands.
type Status string

// A reservation begins as Held. A hold that was not committed in time is
// Expired and its units are free; all but Released can still become Committed.
const (
	Held      Status = "HELD"
	Committed Status = "COMMITTED"
	Released  Status = "RELEASED"
	Expired   Status = "EXPIRED"
)

// Reservation is a promise of units to an order, or what became of it.
type Reservation struct {
	ID        int64
	OrderID   string
	Status    Status
	Lines     []Line // in the order of their product ids
	ExpiresAt time.Time
}

// Line is so many units of a product.
type Line struct {
	ProductID int64
	Quantity  int
}

// DefaultHold is how long units are held when nothing else is asked.
const DefaultHold = time.Minute

const (
	maxLines = 100
	maxHold  = 24 * time.Hour
)

// normalize checks the lines and gives them in the order of their product ids,
// those of one product added up.
func normalize(lines []Line) ([]Line, error) {
	var invalid schema.InvalidInput
	if len(lines) == 0 || len(lines) > maxLines {
		invalid.Add("lines", "must name what to reserve", fmt.Sprintf("1 to %d lines", maxLines))
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
			invalid.Add("lines", fmt.Sprintf("ask for too many units of product %d", line.ProductID), fmt.Sprintf("at most %d", MaxUnits))
		}
	}
	return merged, invalid.Err()
}

// sorted gives quantities by product as lines in the order of the ids.
func sorted(quantities map[int64]int) []Line {
	lines := make([]Line, 0, len(quantities))
	for _, product := range slices.Sorted(maps.Keys(quantities)) {
		lines = append(lines, Line{product, quantities[product]})
	}
	return lines
}

// split gives the lines as columns, for unnest.
func split(lines []Line) (products []int64, quantities []int) {
	for _, line := range lines {
		products = append(products, line.ProductID)
		quantities = append(quantities, line.Quantity)
	}
	return products, quantities
}

// Reservation reads an order's reservation; ok is false when it has none.
func (s *Store) Reservation(ctx context.Context, order string) (r Reservation, ok bool, err error) {
	return find(ctx, s.db, order, "")
}

// querier is the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const forUpdate = "FOR UPDATE OF r"

func find(ctx context.Context, q querier, order, locking string) (Reservation, bool, error) {
	rows, err := q.Query(ctx, `
		SELECT r.id, r.order_id, r.status, r.expires_at,
			ARRAY(SELECT product_id FROM reservation_lines WHERE reservation_id = r.id ORDER BY product_id),
			ARRAY(SELECT quantity FROM reservation_lines WHERE reservation_id = r.id ORDER BY product_id)
		FROM reservations r WHERE r.order_id = $1 `+locking, order)
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

// mark writes a reservation's new status and, for a hold, when it ends.
func (s *Store) mark(ctx context.Context, tx pgx.Tx, r *Reservation, status Status) error {
	_, err := tx.Exec(ctx, `UPDATE reservations SET status = $2, expires_at = $3, updated_at = $4 WHERE id = $1`,
		r.ID, status, r.ExpiresAt, s.now())
	if err != nil {
		return fmt.Errorf("marking the reservation %s: %w", status, err)
	}
	r.Status = status
	return nil
}

// shortages says for which lines the locked levels do not suffice.
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
	message := fmt.Sprintf("There are only %d units of product %q, not %d.", first.Available, first.ProductID, first.Requested)
	if first.Available == 0 {
		message = fmt.Sprintf("Product %q is out of stock.", first.ProductID)
	}
	if len(short) > 1 {
		message += fmt.Sprintf(" %d more products fall short.", len(short)-1)
	}
	return &schema.OutOfStock{Message: message, Shortages: short}
}
