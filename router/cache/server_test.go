package cache

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback/loopbacktest"
)

// A server is a redis-server that keeps its data when it is killed.
type server struct {
	t    *testing.T
	dir  string
	port string
	cmd  *exec.Cmd
}

func newServer(t *testing.T) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	_, port, _ := strings.Cut(loopbacktest.Address(t), ":")
	s := &server{t: t, dir: t.TempDir(), port: port}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: s.address()})
	defer client.Close()
	eventually(s.t, "the server responds", func() bool { return client.Ping(context.Background()).Err() == nil })
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) address() string { return "127.0.0.1:" + s.port }

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out after 20 s: %s", what)
		}
	}
}

// TestRoutersFollowRealRedis runs two routers with a redis-server that is killed and
// restarted.
func TestRoutersFollowRealRedis(t *testing.T) {
	s := newServer(t)
	f := newFixture(t)
	start := func() *router {
		o := f.options()
		o.Redis = &redis.UniversalOptions{Addrs: []string{s.address()}}
		o.Now = time.Now
		o.LocalBytes = -1
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		v, err := c.View(f.model)
		if err != nil {
			t.Fatal(err)
		}
		r := &router{fixture: f, cache: c, view: v}
		eventually(t, "Redis is in use", r.usable)
		return r
	}
	a, b := start(), start()
	ids := product(1, 2, 3)
	ask := func(r *router, answer string) func() bool {
		return func() bool {
			return r.run(request{selection: productName, reps: ids}, always("null")) == answer+"* "+answer+"* "+answer+"*"
		}
	}
	fill := func(r *router, answer string) {
		eventually(t, answer+" is cached", func() bool {
			r.run(request{selection: productName, reps: ids}, always(answer))
			return ask(r, answer)()
		})
	}
	fill(a, "1")
	if !ask(b, "1")() {
		t.Error("the other router does not find the value")
	}

	client := redis.NewClient(&redis.Options{Addr: s.address()})
	defer client.Close()
	if err := client.XAdd(context.Background(), &redis.XAddArgs{Stream: "events", Values: []any{
		"event", `{"specversion":"1.0","type":"product.updated","subject":"","id":"1","source":"/"}`,
	}}).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is received", func() bool {
		return b.run(request{selection: productName, reps: ids}, always("null")) == "null null null"
	})
	fill(b, "2")

	s.kill()
	eventually(t, "both detect the outage", func() bool { return !a.usable() && !b.usable() })
	if got := a.run(request{selection: productName, reps: ids}, always("3")); got != "3 3 3" {
		t.Errorf("without Redis: got %s", got)
	}
	s.start()
	eventually(t, "both use Redis again", func() bool { return a.usable() && b.usable() })
	for _, r := range []*router{a, b} {
		if got := r.run(request{selection: productName, reps: ids}, always("null")); got != "null null null" {
			t.Errorf("got values from before the outage: %s", got)
		}
	}
	fill(a, "4")
}

func (r *router) usable() bool {
	_, ok := r.cache.follower.current()
	return ok
}
