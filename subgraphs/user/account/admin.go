package account

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"souk/subgraphs/internal/schema"
)

// ErrAdminNameTaken is returned if the name of the first administrator belongs
// to an account that is not an administrator's.
var ErrAdminNameTaken = errors.New("an account with this username or e-mail address exists and is not an administrator")

// EnsureAdmin creates an administrator's account, unless one with that name
// exists. It never promotes an existing account: anyone may have registered
// the name.
func (s *Service) EnsureAdmin(ctx context.Context, d Draft) error {
	user, _, err := s.find(ctx, foldKey(d.Username))
	if err != nil {
		return err
	}
	if user.ID == 0 {
		d.EmailConfirmed = true
		user, err = s.SignUp(ctx, d)
		if conflict := (*schema.Conflict)(nil); errors.As(err, &conflict) {
			return ErrAdminNameTaken
		}
		if err != nil {
			return fmt.Errorf("creating the first administrator: %w", err)
		}
		if _, err := s.SetRoles(ctx, FormatID(user.ID), []string{Admin, Customer}); err != nil {
			return fmt.Errorf("creating the first administrator: %w", err)
		}
		return nil
	}
	if !slices.Contains(user.Roles, Admin) {
		return ErrAdminNameTaken
	}
	return nil
}
