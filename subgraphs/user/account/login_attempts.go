package account

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	// unblockedAttempts is how many wrong passwords in a row are allowed
	// before a name is blocked.
	unblockedAttempts = 5
	// minBlock is how long the next wrong password blocks a name. Each further
	// one doubles the time, up to maxBlock.
	minBlock = 30 * time.Second
	maxBlock = 15 * time.Minute
	// attemptMemory is how long after the last attempt the count is reset.
	attemptMemory = time.Hour
)

// countAttempt counts an attempt to log in as a name. It counts before the
// password is checked, so that concurrent attempts count, too. It returns an
// error while the name is blocked, whether or not the account exists.
//
// The wait doubles with every wrong password (exponential backoff), which
// makes guessing infeasible without locking anyone out for long.
func (s *Service) countAttempt(ctx context.Context, key string) error {
	now := s.Now()
	var allowed bool
	var blockedUntil time.Time
	err := s.DB.QueryRow(ctx, `
		insert into login_attempts as a (login, failures, last_at, blocked_until, allowed)
		values ($1, 1, $2, $2, true)
		on conflict (login) do update set
			allowed = a.blocked_until <= $2,
			failures = case when a.blocked_until > $2 then a.failures
			                when a.last_at < $3 then 1
			                else a.failures + 1 end,
			last_at = case when a.blocked_until > $2 then a.last_at else $2 end,
			blocked_until = case when a.blocked_until > $2 then a.blocked_until
			                     when a.last_at < $3 or a.failures < $4 then $2
			                     else $2 + least($6::float8, $5::float8 * 2 ^ least(a.failures - $4, 20)) * interval '1 second' end
		returning allowed, blocked_until`,
		key, now, now.Add(-attemptMemory), unblockedAttempts, minBlock.Seconds(), maxBlock.Seconds()).
		Scan(&allowed, &blockedUntil)
	if err != nil {
		return fmt.Errorf("counting log-in attempts: %w", err)
	}
	if !allowed {
		return &InvalidCredentials{
			fmt.Sprintf("Too many failed attempts for this name. Try again in %.0f seconds.", math.Ceil(blockedUntil.Sub(now).Seconds())),
			"TOO_MANY_ATTEMPTS",
		}
	}
	return nil
}

func (s *Service) clearAttempts(ctx context.Context, key string) error {
	if _, err := s.DB.Exec(ctx, `delete from login_attempts where login = $1`, key); err != nil {
		return fmt.Errorf("clearing log-in attempts: %w", err)
	}
	return nil
}
