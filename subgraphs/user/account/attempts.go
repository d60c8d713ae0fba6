package account

import (
	"context"
	"fmt"
	"math"
	"time"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
)

const (
	// minBlock is how long an attempt blocks after the allowed ones. Each
	// further one doubles the time, up to maxBlock.
	minBlock = 30 * time.Second
	maxBlock = 15 * time.Minute
	// attemptMemory is how long after the last attempt the count is reset.
	attemptMemory = time.Hour
)

// limit bounds attempts of one kind.
type limit struct {
	action string
	free   int // attempts in a row before the next one blocks
}

// Log-ins are counted by name, e-mails that anyone can ask for by the account
// asked about and by client.
var (
	logIns        = limit{"log-in", 5}
	mailRequests  = limit{"mail", 3}
	clientsOfMail = limit{"mail", 20}
)

// TooManyAttempts means that the client has to wait.
type TooManyAttempts struct {
	Message    string
	RetryAfter int // seconds
}

// Error implements error.
func (e *TooManyAttempts) Error() string { return e.Message }

// Code returns the machine-readable error code.
func (*TooManyAttempts) Code() string { return "TOO_MANY_ATTEMPTS" }

// The markers of its GraphQL unions, as gqlgen expects them.
func (*TooManyAttempts) IsError()                          {}
func (*TooManyAttempts) IsLogInResult()                    {}
func (*TooManyAttempts) IsChangePasswordResult()           {}
func (*TooManyAttempts) IsEraseUserResult()                {}
func (*TooManyAttempts) IsRequestPasswordResetResult()     {}
func (*TooManyAttempts) IsRequestEmailConfirmationResult() {}
func (*TooManyAttempts) IsChangeEmailResult()              {}

// countAttempt counts an attempt of the client of ctx at a subject. It counts
// before the attempt is made, so that concurrent attempts count, too. It
// returns a *TooManyAttempts while the client is blocked, whether or not the
// subject exists.
//
// The wait doubles with every attempt (exponential backoff), which makes
// guessing infeasible. Others can go on meanwhile: nobody can lock out anybody
// but themselves, and those who share their address.
func (s *Service) countAttempt(ctx context.Context, l limit, subject string) error {
	now := s.Now()
	var allowed bool
	var blockedUntil time.Time
	err := s.DB.QueryRow(ctx, `
		insert into attempts as a (action, subject, client, count, last_at, blocked_until, allowed)
		values ($1, $2, $3, 1, $4, $4, true)
		on conflict (action, subject, client) do update set
			allowed = a.blocked_until <= $4,
			count = case when a.blocked_until > $4 then a.count
			             when a.last_at < $5 then 1
			             else a.count + 1 end,
			last_at = case when a.blocked_until > $4 then a.last_at else $4 end,
			blocked_until = case when a.blocked_until > $4 then a.blocked_until
			                     when a.last_at < $5 or a.count < $6 then $4
			                     else $4 + least($8::float8, $7::float8 * 2 ^ least(a.count - $6, 20)) * interval '1 second' end
		returning allowed, blocked_until`,
		l.action, subject, identity.From(ctx).Client, now, now.Add(-attemptMemory), l.free, minBlock.Seconds(), maxBlock.Seconds()).
		Scan(&allowed, &blockedUntil)
	if err != nil {
		return fmt.Errorf("counting attempts: %w", err)
	}
	if !allowed {
		wait := int(math.Ceil(blockedUntil.Sub(now).Seconds()))
		return &TooManyAttempts{fmt.Sprintf("Too many attempts. Try again in %d seconds.", wait), wait}
	}
	return nil
}

// clearLogIns forgets the client's attempts to log in as a name.
func (s *Service) clearLogIns(ctx context.Context, key string) error {
	_, err := s.DB.Exec(ctx, `delete from attempts where action = $1 and subject = $2 and client = $3`,
		logIns.action, key, identity.From(ctx).Client)
	if err != nil {
		return fmt.Errorf("clearing log-in attempts: %w", err)
	}
	return nil
}

// countMailRequest counts a request of an e-mail that the client wants to be
// sent to an account, or to an address.
func (s *Service) countMailRequest(ctx context.Context, key string) error {
	if err := s.countAttempt(ctx, clientsOfMail, ""); err != nil {
		return err
	}
	return s.countAttempt(ctx, mailRequests, key)
}

var _ schema.Error = (*TooManyAttempts)(nil)
