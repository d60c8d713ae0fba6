package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
)

// Service manages accounts and sessions.
type Service struct {
	DB     *pgxpool.Pool
	Hasher *Hasher
	Keys   *Keyring
	Now    func() time.Time
}

const columns = `id, username, email, display_name, phone, roles, created_at, version, erased_at, email_confirmed_at`

func scanUser(row pgx.CollectableRow) (User, error) {
	var u User
	err := row.Scan(&u.ID, &u.Username, &u.Email, &u.DisplayName, &u.Phone, &u.Roles, &u.CreatedAt, &u.Version, &u.ErasedAt, &u.EmailConfirmedAt)
	return u, err
}

// SignUp creates an account, and lets its e-mail address be confirmed. Whether
// another account has the address makes no difference.
func (s *Service) SignUp(ctx context.Context, d Draft) (User, error) {
	var wrong schema.InvalidInput
	d.Username = checkUsername(&wrong, "username", d.Username)
	d.Email = checkEmail(&wrong, "email", d.Email)
	name := d.Username
	if d.DisplayName != nil {
		name = checkDisplayName(&wrong, "displayName", *d.DisplayName)
	}
	d.Phone = checkPhone(&wrong, "phone", d.Phone)
	if d.Password != nil {
		checkPassword(&wrong, "password", *d.Password, d.Username, d.Email)
	}
	if err := wrong.Err(); err != nil {
		return User{}, err
	}
	var hash *string
	if d.Password != nil {
		text, err := s.Hasher.Hash(ctx, *d.Password)
		if err != nil {
			return User{}, fmt.Errorf("hashing a password: %w", err)
		}
		hash = &text
	}
	var user User
	err := pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			insert into users (username, username_key, email, email_key, display_name, phone, password_hash, created_at, updated_at, email_confirmed_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $8, case when $9 then $8::timestamptz end) returning `+columns,
			d.Username, foldKey(d.Username), d.Email, foldKey(d.Email), name, d.Phone, hash, s.Now(), d.EmailConfirmed)
		if err != nil {
			return fmt.Errorf("creating an account: %w", err)
		}
		if user, err = pgx.CollectExactlyOneRow(rows, scanUser); err != nil {
			return wrapUniqueViolation(err, "creating an account")
		}
		if !d.EmailConfirmed {
			_, err = s.send(ctx, tx, ConfirmEmail, &user.ID, user.Email)
		}
		return err
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// wrapUniqueViolation converts a unique violation to a Conflict for the client
// and adds context to any other error.
func wrapUniqueViolation(err error, doing string) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.ConstraintName {
		case "users_username_taken":
			return schema.NewConflict("The username is already in use.")
		case "users_email_confirmed":
			return schema.NewConflict("Another account has confirmed this e-mail address. Log in there, or reset its password.")
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Get returns those of the accounts that exist, by ID, in one query.
func (s *Service) Get(ctx context.Context, ids []string) (map[string]User, error) {
	numbers := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := parseID(id); ok {
			numbers = append(numbers, n)
		}
	}
	rows, err := s.DB.Query(ctx, `select `+columns+` from users where id = any($1)`, numbers)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	users, err := pgx.CollectRows(rows, scanUser)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	byID := make(map[string]User, len(users))
	for _, u := range users {
		byID[FormatID(u.ID)] = u
	}
	return byID, nil
}

// List returns the rows of a page of the accounts that are not erased, oldest
// first: all, or only the one with an ID.
func (s *Service) List(ctx context.Context, page connection.Page[int64], only *int64) ([]User, error) {
	where, args := "erased_at is null", []any(nil)
	if only != nil {
		where, args = where+" and id = $1", []any{*only}
	}
	slice, args := connection.ByID(page, "id", false, args)
	rows, err := s.DB.Query(ctx, `select `+columns+` from users where `+where+slice, args...)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	users, err := pgx.CollectRows(rows, scanUser)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return users, nil
}

// Count counts the accounts that are not erased.
func (s *Service) Count(ctx context.Context) (int, error) {
	var n int
	if err := s.DB.QueryRow(ctx, `select count(*) from users where erased_at is null`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting accounts: %w", err)
	}
	return n, nil
}

// Update changes an account. The version increases only if something changed.
func (s *Service) Update(ctx context.Context, id string, c Change) (User, error) {
	var wrong schema.InvalidInput
	if c.Username != nil {
		*c.Username = checkUsername(&wrong, "username", *c.Username)
	}
	if c.DisplayName != nil {
		*c.DisplayName = checkDisplayName(&wrong, "displayName", *c.DisplayName)
	}
	if c.SetPhone {
		c.Phone = checkPhone(&wrong, "phone", c.Phone)
	}
	if err := wrong.Err(); err != nil {
		return User{}, err
	}
	return s.change(ctx, id, c.ExpectedVersion, func(_ context.Context, _ pgx.Tx, u *User) error {
		if c.Username != nil {
			u.Username = *c.Username
		}
		if c.DisplayName != nil {
			u.DisplayName = *c.DisplayName
		}
		if c.SetPhone {
			u.Phone = c.Phone
		}
		return nil
	})
}

// SetRoles replaces an account's roles. It refuses to remove the last
// administrator.
func (s *Service) SetRoles(ctx context.Context, id string, roles []string) (User, error) {
	if len(roles) == 0 {
		return User{}, schema.Invalid("roles", "is empty", "CUSTOMER, ADMIN or both")
	}
	slices.Sort(roles)
	roles = slices.Compact(roles)
	return s.change(ctx, id, nil, func(ctx context.Context, tx pgx.Tx, u *User) error {
		if slices.Contains(u.Roles, Admin) && !slices.Contains(roles, Admin) {
			if err := requireOtherAdmin(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		u.Roles = roles
		return nil
	})
}

// requireOtherAdmin returns a Conflict unless there is an administrator besides
// the user. It serialises, so that two administrators cannot remove each other.
func requireOtherAdmin(ctx context.Context, tx pgx.Tx, user int64) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, lockAdmins); err != nil {
		return fmt.Errorf("locking the administrators: %w", err)
	}
	var others int
	err := tx.QueryRow(ctx, `select count(*) from users where $1 = any(roles) and id <> $2`, Admin, user).Scan(&others)
	if err != nil {
		return fmt.Errorf("counting administrators: %w", err)
	}
	if others == 0 {
		return schema.NewConflict("This is the last administrator. Appoint another one first.")
	}
	return nil
}

// Keys of Postgres advisory locks.
const (
	lockAdmins = 0x50_55_53_01
	lockKeys   = 0x50_55_53_02
	lockMails  = 0x50_55_53_03 // with the hash of an address
)

// change locks an account, edits it and writes it, in one transaction.
func (s *Service) change(ctx context.Context, id string, expected *int, edit func(context.Context, pgx.Tx, *User) error) (User, error) {
	var user User
	err := pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		var err error
		if user, err = lock(ctx, tx, id); err != nil {
			return err
		}
		if expected != nil && *expected != user.Version {
			return schema.StaleVersion("user", id, *expected, user.Version)
		}
		before := user
		before.Roles = slices.Clone(user.Roles)
		if err := edit(ctx, tx, &user); err != nil {
			return err
		}
		if equal(before, user) {
			return nil
		}
		user.Version++
		_, err = tx.Exec(ctx, `
			update users set username = $2, username_key = $3, display_name = $4, phone = $5, roles = $6, updated_at = $7, version = $8
			where id = $1`,
			user.ID, user.Username, foldKey(user.Username), user.DisplayName, user.Phone, user.Roles, s.Now(), user.Version)
		if err != nil {
			return wrapUniqueViolation(err, "changing an account")
		}
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// lock locks an account that is not erased.
func lock(ctx context.Context, tx pgx.Tx, id string) (User, error) {
	number, ok := parseID(id)
	if !ok {
		return User{}, schema.NewNotFound("user", id)
	}
	rows, err := tx.Query(ctx, `select `+columns+` from users where id = $1 and erased_at is null for update`, number)
	if err != nil {
		return User{}, fmt.Errorf("locking an account: %w", err)
	}
	user, err := pgx.CollectExactlyOneRow(rows, scanUser)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, schema.NewNotFound("user", id)
	}
	if err != nil {
		return User{}, fmt.Errorf("locking an account: %w", err)
	}
	return user, nil
}

func equal(a, b User) bool {
	phone := (a.Phone == nil) == (b.Phone == nil) && (a.Phone == nil || *a.Phone == *b.Phone)
	return phone && a.Username == b.Username && a.DisplayName == b.DisplayName &&
		slices.Equal(a.Roles, b.Roles)
}

// FormatID formats an account's ID for GraphQL.
func FormatID(id int64) string { return strconv.FormatInt(id, 10) }

func parseID(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0 && !strings.HasPrefix(id, "+")
}
