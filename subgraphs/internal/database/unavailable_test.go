package database_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/loopback/loopbacktest"
	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/database"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestUnreachableServerIsUnavailable(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), "postgres://u:p@"+loopbacktest.Address(t)+"/d")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), "select 1"); !database.Unavailable(err) {
		t.Errorf("not unavailable: %v", err)
	}
}

func TestEndedConnectionIsUnavailable(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, when := range []string{"ended by the server", "closed since"} {
		if _, err := conn.Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())"); !database.Unavailable(err) {
			t.Errorf("%s: not unavailable: %v", when, err)
		}
	}
}

func TestErrorsOfTheWorkAreNotUnavailable(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, statement := range []string{"selekt", "select 1/0", "select * from nothing", `select '\x00'::bytea::text::int`} {
		if _, err := conn.Exec(t.Context(), statement); err == nil || database.Unavailable(err) {
			t.Errorf("%s: %v is unavailable", statement, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, cancelled := conn.Exec(ctx, "select 1")
	for _, err := range []error{nil, errors.New("no such user"), pgx.ErrNoRows, cancelled} {
		if database.Unavailable(err) {
			t.Errorf("%v is unavailable", err)
		}
	}
}

func TestStatesThatPassAreUnavailable(t *testing.T) {
	for code, want := range map[string]bool{"57P03": true, "53300": true, "08006": true, "40001": true, "25006": true, "57014": true, "23505": false, "": false} {
		err := fmt.Errorf("reading: %w", &pgconn.PgError{Code: code})
		if database.Unavailable(err) != want || database.Refused(err) != want {
			t.Errorf("SQLSTATE %s: unavailable %t, want %t", code, !want, want)
		}
	}
}
