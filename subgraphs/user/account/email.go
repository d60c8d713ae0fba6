package account

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// RequestConfirmation sends an e-mail with a token that confirms the address of
// an account. The result is when the token expires.
func (s *Service) RequestConfirmation(ctx context.Context, id string) (time.Time, error) {
	user, err := s.existing(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	return s.requestConfirmation(ctx, user, user.Email)
}

// ChangeEmail sends an e-mail with a token to a new address of an account. The
// account keeps its address until ConfirmEmail. Unless trusted is set, current
// must be the current password, if the account has one. The result does not
// depend on whether another account has the address.
func (s *Service) ChangeEmail(ctx context.Context, id, email string, current *string, trusted bool) (time.Time, error) {
	var wrong schema.InvalidInput
	email = checkEmail(&wrong, "email", email)
	if err := wrong.Err(); err != nil {
		return time.Time{}, err
	}
	user, err := s.existing(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	if _, err := s.checkCurrent(ctx, user, current, trusted); err != nil {
		return time.Time{}, err
	}
	return s.requestConfirmation(ctx, user, email)
}

func (s *Service) requestConfirmation(ctx context.Context, user User, address string) (expires time.Time, err error) {
	if err := s.countMailRequest(ctx, foldKey(address)); err != nil {
		return time.Time{}, err
	}
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		if _, err := lock(ctx, tx, FormatID(user.ID)); err != nil {
			return err
		}
		expires, err = s.send(ctx, tx, ConfirmEmail, &user.ID, address)
		return err
	})
	return expires, err
}

// ConfirmEmail confirms the address that an e-mail with the token was sent to,
// which becomes the account's address. A new address is announced to the old
// one, and revokes the tokens that were sent before.
func (s *Service) ConfirmEmail(ctx context.Context, token string) (User, error) {
	var user User
	err := pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		var address string
		var err error
		if user, address, err = s.redeem(ctx, tx, token, ConfirmEmail); err != nil {
			return err
		}
		if foldKey(address) == foldKey(user.Email) {
			return s.confirm(ctx, tx, &user)
		}
		old, confirmed := user.Email, user.EmailConfirmedAt != nil
		user.Email, user.EmailConfirmedAt = address, nil
		if err := s.confirm(ctx, tx, &user); err != nil {
			return err
		}
		if err := s.revokeTokens(ctx, tx, user.ID); err != nil {
			return err
		}
		return s.notify(ctx, tx, EmailChanged, user, old, confirmed)
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// confirm writes an account's address as confirmed. It returns a Conflict if
// another account has confirmed the address.
func (s *Service) confirm(ctx context.Context, tx pgx.Tx, user *User) error {
	if user.EmailConfirmedAt != nil {
		return nil
	}
	now := s.Now()
	err := tx.QueryRow(ctx, `
		update users set email = $2, email_key = $3, email_confirmed_at = $4, updated_at = $4, version = version + 1
		where id = $1 returning email_confirmed_at, version`, user.ID, user.Email, foldKey(user.Email), now).
		Scan(&user.EmailConfirmedAt, &user.Version)
	if err != nil {
		return wrapUniqueViolation(err, "confirming an e-mail address")
	}
	return nil
}

// existing returns an account that is not erased.
func (s *Service) existing(ctx context.Context, id string) (User, error) {
	found, err := s.Get(ctx, []string{id})
	if err != nil {
		return User{}, err
	}
	user, ok := found[id]
	if !ok || user.ErasedAt != nil {
		return User{}, schema.NewNotFound("user", id)
	}
	return user, nil
}
