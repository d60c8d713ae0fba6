package notifier

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// unconfirmedPerHour bounds the messages about orders of one channel that an
// address or a telephone number gets in an hour from accounts that have not
// proved that it is theirs. Anyone can sign up with a stranger's.
const unconfirmedPerHour = 5

// mayTell reports whether another message about an order may be created for a
// recipient who has not been confirmed. Concurrent calls for one recipient wait
// for the transaction of the first.
func (s *Service) mayTell(ctx context.Context, tx pgx.Tx, channel Channel, recipient string) (bool, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || lower($2), 0))`, string(channel), recipient); err != nil {
		return false, fmt.Errorf("locking the notifications of a recipient: %w", err)
	}
	var n int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM (
			SELECT FROM notifications
			WHERE lower(recipient) = lower($2) AND created_at > $3 AND order_id IS NOT NULL AND channel = $1 LIMIT $4) n`,
		channel, recipient, s.Now().Add(-time.Hour), unconfirmedPerHour).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("counting the notifications of a recipient: %w", err)
	}
	return n < unconfirmedPerHour, nil
}
