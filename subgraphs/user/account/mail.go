package account

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/schema"
)

// Purpose is what an e-mail about an account is for. It is also the name of
// its template in the notification service.
type Purpose string

// The purposes. The first two have a token, the others are notices.
const (
	ConfirmEmail    Purpose = "confirm-email"
	ResetPassword   Purpose = "reset-password"
	EmailChanged    Purpose = "email-changed"
	PasswordChanged Purpose = "password-changed"
)

const (
	// confirmTTL and resetTTL are how long the tokens are valid.
	confirmTTL = 24 * time.Hour
	resetTTL   = time.Hour
	// noticeTTL is how long a notice may take to be sent.
	noticeTTL = 24 * time.Hour
	// mailsPerHour bounds the e-mails of one purpose that an address gets in an
	// hour, whoever asks for them, except notices to an address that the account has
	// confirmed. More are dropped, without a trace for those who ask.
	mailsPerHour = 5
	// maxTokens bounds the tokens of an e-mail, and so the attempts to send it.
	maxTokens = 32
)

// ttl returns how long an e-mail is of use.
func (p Purpose) ttl() time.Duration {
	switch p {
	case ConfirmEmail:
		return confirmTTL
	case ResetPassword:
		return resetTTL
	default:
		return noticeTTL
	}
}

// Mail is an e-mail about an account that is to be sent.
type Mail struct {
	ID        string
	User      User
	Purpose   Purpose
	Address   string
	ExpiresAt time.Time
}

// InvalidToken means that a token from an e-mail cannot be used.
type InvalidToken struct{ Message string }

// Error implements error.
func (e *InvalidToken) Error() string { return e.Message }

// Code returns the machine-readable error code.
func (*InvalidToken) Code() string { return "INVALID_TOKEN" }

// The markers of its GraphQL unions, as gqlgen expects them.
func (*InvalidToken) IsError()               {}
func (*InvalidToken) IsResetPasswordResult() {}
func (*InvalidToken) IsConfirmEmailResult()  {}

var _ schema.Error = (*InvalidToken)(nil)

// mailEvent is the data of user.mail. Whoever reads the event learns nothing
// about a person.
type mailEvent struct {
	MailID uuid.UUID `json:"mailId"`
}

// send lets the notification service send an e-mail, when tx commits. A nil
// user stands for an account that does not exist: the same work is done, and
// nothing is sent. The result is when the e-mail expires.
func (s *Service) send(ctx context.Context, tx pgx.Tx, purpose Purpose, user *int64, address string) (time.Time, error) {
	return s.sendTo(ctx, tx, purpose, user, address, false)
}

// notify lets a notice be sent about an account. confirmed says that the account
// has confirmed the address: then it gets every notice.
func (s *Service) notify(ctx context.Context, tx pgx.Tx, purpose Purpose, user User, address string, confirmed bool) error {
	_, err := s.sendTo(ctx, tx, purpose, &user.ID, address, confirmed)
	return err
}

func (s *Service) sendTo(ctx context.Context, tx pgx.Tx, purpose Purpose, user *int64, address string, unlimited bool) (time.Time, error) {
	id, now := uuid.New(), s.Now()
	expires, key := now.Add(purpose.ttl()), hex.EncodeToString(hashToken(foldKey(address)))
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, lockMails, key); err != nil {
		return expires, fmt.Errorf("locking the e-mails of an address: %w", err)
	}
	_, err := tx.Exec(ctx, `
		with sent as (
			select count(*) as n from account_mails
			where address_key = $5 and purpose = $3 and created_at > $8)
		insert into account_mails (id, user_id, purpose, address, address_key, created_at, expires_at)
		select $1, case when $9 or n < $10 then $2::bigint end, $3, case when $2::bigint is not null and ($9 or n < $10) then $4 else '' end, $5, $6, $7
		from sent`,
		id, user, purpose, address, key, now, expires, now.Add(-time.Hour), unlimited, mailsPerHour)
	if err != nil {
		return expires, fmt.Errorf("storing an e-mail to be sent: %w", err)
	}
	err = events.Append(ctx, tx, events.Event{Type: events.UserMail, Subject: id.String(), Data: mailEvent{id}})
	if err != nil {
		return expires, fmt.Errorf("publishing an e-mail to be sent: %w", err)
	}
	return expires, nil
}

// Mails returns those of the e-mails that are to be sent, by ID.
func (s *Service) Mails(ctx context.Context, ids []string) (map[string]Mail, error) {
	rows, err := s.DB.Query(ctx, `
		select m.id, m.purpose, m.address, m.expires_at, u.id, u.username, u.display_name
		from account_mails m join users u on u.id = m.user_id
		where m.id = any($1) and m.used_at is null and m.expires_at > $2 and u.erased_at is null`, parseUUIDs(ids), s.Now())
	if err != nil {
		return nil, fmt.Errorf("reading e-mails to be sent: %w", err)
	}
	mails := map[string]Mail{}
	var id uuid.UUID
	var m Mail
	_, err = pgx.ForEachRow(rows, []any{&id, &m.Purpose, &m.Address, &m.ExpiresAt, &m.User.ID, &m.User.Username, &m.User.DisplayName}, func() error {
		m.ID = id.String()
		mails[m.ID] = m
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading e-mails to be sent: %w", err)
	}
	return mails, nil
}

// parseUUIDs returns those of the texts that are UUIDs.
func parseUUIDs(texts []string) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(texts))
	for _, text := range texts {
		if id, err := uuid.Parse(text); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// AddToken registers the SHA-256 hash of a token that is about to be sent with
// an e-mail. It can be repeated. It reports whether the e-mail should still be
// sent.
func (s *Service) AddToken(ctx context.Context, mail string, hash []byte) (bool, error) {
	id, err := uuid.Parse(mail)
	if err != nil || len(hash) != len(hashToken("")) {
		return false, nil //nolint:nilerr // there is no such e-mail
	}
	tag, err := s.DB.Exec(ctx, `
		insert into account_tokens (hash, mail_id)
		select $2, m.id from account_mails m
		where m.id = $1 and m.purpose in ('confirm-email', 'reset-password') and m.user_id is not null
		  and m.used_at is null and m.expires_at > $3
		  and (select count(*) from account_tokens t where t.mail_id = m.id) < $4
		on conflict (hash) do update set mail_id = excluded.mail_id where account_tokens.mail_id = excluded.mail_id`,
		id, hash, s.Now(), maxTokens)
	if err != nil {
		return false, fmt.Errorf("storing the hash of a token: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

var errInvalidToken = &InvalidToken{"The token is unknown, expired or already used. Ask for a new e-mail."}

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// tokenOwner returns the account of a token that can be used.
func (s *Service) tokenOwner(ctx context.Context, db querier, token string, purpose Purpose) (User, error) {
	rows, err := db.Query(ctx, `
		select `+columns+` from users where id = (
			select m.user_id from account_tokens t join account_mails m on m.id = t.mail_id
			where t.hash = $1 and m.purpose = $2 and m.used_at is null and m.expires_at > $3)`, hashToken(token), purpose, s.Now())
	if err != nil {
		return User{}, fmt.Errorf("looking up a token: %w", err)
	}
	user, err := pgx.CollectExactlyOneRow(rows, scanUser)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, errInvalidToken
	}
	if err != nil {
		return User{}, fmt.Errorf("looking up a token: %w", err)
	}
	return user, nil
}

// redeem uses up the token of an e-mail, and locks and returns its account and
// address. Of concurrent calls with one token, one succeeds: the others wait
// for the account.
func (s *Service) redeem(ctx context.Context, tx pgx.Tx, token string, purpose Purpose) (user User, address string, err error) {
	if user, err = s.tokenOwner(ctx, tx, token, purpose); err != nil {
		return User{}, "", err
	}
	user, err = lock(ctx, tx, FormatID(user.ID))
	if missing := (*schema.NotFound)(nil); errors.As(err, &missing) {
		return User{}, "", errInvalidToken // the account was erased
	}
	if err != nil {
		return User{}, "", err
	}
	err = tx.QueryRow(ctx, `
		update account_mails m set used_at = $3 from account_tokens t
		where t.hash = $1 and m.id = t.mail_id and m.purpose = $2 and m.used_at is null and m.expires_at > $3
		returning m.address`, hashToken(token), purpose, s.Now()).Scan(&address)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, "", errInvalidToken
	}
	if err != nil {
		return User{}, "", fmt.Errorf("using a token: %w", err)
	}
	return user, address, nil
}

// revokeTokens makes all tokens of an account useless. Notices are still sent.
func (s *Service) revokeTokens(ctx context.Context, tx pgx.Tx, user int64) error {
	_, err := tx.Exec(ctx, `
		update account_mails set used_at = $2
		where user_id = $1 and used_at is null and purpose in ('confirm-email', 'reset-password')`, user, s.Now())
	if err != nil {
		return fmt.Errorf("revoking the tokens of an account: %w", err)
	}
	return nil
}
