package hostile_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk/cli"
)

// runMain, in the environment, makes the test's program the souk command.
const runMain = "SOUK_HOSTILE_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		os.Exit(cli.Main("test"))
	}
	os.Exit(m.Run())
}

// full says that the attacks run as long as in `make hostile`.
var full = os.Getenv("SOUK_HOSTILE") == "full"

const (
	softLimit   = "GOMEMLIMIT=358MiB" // 70 % of 512 MiB
	maxResident = 400 << 20
	patience    = 2 * time.Minute // bounds waits; reached only when something hangs
)

const sdl = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query subscription: Subscription }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }
type User @join__type(graph: A) { name: String friend: User a: String b: String c: String d: String e: String f: String g: String }
type Query @join__type(graph: A) { hello: String  user(id: ID): User  byIds(ids: [ID!]!): [User]  long: [String] }
type Subscription @join__type(graph: A) { ticks: String }
`

// A router is a souk router process under attack.
type router struct {
	*exec.Cmd
	t              *testing.T
	address, admin string
	log            output
	ended          atomic.Bool
	peak           atomic.Int64 // resident bytes
}

// An output keeps the end of what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() > 1<<20 {
		o.buf.Reset()
	}
	return o.buf.Write(p)
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf.Bytes()[max(0, o.buf.Len()-4000):])
}

// start runs a router over a subgraph that answers anything at once.
func start(t *testing.T, config string) *router {
	t.Helper()
	long := `{"data":{"long":["` + strings.Repeat(strings.Repeat("x", 100)+`","`, 45_000) + `"]}}`
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		w.Header().Set("Content-Type", "application/json")
		answer := `{"data":{"hello":"hi"}}`
		if strings.Contains(body.String(), "long") {
			answer = long
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(subgraph.Close)
	dir := t.TempDir()
	r := &router{t: t, address: freeAddress(t), admin: freeAddress(t)}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	graph := write("supergraph.graphql", sdl)
	file := write("router.yaml", fmt.Sprintf("listen: %q\nadmin: {listen: %q}\noverride_subgraph_urls: {a: %q}\n%s", r.address, r.admin, subgraph.URL, config))
	r.Cmd = exec.CommandContext(t.Context(), os.Args[0], "router", "--supergraph", graph, "--config", file)
	r.Env = append(os.Environ(), runMain+"=1", softLimit)
	r.Stdout, r.Stderr = &r.log, &r.log
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Wait(); r.ended.Store(true) }()
	t.Cleanup(func() {
		_ = r.Process.Signal(syscall.SIGKILL)
		<-done
	})
	r.await(func() bool {
		response, err := http.Get("http://" + r.address + "/readyz") //nolint:noctx // the test's context ends the process
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *router) await(state func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !state(); time.Sleep(20 * time.Millisecond) {
		if r.ended.Load() || time.Now().After(end) {
			r.t.Fatalf("the router ended or hangs:\n%s", r.log.tail())
		}
	}
}

// resident reads the process's resident memory, in bytes.
func (r *router) resident() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// watch notes the highest resident memory until ctx ends.
func (r *router) watch(ctx context.Context) {
	for ctx.Err() == nil {
		r.peak.Store(max(r.peak.Load(), r.resident()))
		time.Sleep(10 * time.Millisecond) // the pace of samples
	}
}
