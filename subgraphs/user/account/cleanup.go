package account

import (
	"context"
	"fmt"
	"time"

	"souk/subgraphs/internal/database"
)

// endedRetention is how long sessions are kept after they expire, so that a
// reused refresh token is still recognised.
const endedRetention = 30 * 24 * time.Hour

// DeleteExpired deletes old sessions, attempts and e-mails.
func (s *Service) DeleteExpired(ctx context.Context) error {
	now := s.Now()
	if err := database.Delete(ctx, s.DB, `delete from sessions where expires_at < $1`, now.Add(-endedRetention)); err != nil {
		return fmt.Errorf("deleting old sessions: %w", err)
	}
	for _, table := range []string{"attempts", "login_attempts"} { // the latter is of the previous release
		if err := database.Delete(ctx, s.DB, `delete from `+table+` where last_at < $1 and blocked_until < $2`, now.Add(-attemptMemory), now); err != nil {
			return fmt.Errorf("deleting old attempts: %w", err)
		}
	}
	// Those of the last hour count for mailsPerHour.
	if err := database.Delete(ctx, s.DB, `delete from account_mails where expires_at < $1 and created_at < $2`, now, now.Add(-time.Hour)); err != nil {
		return fmt.Errorf("deleting old e-mails: %w", err)
	}
	return nil
}
