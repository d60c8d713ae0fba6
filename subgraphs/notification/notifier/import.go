package notifier

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/database"
)

// Copy writes notifications that were sent at the first attempt, in one COPY.
// Their events must be new.
func Copy(ctx context.Context, tx pgx.Tx, sent iter.Seq[Notification]) error {
	return database.Copy(ctx, tx, "notifications", []string{
		"event_id", "channel", "user_id", "order_id", "template", "recipient", "subject", "body", "html",
		"status", "attempts", "allowed", "created_at", "due_at", "sent_at", "traceparent",
	}, func(yield func([]any) bool) {
		for n := range sent {
			if !yield([]any{
				n.EventID, string(n.Channel), n.UserID, n.OrderID, n.Template, n.Recipient, n.Subject, n.Body, n.HTML,
				string(Sent), 1, attemptLimit, n.CreatedAt, n.CreatedAt, n.SentAt, "",
			}) {
				return
			}
		}
	})
}
