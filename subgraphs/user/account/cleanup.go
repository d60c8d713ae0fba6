package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"souk/subgraphs/internal/schema"
)

// keepEnded is how long sessions that ended are kept, so that a stolen refresh
// token is recognised.
const endedRetention = 30 * 24 * time.Hour

// Tidy deletes sessions and attempts that are of no use any more.
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

// ErrAdminNameTaken says that the first administrator's name belongs to
// somebody who is not one.
var ErrAdminNameTaken = errors.New("an account of this name or e-mail address is not an administrator's")

// EnsureAdmin makes an administrator's account, unless there is one of that
// name. Nobody else's account is raised: anybody may have taken the name.
func (s *Service) EnsureAdmin(ctx context.Context, d Draft) error {
	user, _, err := s.find(ctx, foldKey(d.Username))
	if err != nil {
		return err
	}
	if user.ID == 0 {
		user, err = s.SignUp(ctx, d)
		if conflict := (*schema.Conflict)(nil); errors.As(err, &conflict) {
			return ErrAdminNameTaken
		}
		if err != nil {
			return fmt.Errorf("making the first administrator: %w", err)
		}
		if _, err := s.SetRoles(ctx, FormatID(user.ID), []string{Admin, Customer}); err != nil {
			return fmt.Errorf("making the first administrator: %w", err)
		}
		return nil
	}
	if !slices.Contains(user.Roles, Admin) {
		return ErrAdminNameTaken
	}
	return nil
}
