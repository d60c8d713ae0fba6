package rest_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback/loopbacktest"
	"souk/router/rest"
)

// The scripts behave in Redis as in miniredis.
func TestRecordScriptsWorkInARedisServer(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed; the other tests use miniredis")
	}
	address := loopbacktest.Address(t)
	_, port, _ := strings.Cut(address, ":")
	server := exec.CommandContext(t.Context(), "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	client := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = client.Close() })
	for end := time.Now().Add(time.Minute); client.Ping(t.Context()).Err() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("redis-server does not respond")
		}
	}
	h, g := newHandler(t, func(o *rest.Options) {
		o.Documents = withoutKeys(t)
		o.Redis, o.Records.MaxBytes, o.Records.MaxResponseBytes = client, 10_000, 1000
	})
	create := func(key, name string) exchange {
		return exchange{request: "POST /api/products", header: keyed(key), body: `{"name":"` + name + `","price":1}`, status: 201}
	}
	for n := range 20 {
		create(strconv.Itoa(n), "a").run(t, h, g)
	}
	last := create("19", "a")
	last.wantHeader = map[string]string{"Idempotency-Replayed": "true"}
	last.run(t, h, g)
	other := create("19", "b")
	other.status = 422
	other.run(t, h, g)
	large := create("large", strings.Repeat("😀", 200))
	large.run(t, h, g)
	large.status = 409
	large.run(t, h, g)
	refused := exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":51,"quantity":1}`, status: 503}
	refused.run(t, h, g)
	refused.run(t, h, g)
	if n := len(g.executed); n != 23 {
		t.Errorf("executed %d times, want 23", n)
	}
	keys, err := client.DBSize(t.Context()).Result()
	if err != nil || keys < 5 || keys > 18 {
		t.Errorf("Redis has %d keys, err %v", keys, err)
	}
}
