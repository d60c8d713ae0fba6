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
	waitFor(t, db, migrated, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'products'::regclass)`)
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

// The migration and changes that run meanwhile add lexemes in one order, so that they
// do not wait for each other.
func TestAddingLexemesDoesNotDeadlock(t *testing.T) {
	_, db := generated(t, 20)
	for _, statement := range []string{
		`UPDATE products SET name = CASE WHEN id % 2 = 0 THEN 'Aaaaaaaaaaaaaaa' ELSE 'Zz' END, tags = '{}', description = ''`,
		`DELETE FROM product_lexemes`,
	} {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	text, err := fs.ReadFile(product.Migrations(), "007_index_entries.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, insert, found := strings.Cut(string(text), "\n-- In order, like the trigger.\n")
	insert, _, _ = strings.Cut(insert, ";")
	if !found || !strings.HasPrefix(insert, "INSERT INTO product_lexemes") {
		t.Fatalf("got %q", insert)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	change := func(id int) {
		t.Helper()
		if _, err := tx.Exec(t.Context(), `UPDATE products SET version = version + 1 WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
	}
	change(1002)
	inserted := make(chan error, 1)
	go func() {
		_, err := db.Exec(t.Context(), insert)
		inserted <- err
	}()
	waitFor(t, db, inserted, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
	change(1001)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-inserted; err != nil {
		t.Error(err)
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

// waitFor returns when a query returns true, which is before something is done.
func waitFor(t *testing.T, db *pgxpool.Pool, done <-chan error, query string) {
	t.Helper()
	for reached := false; !reached; {
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		if err := db.QueryRow(t.Context(), query).Scan(&reached); err != nil {
			t.Fatal(err)
		}
	}
}
