package dev_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"souk/dev"
)

// A request that waits too long for a lock in Postgres gets the error of its service,
// not a timeout of those who wait for that.
func TestLockedTableIsUnavailable(t *testing.T) {
	t.Parallel()
	s := open(t, dev.Options{})
	tx, err := s.database(t, "product").Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE products`); err != nil {
		t.Fatal(err)
	}
	problem, headers := s.expect(t, http.StatusServiceUnavailable, "GET", "/api/products", "")
	if detail, _ := problem["detail"].(string); headers.Get("Content-Type") != "application/problem+json" || headers.Get("Retry-After") == "" ||
		!strings.Contains(detail, "The database of the service took too long.") {
		t.Errorf("while the table is locked, the response is %v %v", headers, problem)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.expect(t, http.StatusOK, "GET", "/api/products", "")
}
