package inventory

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/inventory/stock"
)

// Generate adds the stock of a generated shop to a migrated database: the
// levels, and a reservation for each order for which units were held.
func Generate(ctx context.Context, db *pgxpool.Pool, s *shop.Shop) error {
	tables := []string{"stock_levels", "reservations", "reservation_lines"}
	err := database.Fill(ctx, db, tables, func(tx pgx.Tx) error {
		var last int64
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM reservations`).Scan(&last); err != nil {
			return fmt.Errorf("reading the last reservation: %w", err)
		}
		moves := movesOf(s)
		err := stock.Copy(ctx, tx, func(yield func(stock.Level) bool) {
			for i, m := range moves {
				p := s.Product(i)
				if !yield(stock.Level{ProductID: p.ID, OnHand: p.Stock, Sold: int64(m.sold), Version: 1 + int(m.changes), UpdatedAt: s.Now}) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
		return stock.CopyReservations(ctx, tx, func(yield func(stock.PastReservation) bool) {
			for i := range s.Orders {
				if r, ok := reservation(s, s.Order(i)); ok {
					r.ID = last + int64(i) + 1
					if !yield(r) {
						return
					}
				}
			}
		})
	})
	if err != nil {
		return fmt.Errorf("generating stock: %w", err)
	}
	return nil
}

// moved is what orders did to the level of a product.
type moved struct{ sold, changes int32 }

func movesOf(s *shop.Shop) []moved {
	moves := make([]moved, s.Products)
	for i := range s.Orders {
		o := s.Order(i)
		r, ok := reservation(s, o)
		if !ok {
			continue
		}
		for _, line := range o.Lines {
			m := &moves[line.Product]
			m.changes += 2 // held; then sold, or released because the payment was declined
			if r.Status == stock.Committed {
				m.sold += int32(line.Quantity)
			} else if o.Outcome == shop.Cancelled {
				m.changes++ // returned
			}
		}
	}
	return moves
}

// reservation returns the reservation of an order, without an ID. ok is false
// if the order was out of stock.
func reservation(s *shop.Shop, o shop.Order) (r stock.PastReservation, ok bool) {
	r.OrderID, r.Status = strconv.FormatInt(o.ID, 10), stock.Committed
	r.CreatedAt, r.UpdatedAt, r.ExpiresAt = o.PlacedAt, o.PlacedAt, o.PlacedAt.Add(stock.DefaultHold)
	switch o.Outcome {
	case shop.OutOfStock:
		return r, false
	case shop.Declined:
		r.Status, r.UpdatedAt = stock.Released, o.RejectedAt()
	case shop.Cancelled:
		r.Status, r.UpdatedAt = stock.Released, o.CancelledAt
	}
	for _, line := range o.Lines {
		r.Lines = append(r.Lines, stock.Line{ProductID: s.LastProduct + 1 + int64(line.Product), Quantity: line.Quantity})
	}
	return r, true
}
