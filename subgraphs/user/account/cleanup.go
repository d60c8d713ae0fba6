package account

import (
	"context"
	"fmt"
	"time"
)

// endedRetention is how long sessions are kept after they expire, so that a
// reused refresh token is still recognised.
const endedRetention = 30 * 24 * time.Hour

// DeleteExpired deletes old sessions and log-in attempts.
func (s *Service) DeleteExpired(ctx context.Context) error {
	now := s.Now()
	if _, err := s.DB.Exec(ctx, `delete from sessions where expires_at < $1`, now.Add(-endedRetention)); err != nil {
		return fmt.Errorf("deleting old sessions: %w", err)
	}
	if _, err := s.DB.Exec(ctx, `delete from login_attempts where last_at < $1`, now.Add(-attemptMemory)); err != nil {
		return fmt.Errorf("deleting old log-in attempts: %w", err)
	}
	return nil
}
