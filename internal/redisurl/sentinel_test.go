package redisurl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/redis/go-redis/v9"

	"souk/internal/redisurl"
)

const component = "../../manifests/components/redis-sentinel"

// The scripts and configurations of manifests/components/redis-sentinel start three servers
// and three Sentinels, at addresses in place of the names of pods. A client with the URL of the
// component's Secret goes on when the primary is killed, and the old primary comes back as a
// replica.
func TestSentinelsReplaceTheirPrimary(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	c := newCluster(t)
	for i := range 3 {
		c.start("redis-sentinel", i)
		c.start("redis-server", i)
	}
	options, err := redisurl.ParsePrimary(c.url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewUniversalClient(options)
	defer client.Close()
	set := func(value string) func(context.Context) error {
		return func(ctx context.Context) error { return client.Set(ctx, "key", value, 0).Err() }
	}
	c.await("a replica has the data, so that writes are accepted", set("first"))
	c.await("the Sentinels know each other and both replicas", func(ctx context.Context) error {
		for i := range 3 {
			if err := c.sentinelKnowsAll(ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
	ready := c.command("redis-server", 1, "ready.sh")
	c.await("a replica is ready", func(context.Context) error { return ready().Run() })
	c.cliUsesThePrimary()
	c.stop("redis-server", 0)
	c.await("another server is the primary", set("second"))
	c.start("redis-server", 0)
	c.await("the old primary is a replica with the data", func(ctx context.Context) error {
		old := redis.NewClient(&redis.Options{Addr: c.address("redis-server", 0) + ":6379", Password: c.password})
		defer old.Close()
		role, err := old.Info(ctx, "replication").Result()
		if err != nil || !strings.Contains(role, "role:slave") {
			return errors.Join(err, fmt.Errorf("it has the state %s", role))
		}
		value, err := old.Get(ctx, "key").Result()
		if err == nil && value != "second" {
			return fmt.Errorf("it has the value %s", value)
		}
		return err
	})
	anonymous := redis.NewClient(&redis.Options{Addr: c.address("redis-server", 0) + ":6379"})
	defer anonymous.Close()
	if err := anonymous.Ping(t.Context()).Err(); err == nil {
		t.Error("a client needs no password")
	}
}

// cliUsesThePrimary runs cli.sh in a replica. It reads and writes at the primary.
func (c *cluster) cliUsesThePrimary() {
	c.t.Helper()
	cli := c.command("redis-server", 1, "cli.sh")()
	cli.Args = append(cli.Args, "set", "by", "people")
	if out, err := cli.CombinedOutput(); err != nil || string(out) != "OK\n" {
		c.t.Errorf("cli.sh: %v\n%s", err, out)
	}
}

// The commands of docs/operations.md change the password while clients with the old and the
// new one go on. When all pods have restarted, the old one is refused.
func TestPasswordChangeKeepsClients(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	c := newCluster(t)
	for i := range 3 {
		c.start("redis-sentinel", i)
		c.start("redis-server", i)
	}
	old := c.client(c.url)
	c.await("writes are accepted", func(ctx context.Context) error { return old.Set(ctx, "key", "first", 0).Err() })
	for i := range 3 {
		c.awaitServer(i)
	}
	former := c.password
	c.runGuide("NEW=next")
	c.password = "next"
	next := c.client(strings.ReplaceAll(c.url, former, c.password))
	for _, client := range []redis.UniversalClient{old, next} {
		if err := client.Set(t.Context(), "key", "second", 0).Err(); err != nil {
			t.Fatalf("while both passwords are valid: %v", err)
		}
	}
	for _, set := range []string{"redis-sentinel", "redis-server"} {
		for i := range 3 {
			c.stop(set, i)
			c.start(set, i)
			if set == "redis-server" {
				c.awaitServer(i)
			}
			c.await("writes with the new password are accepted", func(ctx context.Context) error { return next.Set(ctx, "key", "third", 0).Err() })
		}
	}
	for i := range 3 {
		for set, port := range map[string]string{"redis-server": ":6379", "redis-sentinel": ":26379"} {
			client := redis.NewClient(&redis.Options{Addr: c.address(set, i) + port, Password: former})
			if err := client.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
				t.Errorf("%s-%d takes the old password: %v", set, i, err)
			}
			_ = client.Close()
		}
	}
}

// sentinelKnowsAll returns an error unless a Sentinel knows the others and both replicas.
func (c *cluster) sentinelKnowsAll(ctx context.Context, i int) error {
	sentinel := redis.NewSentinelClient(&redis.Options{Addr: c.address("redis-sentinel", i) + ":26379", Password: c.password})
	defer sentinel.Close()
	state, err := sentinel.Master(ctx, "souk").Result()
	if err == nil && (state["num-other-sentinels"] != "2" || state["num-slaves"] != "2") {
		return fmt.Errorf("Sentinel %d knows %s others and %s replicas", i, state["num-other-sentinels"], state["num-slaves"])
	}
	return err
}

func (c *cluster) client(url string) redis.UniversalClient {
	c.t.Helper()
	options, err := redisurl.ParsePrimary(url)
	if err != nil {
		c.t.Fatal(err)
	}
	client := redis.NewUniversalClient(options)
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// awaitServer waits until a server has the data, and the Sentinels know it.
func (c *cluster) awaitServer(i int) {
	c.t.Helper()
	ready := c.command("redis-server", i, "ready.sh")
	c.await("the server is ready", func(context.Context) error { return ready().Run() })
	c.await("the Sentinels know all", func(ctx context.Context) error {
		for i := range 3 {
			sentinel := redis.NewSentinelClient(&redis.Options{Addr: c.address("redis-sentinel", i) + ":26379", Password: c.password})
			state, err := sentinel.Master(ctx, "souk").Result()
			_ = sentinel.Close()
			if err != nil {
				return err
			}
			if state["num-other-sentinels"] != "2" || state["num-slaves"] != "2" || state["flags"] != "master" {
				return fmt.Errorf("Sentinel %d knows %s Sentinels and %s replicas of a server that is %s", i, state["num-other-sentinels"], state["num-slaves"], state["flags"])
			}
		}
		return nil
	})
}

// runGuide runs the commands of docs/operations.md that change the password in running pods,
// up to the change of the Secret.
func (c *cluster) runGuide(variable string) {
	c.t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		c.t.Fatal(err)
	}
	_, commands, found := strings.Cut(string(text), "acl setuser")
	start := strings.LastIndex(string(text[:len(text)-len(commands)]), "for i in 0 1 2; do\n")
	block, _, ends := strings.Cut(string(text[start:]), "kubectl -n ecommerce patch secret redis ")
	if !found || !ends || strings.Contains(block, "```") {
		c.t.Fatalf("the guide has no commands:\n%s", block)
	}
	// -n ecommerce exec POD -c CONTAINER -- redis-cli ...
	stub := "set -eu\n" + variable + `
kubectl() {
	case $4 in
	redis-server-*) host=127.0.` + fmt.Sprint(c.network) + `.$((${4##*-} + 1)) ;;
	redis-sentinel-*) host=127.0.` + fmt.Sprint(c.network) + `.$((${4##*-} + 11)) ;;
	esac
	shift 8
	[ "$(redis-cli -h "$host" "$@")" = OK ]
}
`
	command := exec.CommandContext(c.t.Context(), "sh", "-c", stub+block)
	command.Env = append(os.Environ(), "REDISCLI_AUTH="+c.password)
	if out, err := command.CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
}

// A cluster runs the pods of the component as processes.
type cluster struct {
	t             *testing.T
	dir, password string
	url           string
	files         map[string]map[string]string // by ConfigMap
	network       int
	running       map[string]*exec.Cmd
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), files: map[string]map[string]string{}, running: map[string]*exec.Cmd{}, network: freeNetwork(t)}
	for _, file := range []string{"redis.yaml", "sentinel.yaml", "secrets.yaml"} {
		text, err := os.ReadFile(filepath.Join(component, file))
		if err != nil {
			t.Fatal(err)
		}
		for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var object struct {
				Kind       string
				Metadata   struct{ Name string }
				Data       map[string]string
				StringData map[string]string `yaml:"stringData"`
			}
			if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			switch object.Kind {
			case "ConfigMap":
				c.files[object.Metadata.Name] = object.Data
			case "Secret":
				c.password, c.url = object.StringData["REDIS_PASSWORD"], c.local(object.StringData["REDIS_URL"])
			}
		}
	}
	t.Cleanup(func() {
		for _, command := range c.running {
			_ = command.Process.Kill()
			_ = command.Wait() // it is killed
		}
	})
	return c
}

// freeNetwork returns n if nothing listens in 127.0.n.0/24.
func freeNetwork(t *testing.T) int {
	t.Helper()
	for n := 40 + os.Getpid()%200; ; n++ {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.%d.1:6379", n%250))
		if err == nil {
			_ = l.Close()
			return n % 250
		}
	}
}

func (c *cluster) address(set string, i int) string {
	if set == "redis-sentinel" {
		i += 10
	}
	return fmt.Sprintf("127.0.%d.%d", c.network, i+1)
}

// local replaces the names of pods by addresses.
func (c *cluster) local(text string) string {
	for _, set := range []string{"redis-server", "redis-sentinel"} {
		for i := range 3 {
			text = strings.ReplaceAll(text, fmt.Sprintf("%s-%d.%[1]s", set, i), c.address(set, i))
		}
	}
	return text
}

// command returns a function that makes a command which runs a script of a pod.
func (c *cluster) command(set string, i int, script string) func() *exec.Cmd {
	c.t.Helper()
	address := c.address(set, i)
	home := filepath.Join(c.dir, address)
	replace := strings.NewReplacer(
		"/etc/redis", filepath.Join(home, "etc"), "/run/redis", filepath.Join(home, "run"), "/data", filepath.Join(home, "data"),
		"$HOSTNAME."+set, address, "bind 0.0.0.0", "bind "+address,
		// A server on this machine has the client's address, and the shell's variable is not one of its loop.
		"redis-sentinel-$sentinel.redis-sentinel", fmt.Sprintf("127.0.%d.$((sentinel + 11))", c.network),
		"redis-cli -e", "redis-cli -h "+address+" -e", "redis-cli info", "redis-cli -h "+address+" info",
		"down-after-milliseconds souk 5000", "down-after-milliseconds souk 1000",
	)
	for _, part := range []string{"etc", "run", "data"} {
		if err := os.MkdirAll(filepath.Join(home, part), 0o700); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, text := range c.files[set] {
		file := filepath.Join(home, "etc", name)
		if _, err := os.Stat(file); err == nil {
			continue // a running script may read it at this moment
		}
		if err := os.WriteFile(file, []byte(replace.Replace(c.local(text))), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return func() *exec.Cmd {
		command := exec.CommandContext(context.Background(), "sh", filepath.Join(home, "etc", script))
		command.Env = append(os.Environ(), "REDISCLI_AUTH="+c.password)
		return command
	}
}

func (c *cluster) start(set string, i int) {
	c.t.Helper()
	command := c.command(set, i, "start.sh")()
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.running[c.address(set, i)] = command
}

func (c *cluster) stop(set string, i int) {
	c.t.Helper()
	command := c.running[c.address(set, i)]
	if err := command.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	_ = command.Wait() // it is killed
	delete(c.running, c.address(set, i))
	// In a cluster these files are read-only. Here Sentinels have them rewritten in a failover,
	// with the passwords of that time.
	if err := os.RemoveAll(filepath.Join(c.dir, c.address(set, i), "etc")); err != nil {
		c.t.Fatal(err)
	}
}

// await waits for a condition.
func (c *cluster) await(what string, condition func(context.Context) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("waiting until %s: %v", what, err)
		case <-tick.C:
		}
	}
}
