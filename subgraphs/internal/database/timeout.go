package database

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// statementTimeout bounds a statement of a request. It is shorter than a call
	// of another service, so that the caller learns what was slow.
	statementTimeout = 2 * time.Second
	// backgroundTimeout bounds a statement that no request waits for.
	backgroundTimeout = time.Minute
)

// timeoutParameter is the setting of Postgres.
const timeoutParameter = "statement_timeout"

// LimitStatements makes Postgres end each statement of a connection that takes too
// long, including the time that it waits for locks. A URL can set another limit by
// the parameter statement_timeout, in milliseconds.
func LimitStatements(config *pgx.ConnConfig) {
	if config.RuntimeParams[timeoutParameter] == "" {
		config.RuntimeParams[timeoutParameter] = milliseconds(statementTimeout)
	}
}

// UnlimitStatements lets statements take as long as they need, as migrations do.
func UnlimitStatements(config *pgx.ConnConfig) { config.RuntimeParams[timeoutParameter] = "0" }

const (
	// cancelDelay is how long a statement may go on after its caller has left.
	// Most statements end before, which is cheaper than to cancel them.
	cancelDelay = 50 * time.Millisecond
	// abandonDelay is how long Postgres may take to end it. After that, the
	// connection is given up.
	abandonDelay = 500 * time.Millisecond
)

// CancelStatements makes Postgres end a statement whose caller has left. By
// default, pgx gives up the connection as well, and under load a new connection
// costs more than most statements.
func CancelStatements(config *pgx.ConnConfig) {
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, CancelRequestDelay: cancelDelay, DeadlineDelay: abandonDelay}
	}
}

// Background are the options of a transaction that no request waits for. Its
// statements may take a minute.
func Background() pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: "BEGIN; SET LOCAL " + timeoutParameter + " = " + milliseconds(backgroundTimeout)}
}

// Delete runs a statement that deletes old rows, in the background.
func Delete(ctx context.Context, db *pgxpool.Pool, statement string, arguments ...any) error {
	return pgx.BeginTxFunc(ctx, db, Background(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement, arguments...)
		return err
	})
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// queryCanceled is the SQLSTATE of a statement that took too long, or that an
// administrator ended.
const queryCanceled = "57014"

// Slow reports whether an error of pgx means that Postgres ended a statement that
// took too long.
func Slow(err error) bool {
	var ended *pgconn.PgError
	return errors.As(err, &ended) && ended.Code == queryCanceled
}
