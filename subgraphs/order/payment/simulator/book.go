package simulator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/order/payment"
)

//go:embed schema.sql
var schema string

// book keeps the payments.
type book struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// schemaLock is the key of the advisory lock that serialises creating the
// schema.
const schemaLock = 0x50_41_59_01

// create creates the tables unless they exist.
func (b *book) create(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, schemaLock); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	})
	if err != nil {
		return fmt.Errorf("creating the table of payments: %w", err)
	}
	return nil
}

const columns = `key, reference, amount, currency, status, decline_reason, decline_message, created_at, updated_at`

func scan(row pgx.CollectableRow) (p payment.State, err error) {
	err = row.Scan(&p.Key, &p.Reference, &p.Amount, &p.Currency, &p.Status, &p.DeclineReason, &p.DeclineMessage, &p.CreatedAt, &p.UpdatedAt)
	return p, err
}

// declines are the tokens whose payments are declined.
var declines = map[string]struct{ reason, message string }{
	"test-declined":           {"card_declined", "The card was declined."},
	"test-insufficient-funds": {"insufficient_funds", "The account has insufficient funds."},
	"test-expired-card":       {"expired_card", "The card has expired."},
}

// tokenRefuseCapture is the token of a payment that cannot be captured.
const tokenRefuseCapture = "test-capture-refused"

func (b *book) authorize(ctx context.Context, key string, n payment.NewPayment) (p payment.State, err error) {
	status, decline := payment.Authorized, declines[n.Token]
	if decline.reason != "" {
		status = payment.DeclinedState
	}
	rows, err := b.db.Query(ctx, `
		INSERT INTO payments (key, reference, amount, currency, status, decline_reason, decline_message, refuse_capture, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT DO NOTHING RETURNING `+columns,
		key, n.Reference, n.Amount, n.Currency, status, decline.reason, decline.message, n.Token == tokenRefuseCapture, b.now())
	if err == nil {
		p, err = pgx.CollectExactlyOneRow(rows, scan)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		if err != nil {
			err = fmt.Errorf("recording payment %q: %w", key, err)
		}
		return p, err
	}
	err = b.change(ctx, key, nil, func(found payment.State) (payment.Status, error) {
		p = found
		if p.Status == payment.Voided {
			return p.Status, &payment.Refused{Status: p.Status, Reason: "voided"}
		}
		if p.Amount != n.Amount || p.Currency != n.Currency {
			return p.Status, &payment.Refused{Status: p.Status, Reason: "key_reused"}
		}
		return p.Status, nil
	})
	return p, err
}

func (b *book) capture(ctx context.Context, key string) (payment.State, error) {
	return b.move(ctx, key, payment.Captured, payment.Authorized, payment.Captured, payment.Refunded)
}

func (b *book) refund(ctx context.Context, key string) (payment.State, error) {
	return b.move(ctx, key, payment.Refunded, payment.Captured, payment.Refunded)
}

// void records an unknown key as voided, so that a late authorisation is
// refused.
func (b *book) void(ctx context.Context, key string) (p payment.State, err error) {
	err = b.change(ctx, key, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO payments (key, reference, amount, currency, status, created_at, updated_at)
			VALUES ($1, '', 0, '', $2, $3, $3) ON CONFLICT DO NOTHING`, key, payment.Voided, b.now())
		return err
	}, func(found payment.State) (payment.Status, error) {
		p = found
		switch p.Status {
		case payment.Authorized:
			p.Status = payment.Voided
		case payment.Captured, payment.Refunded:
			return p.Status, &payment.Refused{Status: p.Status, Reason: "captured"}
		}
		return p.Status, nil
	})
	return p, err
}

// move changes a payment's status from from to to. A payment that already has
// one of the statuses done stays as it is.
func (b *book) move(ctx context.Context, key string, to, from payment.Status, done ...payment.Status) (p payment.State, err error) {
	err = b.change(ctx, key, nil, func(found payment.State) (payment.Status, error) {
		p = found
		for _, status := range done {
			if p.Status == status {
				return status, nil
			}
		}
		if p.Status != from {
			return p.Status, &payment.Refused{Status: p.Status, Reason: "wrong_state"}
		}
		p.Status = to
		return to, nil
	})
	return p, err
}

// change locks a payment, after prepare (if not nil), and writes the status
// that decide returns.
func (b *book) change(ctx context.Context, key string, prepare func(pgx.Tx) error, decide func(payment.State) (payment.Status, error)) error {
	return pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		if prepare != nil {
			if err := prepare(tx); err != nil {
				return fmt.Errorf("recording payment %q: %w", key, err)
			}
		}
		rows, err := tx.Query(ctx, `SELECT `+columns+` FROM payments WHERE key = $1 FOR UPDATE`, key)
		if err != nil {
			return fmt.Errorf("reading payment %q: %w", key, err)
		}
		p, err := pgx.CollectExactlyOneRow(rows, scan)
		if errors.Is(err, pgx.ErrNoRows) {
			return &payment.Refused{Reason: "unknown"}
		}
		if err != nil {
			return fmt.Errorf("reading payment %q: %w", key, err)
		}
		before := p.Status
		status, err := decide(p)
		if err != nil || status == before {
			return err
		}
		tag, err := tx.Exec(ctx, `
			UPDATE payments SET status = $2, updated_at = $3 WHERE key = $1 AND NOT ($2 = 'CAPTURED' AND refuse_capture)`,
			key, string(status), b.now())
		if err != nil {
			return fmt.Errorf("changing payment %q: %w", key, err)
		}
		if tag.RowsAffected() == 0 {
			return &payment.Refused{Status: before, Reason: "capture_refused"}
		}
		return nil
	})
}

func (b *book) get(ctx context.Context, key string) (payment.State, error) {
	rows, err := b.db.Query(ctx, `SELECT `+columns+` FROM payments WHERE key = $1`, key)
	if err != nil {
		return payment.State{}, fmt.Errorf("reading payment %q: %w", key, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, &payment.Refused{Reason: "unknown"}
	}
	return p, err
}

// maxListed bounds the list of payments.
const maxListed = 100

func (b *book) newest(ctx context.Context) ([]payment.State, error) {
	rows, err := b.db.Query(ctx, `SELECT `+columns+` FROM payments ORDER BY created_at DESC LIMIT $1`, maxListed)
	if err != nil {
		return nil, fmt.Errorf("listing payments: %w", err)
	}
	return pgx.CollectRows(rows, scan)
}
