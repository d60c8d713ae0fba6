package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/schema"
)

const (
	// AccessTTL is the lifetime of an access token, and so how long other
	// services may still show what a revoked role could see.
	AccessTTL = 15 * time.Minute
	// refreshTTL is how long a session lasts without a refresh.
	refreshTTL = 30 * 24 * time.Hour
)

// InvalidCredentials means that the caller is not logged in. Its message
// reveals nothing that an attacker could use, such as whether the account
// exists.
type InvalidCredentials struct {
	Message string
	code    string
}

// Error implements error.
func (e *InvalidCredentials) Error() string { return e.Message }

// Code returns the machine-readable error code.
func (e *InvalidCredentials) Code() string { return e.code }

// The markers of its GraphQL unions, as gqlgen expects them.
func (*InvalidCredentials) IsError()                {}
func (*InvalidCredentials) IsLogInResult()          {}
func (*InvalidCredentials) IsRefreshResult()        {}
func (*InvalidCredentials) IsChangePasswordResult() {}
func (*InvalidCredentials) IsEraseUserResult()      {}
func (*InvalidCredentials) IsChangeEmailResult()    {}

var (
	errBadCredentials  = &InvalidCredentials{"Wrong username or password.", "INVALID_CREDENTIALS"}
	errBadRefreshToken = &InvalidCredentials{"The refresh token is unknown, expired or already used. Log in again.", "INVALID_REFRESH_TOKEN"}
)

// Session is a session with its current tokens.
type Session struct {
	AccessToken  string
	ExpiresAt    time.Time // of the access token
	RefreshToken string
	User         User
}

// LogIn starts a session for the account with a username or confirmed e-mail
// address.
func (s *Service) LogIn(ctx context.Context, login, password string) (Session, error) {
	key := foldKey(login)
	if len(key) > maxEmail || strings.ContainsRune(key, 0) {
		return Session{}, errBadCredentials // no account can have this name
	}
	if err := s.countAttempt(ctx, logIns, key); err != nil {
		return Session{}, err
	}
	user, hash, err := s.find(ctx, key)
	if err != nil {
		return Session{}, err
	}
	matches, outdated, err := s.Hasher.Check(ctx, hash, password)
	if err != nil {
		return Session{}, fmt.Errorf("checking a password: %w", err)
	}
	if !matches {
		return Session{}, errBadCredentials
	}
	if err := s.clearLogIns(ctx, key); err != nil {
		return Session{}, err
	}
	if outdated {
		if err := s.rehash(ctx, user.ID, hash, password); err != nil {
			return Session{}, err
		}
	}
	return s.StartSession(ctx, user)
}

// find returns the account with a username or confirmed e-mail address, and its
// password hash. Both are empty if there is no account.
func (s *Service) find(ctx context.Context, key string) (user User, hash string, err error) {
	err = s.DB.QueryRow(ctx, `
		select `+columns+`, coalesce(password_hash, '') from users
		where username_key = $1 or email_key = $1 and email_confirmed_at is not null
		order by username_key = $1 desc limit 1`, key).
		Scan(&user.ID, &user.Username, &user.Email, &user.DisplayName, &user.Phone, &user.Roles, &user.CreatedAt, &user.Version, &user.ErasedAt, &user.EmailConfirmedAt, &hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return User{}, "", fmt.Errorf("looking up an account: %w", err)
	}
	return user, hash, nil
}

// rehash replaces a hash by one with the current cost, unless the password
// changed meanwhile.
func (s *Service) rehash(ctx context.Context, id int64, old, password string) error {
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	_, err = s.DB.Exec(ctx, `update users set password_hash = $3 where id = $1 and password_hash = $2`, id, old, hash)
	if err != nil {
		return fmt.Errorf("storing a password hash: %w", err)
	}
	return nil
}

// StartSession starts a session for an account.
func (s *Service) StartSession(ctx context.Context, user User) (Session, error) {
	var session Session
	err := pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		id, now := uuid.New(), s.Now()
		_, err := tx.Exec(ctx, `insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)`,
			id, user.ID, now, now.Add(refreshTTL))
		if err != nil {
			return fmt.Errorf("starting a session: %w", err)
		}
		session, err = s.issue(ctx, tx, id, user)
		return err
	})
	return session, err
}

// issue creates a session's next pair of tokens.
func (s *Service) issue(ctx context.Context, tx pgx.Tx, session uuid.UUID, user User) (Session, error) {
	now := s.Now()
	refresh := rand.Text() + rand.Text() // 256 bits
	hash := hashToken(refresh)
	_, err := tx.Exec(ctx, `insert into refresh_tokens (hash, session_id, created_at) values ($1, $2, $3)`, hash, session, now)
	if err != nil {
		return Session{}, fmt.Errorf("storing a refresh token: %w", err)
	}
	access, err := s.Keys.Sign(ctx, Claims{
		Subject: FormatID(user.ID), Roles: user.Roles, Session: session.String(), IssuedAt: now, ExpiresAt: now.Add(AccessTTL),
	})
	if err != nil {
		return Session{}, err
	}
	return Session{AccessToken: access, ExpiresAt: now.Add(AccessTTL), RefreshToken: refresh, User: user}, nil
}

// Refresh exchanges a refresh token for new tokens of the same session.
// Refresh tokens are single-use. A second use means that the token was stolen,
// and either use may be the thief's: the session ends (RFC 9700, section
// 4.14.2).
func (s *Service) Refresh(ctx context.Context, token string) (Session, error) {
	var session Session
	var refused error
	err := pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		t, err := s.lockToken(ctx, tx, token)
		if err != nil {
			return err
		}
		now := s.Now()
		switch {
		case !t.known || t.ended || !now.Before(t.expiresAt):
			refused = errBadRefreshToken
			return nil
		case t.spent:
			refused = errBadRefreshToken
			return s.end(ctx, tx, "id = $3", t.session, "reuse")
		}
		if _, err := tx.Exec(ctx, `update refresh_tokens set spent_at = $2 where hash = $1`, hashToken(token), now); err != nil {
			return fmt.Errorf("marking a refresh token as used: %w", err)
		}
		if _, err := tx.Exec(ctx, `update sessions set expires_at = $2 where id = $1`, t.session, now.Add(refreshTTL)); err != nil {
			return fmt.Errorf("extending a session: %w", err)
		}
		user, err := lock(ctx, tx, FormatID(t.user))
		if missing := (*schema.NotFound)(nil); errors.As(err, &missing) { // the account was erased
			refused = errBadRefreshToken
			return nil
		}
		if err != nil {
			return err
		}
		session, err = s.issue(ctx, tx, t.session, user)
		return err
	})
	if err == nil {
		err = refused
	}
	return session, err
}

// LogOut ends the session of a refresh token and reports whether there was
// one.
func (s *Service) LogOut(ctx context.Context, token string) (bool, error) {
	there := false
	err := pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		t, err := s.lockToken(ctx, tx, token)
		if err != nil || !t.known || t.ended {
			return err
		}
		there = s.Now().Before(t.expiresAt)
		return s.end(ctx, tx, "id = $3", t.session, "logout")
	})
	return there, err
}

// SetPassword changes an account's password and ends its sessions. Unless
// trusted is set, current must be the current password, if the account has
// one.
func (s *Service) SetPassword(ctx context.Context, id string, current *string, next string, trusted bool) (User, error) {
	user, err := s.existing(ctx, id)
	if err != nil {
		return User{}, err
	}
	var wrong schema.InvalidInput
	checkPassword(&wrong, "newPassword", next, user.Username, user.Email)
	if err := wrong.Err(); err != nil {
		return User{}, err
	}
	old, err := s.checkCurrent(ctx, user, current, trusted)
	if err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, next)
	if err != nil {
		return User{}, fmt.Errorf("hashing a password: %w", err)
	}
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		if user, err = lock(ctx, tx, id); err != nil {
			return err
		}
		var changed bool // by a concurrent call
		err := tx.QueryRow(ctx, `select coalesce(password_hash, '') <> $2 from users where id = $1`, user.ID, old).Scan(&changed)
		if err != nil {
			return fmt.Errorf("reading a password hash: %w", err)
		}
		if changed && !trusted {
			return errBadCredentials
		}
		return s.replacePassword(ctx, tx, &user, hash)
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// checkCurrent returns the current hash if the caller may replace it.
func (s *Service) checkCurrent(ctx context.Context, user User, current *string, trusted bool) (string, error) {
	_, hash, err := s.find(ctx, foldKey(user.Username))
	if err != nil || trusted || hash == "" {
		return hash, err
	}
	key := foldKey(user.Username)
	if err := s.countAttempt(ctx, logIns, key); err != nil {
		return "", err
	}
	if current == nil {
		current = new(string)
	}
	matches, _, err := s.Hasher.Check(ctx, hash, *current)
	if err != nil {
		return "", fmt.Errorf("checking a password: %w", err)
	}
	if !matches {
		return "", errBadCredentials
	}
	return hash, s.clearLogIns(ctx, key)
}

// tokenRecord is the state of a refresh token and its session.
type tokenRecord struct {
	known, spent, ended bool
	session             uuid.UUID
	user                int64
	expiresAt           time.Time
}

// lockToken reads a refresh token and locks it, so that it cannot be used
// concurrently.
func (s *Service) lockToken(ctx context.Context, tx pgx.Tx, token string) (tokenRecord, error) {
	var t tokenRecord
	err := tx.QueryRow(ctx, `
		select true, t.spent_at is not null, s.ended_at is not null, s.id, s.user_id, s.expires_at
		from refresh_tokens t join sessions s on s.id = t.session_id
		where t.hash = $1 for update`, hashToken(token)).
		Scan(&t.known, &t.spent, &t.ended, &t.session, &t.user, &t.expiresAt)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("looking up a refresh token: %w", err)
	}
	return t, nil
}

// end ends the active sessions that satisfy a condition on $3.
func (s *Service) end(ctx context.Context, tx pgx.Tx, condition string, value any, why string) error {
	_, err := tx.Exec(ctx, `update sessions set ended_at = $1, ended_by = $2 where ended_at is null and `+condition,
		s.Now(), why, value)
	if err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
