package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/schema"
)

// erasedName is the display name of an erased account.
const erasedName = "Erased account"

// erasedEvent is the data of user.erased.
type erasedEvent struct {
	UserID int64 `json:"userId,string"`
}

// Erase empties an account for good, ends its sessions, and tells the other
// services to erase what they know of the person. The account's ID stays, for
// orders that refer to it. Unless trusted is set, current must be the current
// password, if the account has one. Erasing an erased account changes nothing.
func (s *Service) Erase(ctx context.Context, id string, current *string, trusted bool) (User, error) {
	found, err := s.Get(ctx, []string{id})
	if err != nil {
		return User{}, err
	}
	user, ok := found[id]
	if !ok {
		return User{}, schema.NewNotFound("user", id)
	}
	if user.ErasedAt != nil {
		return user, nil
	}
	if _, err := s.checkCurrent(ctx, user, current, trusted); err != nil {
		return User{}, err
	}
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		if user, err = lock(ctx, tx, id); err != nil {
			return err
		}
		if slices.Contains(user.Roles, Admin) {
			if err := requireOtherAdmin(ctx, tx, user.ID); err != nil {
				return err
			}
		}
		user, err = s.erase(ctx, tx, user)
		return err
	})
	if missing := (*schema.NotFound)(nil); errors.As(err, &missing) { // erased by a concurrent call
		found, err := s.Get(ctx, []string{id})
		return found[id], err
	}
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// eraseAttempts deletes the attempts at an account, and empties its e-mails.
// An address that is not confirmed may be somebody else's: attempts at it, and
// the number of e-mails to it, must go on to count.
func (s *Service) eraseAttempts(ctx context.Context, tx pgx.Tx, user User) error {
	names := []string{foldKey(user.Username)}
	if user.EmailConfirmedAt != nil {
		names = append(names, foldKey(user.Email))
	}
	for _, statement := range []string{
		`delete from attempts where subject = any($1)`,
		`delete from login_attempts where login = any($1)`, // of the previous release
	} {
		if _, err := tx.Exec(ctx, statement, names); err != nil {
			return fmt.Errorf("deleting the attempts at an erased account: %w", err)
		}
	}
	_, err := tx.Exec(ctx, `update account_mails set address = '', user_id = null, used_at = coalesce(used_at, $2) where user_id = $1`, user.ID, s.Now())
	if err != nil {
		return fmt.Errorf("erasing the e-mails of an account: %w", err)
	}
	return nil
}

// erase writes the erased account and everything that must commit with it.
func (s *Service) erase(ctx context.Context, tx pgx.Tx, user User) (User, error) {
	now := s.Now()
	if err := s.eraseAttempts(ctx, tx, user); err != nil {
		return User{}, err
	}
	number := strconv.FormatInt(user.ID, 10)
	rows, err := tx.Query(ctx, `
		update users set username = $2, username_key = $3, email = '', email_key = $3, display_name = $4, phone = null, email_confirmed_at = null,
		       password_hash = null, roles = $5, updated_at = $6, erased_at = $6, version = version + 1
		where id = $1 returning `+columns,
		user.ID, "erased-"+number, ":erased:"+number, erasedName, []string{Customer}, now)
	if err != nil {
		return User{}, fmt.Errorf("erasing an account: %w", err)
	}
	if user, err = pgx.CollectExactlyOneRow(rows, scanUser); err != nil {
		return User{}, fmt.Errorf("erasing an account: %w", err)
	}
	if err := s.end(ctx, tx, "user_id = $3", user.ID, "erased"); err != nil {
		return User{}, err
	}
	err = events.Append(ctx, tx, events.Event{Type: events.UserErased, Subject: number, Data: erasedEvent{user.ID}})
	if err != nil {
		return User{}, fmt.Errorf("publishing the erasure of user %d: %w", user.ID, err)
	}
	return user, nil
}
