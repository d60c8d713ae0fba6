package catalogue_test

import (
	"context"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/product"
	"souk/subgraphs/product/catalogue"
)

// Searches after an update find the products that were there before it, and one
// that is added while the migrations run.
func TestSearchFindsProductsFromBeforeAnUpdate(t *testing.T) {
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	logger := slog.New(slog.DiscardHandler)
	if err := server.Migrate(t.Context(), db, migrationsBefore(t, "007"), logger); err != nil {
		t.Fatal(err)
	}
	if err := product.Seed(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `UPDATE products SET name = 'Xylophone' WHERE id = 1`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() { migrated <- server.Migrate(t.Context(), db, product.Migrations(), logger) }()
	waitForLock(t, db, migrated)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	var missing []string
	err = db.QueryRow(t.Context(), `SELECT array_agg(word ORDER BY word) FROM ts_stat('SELECT document FROM products') WHERE word NOT IN (SELECT lexeme FROM product_lexemes)`).Scan(&missing)
	if err != nil || missing != nil {
		t.Errorf("product_lexemes lacks %q, %v", missing, err)
	}
	c := catalogue.New(db, nil, time.Now)
	for search, want := range map[string]string{"xyloph": "Xylophone", "wireless headphones": "Headphones"} {
		l := list(t, c, catalogue.Filter{Search: search}, catalogue.Relevance, 1)
		if len(l.Nodes) == 0 || !strings.Contains(l.Nodes[0].Name, want) {
			t.Errorf("%q finds %q, want one with %q", search, names(l), want)
		}
	}
}

// migrationsBefore returns the migrations before one.
func migrationsBefore(t *testing.T, number string) fs.FS {
	t.Helper()
	files, err := fs.Glob(product.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	before := fstest.MapFS{}
	for _, name := range files {
		if text, err := fs.ReadFile(product.Migrations(), name); err != nil {
			t.Fatal(err)
		} else if name < number {
			before[name] = &fstest.MapFile{Data: text}
		}
	}
	return before
}

// waitForLock returns when a migration waits for the lock of the products.
func waitForLock(t *testing.T, db *pgxpool.Pool, migrated <-chan error) {
	t.Helper()
	for waiting := false; !waiting; {
		select {
		case err := <-migrated:
			t.Fatalf("the migration did not wait for the change: %v", err)
		default:
		}
		err := db.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'products'::regclass)`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
}
