package simulator

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/order/payment"
)

// Create creates the provider's tables unless they exist.
func Create(ctx context.Context, db *pgxpool.Pool) error {
	return (&book{db: db, now: time.Now}).create(ctx)
}

// Copy writes payments whose keys are unused, in one COPY.
func Copy(ctx context.Context, tx pgx.Tx, payments iter.Seq[payment.State]) error {
	return database.Copy(ctx, tx, "payments",
		[]string{"key", "reference", "amount", "currency", "status", "decline_reason", "decline_message", "created_at", "updated_at"},
		func(yield func([]any) bool) {
			for p := range payments {
				if !yield([]any{p.Key, p.Reference, p.Amount, p.Currency, string(p.Status), p.DeclineReason, p.DeclineMessage, p.CreatedAt, p.UpdatedAt}) {
					return
				}
			}
		})
}
