// Package redistest runs a real redis-server for a test, where miniredis would not show how
// Redis behaves.
package redistest

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback/loopbacktest"
)

// startTimeout bounds how long a server may take to start.
const startTimeout = 30 * time.Second

// Start runs an empty redis-server until the test ends and returns its address. It skips the
// test if redis-server is not installed.
func Start(t testing.TB) (address string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	address = loopbacktest.Address(t)
	port := address[len("127.0.0.1:"):]
	server := exec.CommandContext(context.WithoutCancel(t.Context()), path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for client.Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("redis-server does not respond")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return address
}
