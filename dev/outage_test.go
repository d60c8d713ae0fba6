package dev_test

import (
	"slices"
	"testing"
	"time"

	"souk/dev"
)

// The Redis and Postgres that a system runs itself can fail and restart. An order
// placed during or after the outage reaches its customer.
func TestPostgresAndRedisCanRestart(t *testing.T) {
	t.Parallel()
	// A directory is set because a temporary Postgres does not sync to disk, and a crash
	// loses its last commits.
	store := open(t, dev.Options{Dir: t.TempDir()})
	product := store.newProduct(t, "An unsinkable product", 10)
	user := store.newUser(t, "survivor")

	if err := store.StopRedis(); err != nil {
		t.Fatal(err)
	}
	store.order(t, user, product)
	if err := store.StartRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "an e-mail about the order without Redis", func() bool { return store.sent(t, user) == 1 })

	if err := store.StopPostgres(); err != nil {
		t.Fatal(err)
	}
	if err := store.StartPostgres(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := store.buyUntilAnswered(t, user, product); got != "OrderPayload" {
		t.Errorf("order after an outage of Postgres: got %s", got)
	}
	eventually(t, 2*time.Minute, "an e-mail about the order after it", func() bool { return store.sent(t, user) == 2 })
	store.replayFindsNoDifference(t)
}

// sent returns how many notifications of a user about orders have the status
// SENT. Those about the account are not counted.
func (s *store) sent(t *testing.T, user string) int {
	t.Helper()
	const query = `query($user: ID!) { notifications(userId: $user, status: SENT, first: 10) { nodes { order { id } } } }`
	nodes := s.graphql(t, query, map[string]any{"user": user})["notifications"].(map[string]any)["nodes"].([]any)
	return len(slices.DeleteFunc(nodes, func(n any) bool { return n.(map[string]any)["order"] == nil }))
}
