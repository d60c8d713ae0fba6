package stock

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
)

// Import writes levels into an empty store and reports whether it was empty.
// It publishes no events, because no other service has an older level. Replicas may call it
// concurrently.
func Import(ctx context.Context, db *pgxpool.Pool, levels []Level) (done bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE stock_levels IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var empty bool
		if err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM stock_levels)`).Scan(&empty); err != nil || !empty {
			return err
		}
		done = true
		return Copy(ctx, tx, slices.Values(levels))
	})
	if err != nil {
		return false, fmt.Errorf("importing stock levels: %w", err)
	}
	return done, nil
}

// Copy writes levels of products that have none, in one COPY.
func Copy(ctx context.Context, tx pgx.Tx, levels iter.Seq[Level]) error {
	return database.Copy(ctx, tx, "stock_levels",
		[]string{"product_id", "on_hand", "reserved", "sold", "version", "updated_at"},
		func(yield func([]any) bool) {
			for l := range levels {
				if !yield([]any{l.ProductID, l.OnHand, l.Reserved, l.Sold, l.Version, l.UpdatedAt}) {
					return
				}
			}
		})
}

// PastReservation is a reservation that is committed or released. Its ID must
// be unused.
type PastReservation struct {
	Reservation
	CreatedAt, UpdatedAt time.Time
}

// CopyReservations writes past reservations with their IDs. The levels must
// exist, and reflect them. Later reservations take the IDs after these.
func CopyReservations(ctx context.Context, tx pgx.Tx, reservations iter.Seq[PastReservation]) error {
	err := database.Copy(ctx, tx, "reservations",
		[]string{"id", "order_id", "status", "expires_at", "created_at", "updated_at"},
		func(yield func([]any) bool) {
			for r := range reservations {
				if !yield([]any{r.ID, r.OrderID, string(r.Status), r.ExpiresAt, r.CreatedAt, r.UpdatedAt}) {
					return
				}
			}
		})
	if err != nil {
		return err
	}
	err = database.Copy(ctx, tx, "reservation_lines",
		[]string{"reservation_id", "product_id", "quantity"},
		func(yield func([]any) bool) {
			for r := range reservations {
				for _, line := range r.Lines {
					if !yield([]any{r.ID, line.ProductID, line.Quantity}) {
						return
					}
				}
			}
		})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence('reservations', 'id'), max(id)) FROM reservations`); err != nil {
		return fmt.Errorf("setting the next reservation ID: %w", err)
	}
	return nil
}
