package dev_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/dev"
)

// A client of the router leaves while a statement of the order service waits for a lock. The
// statement is cancelled: the router tells the service, and that tells Postgres.
func TestStatementsOfClientsWhoHaveLeftAreCancelled(t *testing.T) {
	t.Parallel()
	store := open(t, dev.Options{})
	db, err := pgxpool.New(t.Context(), store.Variables("order")["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, test := range []struct{ name, lock, operation, statement string }{
		{"a query", "orders", `{ orders(first: 5) { nodes { id } } }`, `%FROM orders%ORDER BY id DESC LIMIT%`},
		{"a mutation", "order_keys", `mutation { placeOrder(input: {userId: \"1\", idempotencyKey: \"left\", lines: [{productId: \"1\", quantity: 1}]}) { __typename } }`, `%FROM order_keys WHERE caller =%`},
	} {
		t.Run(test.name, func(t *testing.T) {
			// On a busy machine, Postgres may end the statement before the client has left.
			for range 20 {
				before := store.canceled(t)
				store.leaveDuring(t, db, test.lock, test.operation, test.statement)
				if store.canceled(t) > before {
					return
				}
			}
			t.Error("no statement was cancelled")
		})
	}
}

// leaveDuring sends an operation, and leaves while it waits for the lock of a table.
func (s *store) leaveDuring(t *testing.T, db *pgxpool.Pool, table, operation, statement string) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE `+pgx.Identifier{table}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL("router")+"/graphql", strings.NewReader(`{"query":"`+operation+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}()
	s.awaitLock(t, db, statement, true, done)
	leave()
	<-done
	s.awaitLock(t, db, statement, false, nil)
}

// awaitLock waits until a statement like the one of a request waits for a lock or none does, or until
// done. Those of tasks in the background may wait for it, too.
func (*store) awaitLock(t *testing.T, db *pgxpool.Pool, statement string, want bool, done <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var n int
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`, statement).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 == want {
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
	t.Fatal("gave up waiting for a statement")
}

var canceledStatements = regexp.MustCompile(`(?m)^souk_sql_failures_total\{reason="canceled"\} (\S+)$`)

// canceled returns how many statements of the order service were cancelled because the caller left.
func (s *store) canceled(t *testing.T) float64 {
	t.Helper()
	response, err := http.Get(s.URL("order") + "/metrics") //nolint:noctx // the test has a timeout
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := canceledStatements.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no such metric: %.300s", text)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
