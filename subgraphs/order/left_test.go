package order_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/server"
)

// slowStatements lets statements take much longer than a test, so that Postgres ends none by itself.
func slowStatements(e *server.Environment) {
	separator := "?"
	if strings.Contains(e.DatabaseURL, separator) {
		separator = "&"
	}
	e.DatabaseURL += separator + "statement_timeout=3600000"
}

// A caller leaves while a statement of theirs waits for a lock. Postgres ends the statement, and an
// order that is not recorded yet never is.
func TestStatementsOfCallersWhoHaveLeftAreCancelled(t *testing.T) {
	t.Parallel()
	s, inventory := start(t, slowStatements)
	for _, test := range []struct{ name, lock, operation, statement string }{
		{"a query", "orders", `{ orders(first: 5) { nodes { id } } }`, `%FROM orders%ORDER BY id DESC LIMIT%`},
		{"a new order", "order_keys", `mutation { placeOrder(input: {userId: \"1\", idempotencyKey: \"k\", lines: [{productId: \"2\", quantity: 1}]}) { __typename } }`, `%FROM order_keys WHERE caller =%`},
	} {
		t.Run(test.name, func(t *testing.T) {
			waiting := func() bool {
				var n int // without the statements of tasks in the background, which wait for the same lock
				err := s.DB.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'souk-service' AND query LIKE $1`, test.statement).Scan(&n)
				if err != nil {
					t.Fatal(err)
				}
				return n > 0
			}
			tx, err := s.DB.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			if _, err := tx.Exec(t.Context(), `LOCK TABLE `+pgx.Identifier{test.lock}.Sanitize()); err != nil {
				t.Fatal(err)
			}
			leave := send(t, s.URL, test.operation)
			poll(t, "the statement waits for the lock", waiting)
			leave()
			poll(t, "the statement is cancelled", func() bool { return !waiting() })
		})
	}
	var orders int
	if err := s.DB.QueryRow(t.Context(), `SELECT count(*) FROM orders`).Scan(&orders); err != nil || orders != 0 || inventory.Available("2") != 100 {
		t.Errorf("%d orders, %d units left, err %v", orders, inventory.Available("2"), err)
	}
}

// send sends an operation. leave disconnects before the response.
func send(t *testing.T, url, operation string) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", strings.NewReader(`{"query":"`+operation+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
			t.Errorf("the caller got a response with status %d", response.StatusCode)
		}
	}()
	return func() { cancel(); <-done }
}

func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting until %s", what)
		}
	}
}
