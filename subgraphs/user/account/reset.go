package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

// RequestPasswordReset sends an e-mail with a token that replaces the password
// of the account with a username or e-mail address. The result, when the token
// expires, and the work do not depend on whether there is an account.
func (s *Service) RequestPasswordReset(ctx context.Context, login string) (expires time.Time, err error) {
	key := foldKey(login)
	if len(key) > maxEmail || strings.ContainsRune(key, 0) {
		return s.Now().Add(ResetPassword.ttl()), nil // no account can have this name
	}
	if err := s.countMailRequest(ctx, key); err != nil {
		return time.Time{}, err
	}
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		user, address, err := findForReset(ctx, tx, key)
		if err != nil {
			return err
		}
		expires, err = s.send(ctx, tx, ResetPassword, user, address)
		return err
	})
	return expires, err
}

// findForReset returns the account that a person can mean who has forgotten a
// password, and its address. An address that no account has confirmed stands
// for the oldest account with it, so that nobody can divert the e-mail by a new
// account; the e-mail names the account. Without an account, the user is nil and the
// address is what was asked for.
func findForReset(ctx context.Context, tx pgx.Tx, key string) (user *int64, address string, err error) {
	err = tx.QueryRow(ctx, `
		select id, email from users
		where (username_key = $1 or email_key = $1) and erased_at is null
		order by username_key = $1 desc, email_confirmed_at is not null desc, id limit 1`, key).Scan(&user, &address)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, key, nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("looking up an account: %w", err)
	}
	return user, address, nil
}

// ResetPassword replaces a password by means of a token from an e-mail, ends
// all sessions of the account and revokes its other tokens. Since the e-mail
// was read, it confirms the address, too, unless another account has.
func (s *Service) ResetPassword(ctx context.Context, token, next string) (User, error) {
	user, err := s.tokenOwner(ctx, s.DB, token, ResetPassword)
	if err != nil {
		return User{}, err
	}
	var wrong schema.InvalidInput
	checkPassword(&wrong, "newPassword", next, user.Username, user.Email)
	if err := wrong.Err(); err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, next)
	if err != nil {
		return User{}, fmt.Errorf("hashing a password: %w", err)
	}
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		if user, _, err = s.redeem(ctx, tx, token, ResetPassword); err != nil {
			return err
		}
		var taken bool
		err := tx.QueryRow(ctx, `select exists (select from users where email_key = $1 and id <> $2 and email_confirmed_at is not null)`,
			foldKey(user.Email), user.ID).Scan(&taken)
		if err != nil {
			return fmt.Errorf("looking for the owner of an e-mail address: %w", err)
		}
		if !taken {
			if err := s.confirm(ctx, tx, &user); err != nil {
				return err
			}
		}
		return s.replacePassword(ctx, tx, &user, hash)
	})
	if err != nil {
		return User{}, err
	}
	// The client has proved that it is no guesser.
	for _, name := range []string{user.Username, user.Email} {
		if err := s.clearLogIns(ctx, foldKey(name)); err != nil {
			return User{}, err
		}
	}
	return user, nil
}

// replacePassword writes the hash of a new password, with everything that must
// commit with it: sessions and tokens end, and the person is told.
func (s *Service) replacePassword(ctx context.Context, tx pgx.Tx, user *User, hash string) error {
	err := tx.QueryRow(ctx, `
		update users set password_hash = $2, updated_at = $3, version = version + 1 where id = $1 returning version`,
		user.ID, hash, s.Now()).Scan(&user.Version)
	if err != nil {
		return fmt.Errorf("changing a password: %w", err)
	}
	if err := s.end(ctx, tx, "user_id = $3", user.ID, "password"); err != nil {
		return err
	}
	if err := s.revokeTokens(ctx, tx, user.ID); err != nil {
		return err
	}
	return s.notify(ctx, tx, PasswordChanged, *user, user.Email, user.EmailConfirmedAt != nil)
}
