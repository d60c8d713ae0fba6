// Package deadlettertest makes a dead letter for tests: the event of an order whose user does not
// exist yet.
package deadlettertest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"souk/dev"
)

// Order publishes the event of an order of user 99999, which cannot be handled.
func Order(t *testing.T, store *dev.System) {
	t.Helper()
	execute(t, store, "order", `
		insert into event_outbox (id, type, subject, time, traceparent, tracestate, data)
		values ($1, 'order.created', '4711', now(), '', '', '{"orderId":"4711","userId":"99999","currency":"USD","total":100,
			"lines":[{"name":"Lamp","quantity":1,"unitPrice":100}],"placedAt":"2026-11-28T12:00:00Z"}')`, uuid.New())
}

// Email is the address of the user.
const Email = "late@souk.example"

// Register creates the user, so that the event can be handled.
func Register(t *testing.T, store *dev.System) {
	t.Helper()
	execute(t, store, "user", `
		insert into users (id, username, username_key, email, email_key, display_name, created_at, updated_at) overriding system value
		values (99999, 'late', 'late', $1, $1, 'Late', now(), now())`, Email)
}

// execute runs a statement in the database of a service.
func execute(t *testing.T, store *dev.System, service, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), store.Variables(service)["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}
