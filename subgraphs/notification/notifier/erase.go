package notifier

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
)

// erasedReason is the last error of a notification that was not sent before
// the recipient's account was erased.
const erasedReason = "The recipient's account was erased."

// erase empties the notifications of a user whose account was erased. That
// they were sent, and when, stays on record. What is not sent yet never will
// be.
func (s *Service) erase(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var data struct {
		UserID int64 `json:"userId,string"`
	}
	if err := e.Decode(&data); err != nil {
		return events.Permanent(err)
	}
	_, err := tx.Exec(ctx, `
		UPDATE notifications SET recipient = '', subject = '', body = '', html = '',
			last_error = CASE WHEN status = 'SENT' THEN NULL ELSE $2 END,
			status = CASE WHEN status = 'SENT' THEN 'SENT' ELSE 'DEAD' END
		WHERE user_id = $1`, data.UserID, erasedReason)
	if err != nil {
		return fmt.Errorf("erasing the notifications of user %d: %w", data.UserID, err)
	}
	return nil
}
