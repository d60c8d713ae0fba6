package database_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/database"
)

// Work in the background waits longer than requests do.
func TestBackgroundStatementsMayTakeLonger(t *testing.T) {
	config, err := pgxpool.ParseConfig(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["statement_timeout"] = "50"
	database.LimitStatements(config.ConnConfig) // keeps it
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	const slow = `select from pg_sleep(0.2)`
	if _, err := pool.Exec(t.Context(), slow); !database.Slow(err) || !database.Unavailable(err) {
		t.Errorf("a slow statement returned %v", err)
	}
	if err := database.Delete(t.Context(), pool, slow); err != nil {
		t.Errorf("the same in the background: %v", err)
	}
	tx, err := pool.BeginTx(t.Context(), database.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	var limit string
	if err := tx.QueryRow(t.Context(), `show statement_timeout`).Scan(&limit); err != nil || limit != "1min" {
		t.Errorf("the limit is %s, %v", limit, err)
	}
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), slow); return err }); !database.Slow(err) {
		t.Errorf("afterwards a slow statement returned %v", err)
	}
}
