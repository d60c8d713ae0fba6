package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// A redisServer is a real one with the configuration of 02-redis.yaml, in a directory of
// its own.
type redisServer struct {
	binary, client, dir, conf, port string
	probe                           []string // of readiness
}

func newRedis(t *testing.T, documents Documents) *redisServer {
	t.Helper()
	s := &redisServer{dir: t.TempDir()}
	var err error
	if s.binary, err = exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server not found; on Debian it is the package redis-server")
	}
	if s.client, err = exec.LookPath("redis-cli"); err != nil {
		t.Skip("redis-cli not found; on Debian it is the package redis-tools")
	}
	var set appsv1.StatefulSet
	if err := documents.find("StatefulSet", "redis", &set); err != nil {
		t.Fatal(err)
	}
	s.probe = set.Spec.Template.Spec.Containers[0].ReadinessProbe.Exec.Command
	s.conf = filepath.Join(s.dir, "redis.conf")
	text := strings.Join(documents.values("ConfigMap", "ecommerce", "redis", "redis.conf"), "")
	text = strings.Replace(text, "dir /data", "dir "+s.dir, 1)
	if err := os.WriteFile(s.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, s.port, _ = strings.Cut(freeAddress(t), ":")
	return s
}

// arguments start it with the configuration, except for its address.
func (s *redisServer) arguments(more ...string) []string {
	return append([]string{s.conf, "--bind", "127.0.0.1", "--port", s.port}, more...)
}

// cli runs the client, and returns what it prints.
func (s *redisServer) cli(t *testing.T, arguments ...string) (string, error) {
	out, err := exec.CommandContext(t.Context(), s.client, append([]string{"-p", s.port}, arguments...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// ready runs the readiness probe.
func (s *redisServer) ready(t *testing.T) bool {
	_, err := s.cli(t, s.probe[1:]...)
	return err == nil
}

func (s *redisServer) await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	await(t, condition, func() string {
		log, _ := os.ReadFile(filepath.Join(s.dir, "redis.log"))
		return what + ": " + string(log[max(0, len(log)-2000):])
	})
}

// Redis takes its configuration, and rejects one with a mistake.
func TestRedisTakesItsConfiguration(t *testing.T) {
	s := newRedis(t, read(t))
	start(t, s.dir, "redis", s.binary, s.arguments()...)
	s.await(t, "Redis is not ready", func() bool { return s.ready(t) })
	for name, want := range map[string]string{"maxmemory": "805306368", "maxmemory-policy": "volatile-ttl", "appendonly": "yes", "appendfsync": "everysec"} {
		if out, err := s.cli(t, "config", "get", name); err != nil || out != name+"\n"+want {
			t.Errorf("%s is %q, want %s; error %v", name, out, want, err)
		}
	}
	wrong := newRedis(t, fault{file: "02", old: "volatile-ttl", new: "volatile-tll"}.read(t))
	if out, err := exec.CommandContext(t.Context(), wrong.binary, wrong.arguments()...).CombinedOutput(); err == nil || !strings.Contains(string(out), "maxmemory-policy") {
		t.Errorf("Redis takes a wrong configuration: %v\n%s", err, out)
	}
}

// While Redis loads its file it is alive, but the probe does not call it ready.
func TestRedisIsNotReadyWhileLoading(t *testing.T) {
	s := newRedis(t, read(t))
	start(t, s.dir, "redis", s.binary, s.arguments()...)
	s.await(t, "Redis is not ready", func() bool { return s.ready(t) })
	const fill = "for i = 1, 2000 do redis.call('set', 'key:' .. i, string.rep('x', 1000)) end"
	if out, err := s.cli(t, "-e", "eval", fill, "0"); err != nil {
		t.Fatal(out, err)
	}
	if out, err := s.cli(t, "-e", "bgrewriteaof"); err != nil {
		t.Fatal(out, err)
	}
	s.await(t, "Redis does not rewrite its file", func() bool {
		out, err := s.cli(t, "info", "persistence")
		return err == nil && strings.Contains(out, "aof_rewrite_in_progress:0") && strings.Contains(out, "aof_rewrite_scheduled:0")
	})
	_, _ = s.cli(t, "shutdown") // the connection ends
	s.await(t, "Redis does not end", func() bool { _, err := s.cli(t, "ping"); return err != nil })

	start(t, s.dir, "redis", s.binary, s.arguments("--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")...)
	var alive string
	s.await(t, "Redis does not load its file", func() bool {
		var err error
		alive, err = s.cli(t, "ping")
		return err == nil
	})
	if !strings.HasPrefix(alive, "LOADING") {
		t.Fatalf("Redis does not load: %q", alive)
	}
	if s.ready(t) {
		t.Error("Redis is ready while it loads its file")
	}
	s.await(t, "Redis does not end loading", func() bool { return s.ready(t) })
	if out, err := s.cli(t, "dbsize"); err != nil || out != "2000" {
		t.Errorf("Redis has %q keys, error %v", out, err)
	}
}

func TestRedisHasMemoryAndProbes(t *testing.T) {
	if err := read(t).checkRedis(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"memory":    {file: "02", old: "memory: 2Gi", new: "memory: 1Gi", said: "1Gi of memory are too few"},
		"maxmemory": {file: "02", old: "maxmemory 768mb", new: "maxmemory 1024mb", said: "too few to rewrite the file of 1Gi"},
		"readiness": {file: "02", old: "[redis-cli, -e, ping]", new: "[redis-cli, ping]", said: "counts as ready while it loads"},
		"directory": {file: "02", old: "dir /data", new: "dir /tmp", said: `its data in "/tmp" are not in its volume`},
		"file":      {file: "02", old: "appendonly yes", new: "appendonly no", said: "events do not survive"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkRedis())
	}
}
