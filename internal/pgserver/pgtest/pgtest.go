// Package pgtest gives tests databases on a real PostgreSQL server: one server
// per test binary, or the server that TEST_DATABASE_URL names.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestStore(t *testing.T) {
//		pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"souk/internal/pgserver"
)

const variable = "TEST_DATABASE_URL"

// Main starts a server, runs a package's tests and exits.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	server, err := pgserver.Start(context.Background(), pgserver.Options{URL: os.Getenv(variable)})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	}
	defer func() {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}()
	if err := os.Setenv(variable, server.URL()); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	}
	return m.Run()
}

// Database creates an empty database for a test and returns its URL. It drops
// the database when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	base := os.Getenv(variable)
	if base == "" {
		t.Fatal("pgtest: no server; call pgtest.Main in the package's TestMain")
	}
	server, err := pgserver.Start(t.Context(), pgserver.Options{URL: base})
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	url, err := server.Database(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background() // the test's own has ended
		conn, err := pgx.Connect(ctx, base)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return url
}
