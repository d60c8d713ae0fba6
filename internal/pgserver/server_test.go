package pgserver_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"souk/internal/pgserver"
)

func TestDataSurvivesARestart(t *testing.T) {
	dir, err := os.MkdirTemp("", "pgserver-test-") // t.TempDir's parents are closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "postgres")

	exec(t, start(t, dir), "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
	server := start(t, dir)
	if _, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another Postgres already uses") {
		t.Errorf("a second server on the same directory: got error %v", err)
	}
	exec(t, server, "INSERT INTO kept SELECT 1/count(*) FROM kept") // fails when the row is gone
}

func TestUnreachableServerErrorNamesIt(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:secret@127.0.0.1:1/postgres": "cannot connect to Postgres at postgres://u:xxxxx@127.0.0.1:1/postgres",
		"mysql://localhost":                        "is not a Postgres URL",
	} {
		_, err := pgserver.Start(t.Context(), pgserver.Options{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", url, err, want)
		}
	}
}

func start(t *testing.T, dir string) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// exec runs statements in database "shop" and stops the server.
func exec(t *testing.T, server *pgserver.Server, statements ...string) {
	t.Helper()
	ctx := context.Background()
	url, err := server.Database(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
}
