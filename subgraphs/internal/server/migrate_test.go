package server_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/server"
)

func migrations(list map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range list {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// A migration that changes a table waits for a long query of it. Meanwhile
// others can read the table.
func TestMigrationsDoNotLockOutReaders(t *testing.T) {
	url := pgtest.Database(t)
	pool := open(t, url)
	first := map[string]string{"001_first.sql": "create table things (id int)"}
	if err := server.Migrate(t.Context(), pool, migrations(first), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	long, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close(context.WithoutCancel(t.Context()))
	tx, err := long.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select * from things"); err != nil {
		t.Fatal(err)
	}
	first["002_second.sql"] = "alter table things add column name text"
	done := make(chan error, 1)
	go func() { done <- server.Migrate(t.Context(), pool, migrations(first), slog.New(slog.DiscardHandler)) }()
	awaitLock := func() (waiting bool) {
		err := pool.QueryRow(t.Context(), "select exists (select from pg_locks where not granted and relation = 'things'::regclass)").Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		return waiting
	}
	for !awaitLock() {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
	if _, err := pool.Exec(t.Context(), "select * from things"); err != nil { // would never end
		t.Error(err)
	}
	select {
	case err := <-done:
		t.Fatalf("the migration ended before the query: %v", err)
	default:
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := pool.Exec(t.Context(), "select name from things"); err != nil {
		t.Error(err)
	}
}

// A migration that Postgres ended, since it and a change waited for each other, is
// tried again.
func TestMigrationIsRepeatedAfterADeadlock(t *testing.T) {
	pool := open(t, pgtest.Database(t))
	files := migrations(map[string]string{
		"001_first.sql": "create sequence attempts",
		// A sequence keeps its value when a transaction ends with an error.
		"002_second.sql": "do $$ begin if nextval('attempts') < 2 then raise deadlock_detected; end if; end $$; create table things (id int)",
	})
	if err := server.Migrate(t.Context(), pool, files, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "select * from things"); err != nil {
		t.Error(err)
	}
}

// Several replicas start at once, and one builds an index concurrently.
func TestReplicasMigrateAtOnce(t *testing.T) {
	url := pgtest.Database(t)
	files := migrations(map[string]string{
		"001_first.sql":  "create table things (id int)",
		"002_second.sql": "---- tern: disable-tx ----\nset lock_timeout = 0;\ndrop index concurrently if exists things_id;\ncreate index concurrently things_id on things (id);",
	})
	var replicas sync.WaitGroup
	for range 4 {
		pool := open(t, url)
		replicas.Go(func() {
			if err := server.Migrate(t.Context(), pool, files, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	var valid bool
	if err := open(t, url).QueryRow(t.Context(), "select indisvalid from pg_index where indexrelid = 'things_id'::regclass").Scan(&valid); err != nil || !valid {
		t.Errorf("the index is valid: %t, %v", valid, err)
	}
}
