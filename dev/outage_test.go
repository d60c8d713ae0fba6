package dev_test

import (
	"testing"
	"time"

	"souk/dev"
)

// The Redis and the Postgres that a system runs itself can be taken away and
// brought back, and an order placed meanwhile or after it reaches its customer.
func TestPostgresAndRedisCanRestart(t *testing.T) {
	// A directory of one's own: a temporary Postgres does not wait for the disk,
	// and a crash loses what it has committed last.
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
		t.Errorf("after an outage of Postgres an order is answered by %s", got)
	}
	eventually(t, 2*time.Minute, "an e-mail about the order after it", func() bool { return store.sent(t, user) == 2 })
	store.replayFindsNoDifference(t)
}

// sent is how many notifications of a user are sent, and noted as such.
func (s *store) sent(t *testing.T, user string) int {
	t.Helper()
	const query = `query($user: ID!) { notifications(userId: $user, status: SENT, first: 10) { nodes { id } } }`
	return len(s.graphql(t, query, map[string]any{"user": user})["notifications"].(map[string]any)["nodes"].([]any))
}
