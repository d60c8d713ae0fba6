package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/cli"
	"souk/internal/loopback/loopbacktest"
	"souk/internal/outputtest"
	"souk/internal/pgserver/pgtest"
	"souk/router"
	"souk/subgraphs"
)

// runMain is an environment variable that makes the test binary the souk command.
const runMain = "SOUK_CLI_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		os.Exit(cli.Main(cli.WithVersion("test"), cli.WithExtensions(extend)))
	}
	pgtest.Main(m)
}

// extension is an environment variable that selects the extension of the router.
const extension = "SOUK_CLI_TEST_EXTENSION"

func extend(x *router.Extensions) error {
	switch os.Getenv(extension) {
	case "fail":
		return errors.New("no database for the extension")
	case "handler":
		x.Handlers = map[string]http.Handler{"GET /extension": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	}
	return nil
}

func TestRouterRunsExtensions(t *testing.T) {
	address := loopbacktest.Address(t)
	file := routerFiles(t, address, "", "supergraph: {file: GRAPH}\n")
	p := souk(t, []string{extension + "=handler"}, "router", "--config", file)
	await(t, p, "the extension answers", func() bool { return status(t, "http://"+address+"/extension") == http.StatusTeapot })
	p.interrupt(t)
	p.wait(t)
	souk(t, []string{extension + "=fail"}, "router", "--config", file).fails(t, "starting the router's extensions: no database for the extension")
}

// patience bounds each wait for a process. Only a process that hangs reaches it.
const patience = 90 * time.Second

// A process is a running souk command.
type process struct {
	*exec.Cmd
	stdout, stderr outputtest.Buffer
	ended          chan error
}

// souk starts the command with arguments and environment variables.
func souk(t *testing.T, environment []string, args ...string) *process {
	t.Helper()
	return soukIn(t, "", environment, args...)
}

// soukIn starts souk in a directory.
func soukIn(t *testing.T, dir string, environment []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], args...), ended: make(chan error, 1)}
	p.Dir, p.Env = dir, append(append(os.Environ(), runMain+"=1"), environment...)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	return p
}

// wait waits until the process has exited and returns its exit status, which is -1
// if a signal ended it.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.Process.Signal(syscall.SIGQUIT) // prints what its goroutines wait for
		select {
		case <-p.ended:
		case <-time.After(patience):
			_ = p.Process.Kill()
		}
		t.Fatalf("the process does not exit; output:\n%s%s", &p.stdout, &p.stderr)
	}
	return p.ProcessState.ExitCode()
}

// says returns the lines on standard error that are not log records.
func (p *process) says() []string {
	var lines []string
	for line := range strings.Lines(p.stderr.String()) {
		if !strings.HasPrefix(line, "{") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// fails waits until the process has failed and checks that it printed one line, besides how the
// command is written.
func (p *process) fails(t *testing.T, want string) {
	t.Helper()
	p.failsWith(t, 1, want)
}

// refuses is like fails for a command that has no result.
func (p *process) refuses(t *testing.T, want string) {
	t.Helper()
	p.failsWith(t, 2, want)
}

func (p *process) failsWith(t *testing.T, wantStatus int, want string) {
	t.Helper()
	if status := p.wait(t); status != wantStatus {
		t.Errorf("got exit status %d, want %d", status, wantStatus)
	}
	usage := func(line string) bool { return strings.HasPrefix(line, "souk: usage: ") }
	if lines := slices.DeleteFunc(p.says(), usage); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("got messages\n%s\nwant one line with %q", strings.Join(lines, "\n"), want)
	}
}

func (p *process) interrupt(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, p *process, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s; output:\n%s%s", what, &p.stdout, &p.stderr)
		}
	}
}

// taken returns an address on which a listener is open.
func taken(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// routerFiles writes a supergraph and a configuration and returns the latter's path.
func routerFiles(t *testing.T, listen, admin, more string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	graph := write("supergraph.graphql", supergraph)
	return write("router.yaml", fmt.Sprintf("listen: %q\nadmin: {listen: %q}\n%s", listen, admin, strings.ReplaceAll(more, "GRAPH", strconv.Quote(graph))))
}

func TestRouterExitsWhenAPortIsInUse(t *testing.T) {
	for _, hotReload := range []bool{true, false} {
		graph := fmt.Sprintf("supergraph: {file: GRAPH, hot_reload: %t}\n", hotReload)
		t.Run(fmt.Sprintf("public, hot_reload %t", hotReload), func(t *testing.T) {
			address := taken(t)
			souk(t, nil, "router", "--config", routerFiles(t, address, "", graph)).fails(t, "cannot listen on "+address+": bind: address already in use; choose another")
		})
		t.Run(fmt.Sprintf("admin, hot_reload %t", hotReload), func(t *testing.T) {
			address := taken(t)
			souk(t, nil, "router", "--config", routerFiles(t, loopbacktest.Address(t), address, graph)).fails(t, "cannot listen on "+address+": bind: address already in use; choose another")
		})
	}
}

func TestServicesExitWhenTheirPortIsInUse(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range subgraphs.Names() {
		t.Run(name, func(t *testing.T) {
			environment := []string{"PORT=" + port, "DATABASE_URL=" + pgtest.Database(t), "REDIS_URL=redis://127.0.0.1:1", "SERVICE_TOKEN=shared", "MAIL_FROM=shop@souk.example"}
			souk(t, environment, name).fails(t, "cannot listen on :"+port+": bind: address already in use; set PORT to a free port")
		})
	}
}

func TestCommandsFailInOneLine(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	file := routerFiles(t, "127.0.0.1:0", "", "supergraph: {file: GRAPH}\n")
	for _, c := range []struct {
		name, want  string
		environment []string
		args        []string
		status      int // 0 for 1
	}{
		{name: "router without a supergraph", args: []string{"router", "--supergraph", missing}, want: missing},
		{name: "router without its configuration", args: []string{"router", "--config", missing}, want: missing},
		{name: "service without a database", args: []string{"user"}, environment: []string{"DATABASE_URL="}, want: "DATABASE_URL is not set"},
		{name: "service without the token of the services", args: []string{"inventory"}, environment: []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/inventory", "SERVICE_TOKEN="}, want: "SERVICE_TOKEN is not set"},
		{status: 2, name: "compose without its file", args: []string{"compose", "--config", missing}, want: missing},
		{status: 2, name: "plan without a supergraph", args: []string{"plan", "--supergraph", missing, "-"}, want: missing},
		{name: "payment provider without a database", args: []string{"payment"}, environment: []string{"DATABASE_URL="}, want: "DATABASE_URL is not set"},
		{name: "payment provider without Postgres", args: []string{"payment"}, environment: []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/payment"}, want: "127.0.0.1"},
		{name: "payment provider with an invalid port", args: []string{"payment"}, environment: []string{"PORT=99999"}, want: `PORT is "99999"`},
		{status: 2, name: "replay without a database", args: []string{"order", "replay"}, environment: []string{"DATABASE_URL="}, want: "DATABASE_URL is not set"},
		{status: 2, name: "replay without Postgres", args: []string{"order", "replay"}, environment: []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/order"}, want: "127.0.0.1"},
		{status: 2, name: "dev with an invalid address", args: []string{"dev", "--dir", t.TempDir(), "--listen", "nonsense"}, want: "nonsense"},
		{status: 2, name: "dev with an invalid port", args: []string{"dev", "--dir", t.TempDir(), "--listen", "127.0.0.1:80000"}, want: `--listen is "127.0.0.1:80000"; the port must be a number from 0 to 65535`},
		{name: "dev without enough ports", args: []string{"dev", "--dir", t.TempDir(), "--listen", ":65535"}, want: `--listen is ":65535"; the port must be at most 655`},
		{status: 2, name: "router with an invalid port", args: []string{"router", "--config", file, "--listen", "127.0.0.1:80000"}, want: `souk: --listen is "127.0.0.1:80000"; the port must be a number from 0 to 65535`},
		{name: "router with an invalid PORT", args: []string{"router", "--config", file}, environment: []string{"ROUTER_LISTEN=:80000"},
			want: `souk: the environment variable ROUTER_LISTEN is ":80000"; the port must be a number from 0 to 65535`},
		{name: "router with an invalid admin port", args: []string{"router", "--config", file}, environment: []string{"ROUTER_ADMIN_LISTEN=:80000"},
			want: `souk: the environment variable ROUTER_ADMIN_LISTEN is ":80000"; the port must be a number from 0 to 65535`},
		{name: "router with an invalid Redis port", args: []string{"router", "--config", file}, environment: []string{"REDIS_URL=redis://:hidden@a:80000"},
			want: `souk: the environment variable REDIS_URL: "a:80000" is not an address: the port must be a number from 0 to 65535`},
		{name: "router with an invalid log level", args: []string{"router", "--config", file}, environment: []string{"LOG_LEVEL=loud"},
			want: `souk: the environment variable LOG_LEVEL is "loud"; it must be one of debug, info, warn, error`},
		{name: "router with an invalid port in its file", args: []string{"router", "--config", routerFiles(t, "127.0.0.1:80000", "", "supergraph: {file: GRAPH}\n")},
			want: `router.yaml:1:9: listen is "127.0.0.1:80000"; the port must be a number from 0 to 65535`},
		{status: 2, name: "dev with an invalid mode", args: []string{"dev", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--auth", "strict"}, want: `--auth is "strict"; it must be one of tutorial, enforced`},
		{status: 2, name: "dev with an invalid log level", args: []string{"dev", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--log-level", "loud"}, want: `--log-level is "loud"; it must be one of debug, info, warn, error`},
		{name: "dev on a port in use", args: []string{"dev", "--dir", t.TempDir(), "--listen", taken(t)}, want: "is in use"},
		{name: "dev without a directory that it can write to", args: []string{"dev", "--dir", filepath.Join(file, "data")}, want: "name a directory that you can write to with --dir"},
		{status: 2, name: "an unknown command", args: []string{"rooter"}, want: "rooter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := souk(t, c.environment, c.args...)
			p.failsWith(t, max(c.status, 1), c.want)
			if strings.Contains(p.stderr.String(), "hidden") {
				t.Errorf("the message contains a password: %s", &p.stderr)
			}
		})
	}
}

// TestReplayTellsWhatItDid: how many orders it corrected, and by its exit status
// whether the orders agree with their events now.
func TestReplayTellsWhatItDid(t *testing.T) {
	stores := map[string]*pgxpool.Pool{}
	url := pgtest.Database(t)
	for _, name := range append(subgraphs.Names(), subgraphs.PaymentDatabase) {
		location := url
		if name != "order" {
			location = pgtest.Database(t)
		}
		db, err := pgxpool.New(t.Context(), location)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		stores[name] = db
	}
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	if err := subgraphs.Sample(t.Context(), stores, subgraphs.SampleOptions{Products: 5, Users: 3, Orders: 5, Seed: 7, Now: now, NotifiedSince: now}); err != nil {
		t.Fatal(err)
	}
	run := func(status int, out, message string, args ...string) {
		t.Helper()
		p := souk(t, []string{"DATABASE_URL=" + url}, append([]string{"order", "replay"}, args...)...)
		if got := p.wait(t); got != status {
			t.Errorf("replay %v: exit status %d, want %d", args, got, status)
		}
		if lines := strings.Join(p.says(), "\n"); !strings.Contains(lines, message) || status == 0 && lines != "" {
			t.Errorf("replay %v: got %q, want %q", args, lines, message)
		}
		if !strings.HasSuffix(p.stdout.String(), out) {
			t.Errorf("replay %v: got the report\n%s\nwant its end to be\n%s", args, &p.stdout, out)
		}
	}
	damage := func(statement string) {
		t.Helper()
		if _, err := stores["order"].Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run(0, ": 0 differences\n", "")
	damage(`UPDATE orders SET version = version + 100 WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 2)`)
	run(1, ": 2 differences\n", "found 2 differences")
	run(0, ": 2 differences\n2 orders corrected\n", "", "--write")
	run(0, ": 0 differences\n", "")
	damage(`INSERT INTO order_events SELECT order_id, max(version) + 2, 'OrderConfirmed', '{}', now(), 'system' FROM order_events GROUP BY order_id ORDER BY order_id LIMIT 1`)
	run(1, "0 orders corrected\n", "their events are invalid: 1;", "--write")
}

func TestInterruptExitsWithStatusZero(t *testing.T) {
	t.Run("router", func(t *testing.T) {
		address := loopbacktest.Address(t)
		p := souk(t, nil, "router", "--config", routerFiles(t, address, "", "supergraph: {file: GRAPH}\n"))
		await(t, p, "the router is ready", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
		p.interrupt(t)
		if status := p.wait(t); status != 0 || len(p.says()) > 0 {
			t.Errorf("got exit status %d, messages %q", status, p.says())
		}
	})
	t.Run("service that waits for its database", func(t *testing.T) {
		p := souk(t, []string{"DATABASE_URL=postgres://u:p@127.0.0.1:1/user", "SERVICE_TOKEN=shared"}, "user")
		await(t, p, "the service waits for Postgres", func() bool { return strings.Contains(p.stderr.String(), "waiting for Postgres") })
		p.interrupt(t)
		if status := p.wait(t); status != 0 || len(p.says()) > 0 {
			t.Errorf("got exit status %d, messages %q", status, p.says())
		}
	})
	t.Run("dev that starts", func(t *testing.T) {
		p := souk(t, nil, "dev", "--dir", t.TempDir(), "--listen", "127.0.0.1:0")
		await(t, p, "Postgres has started", func() bool { return strings.Contains(p.stdout.String(), "Postgres") })
		p.interrupt(t)
		if status := p.wait(t); status != 0 || len(p.says()) > 0 {
			t.Errorf("got exit status %d, messages %q", status, p.says())
		}
	})
}

// A request that hangs delays the exit of the router until its timeout. A second
// interrupt ends the process at once.
func TestSecondInterruptExitsAtOnce(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-answer
	}))
	defer slow.Close()
	defer close(answer)
	address := loopbacktest.Address(t)
	p := souk(t, nil, "router", "--config", routerFiles(t, address, "", fmt.Sprintf(
		"supergraph: {file: GRAPH}\noverride_subgraph_urls: {a: %q}\ntraffic_shaping: {router: {timeout: 10m, shutdown_timeout: 10m}, all: {timeout: 10m}}\n", slow.URL)))
	await(t, p, "the router is ready", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
	client := make(chan struct{})
	go func() {
		defer close(client)
		res, err := http.Post("http://"+address+"/graphql", "application/json", strings.NewReader(`{"query":"{ hello }"}`)) //nolint:noctx // the router's end ends it
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	<-asked
	p.interrupt(t)
	const told = `"msg":"stopping: draining 1 request for at most 10m0s; interrupt again to stop at once"`
	await(t, p, "it says what it waits for", func() bool { return strings.Contains(p.stderr.String(), told) })
	await(t, p, "it takes no connections any more", func() bool { return status(t, "http://"+address+"/readyz") == 0 })
	p.interrupt(t)
	if status := p.wait(t); status != 128+int(syscall.SIGINT) {
		t.Errorf("got exit status %d, want 130, that of an interrupt", status)
	}
	<-client
}

// Messages that net/http logs outside of requests are structured log records and
// contain nothing that a subgraph sent.
func TestStandardLogGoesToTheStructuredLog(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	late := make(chan struct{})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				const answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n" + `{"data":{"hello":"secret"}}`
				_, _ = io.WriteString(conn, answer)
				<-late
				_, _ = io.WriteString(conn, answer)
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	address := loopbacktest.Address(t)
	p := souk(t, nil, "router", "--config", routerFiles(t, address, "", fmt.Sprintf(
		"supergraph: {file: GRAPH}\noverride_subgraph_urls: {a: %q}\ntraffic_shaping: {all: {http_client: standard}}\n", "http://"+listener.Addr().String())))
	await(t, p, "the router is ready", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
	if got := post(t, "http://"+address+"/graphql", `{"query":"{ hello }"}`); !strings.Contains(got, "secret") {
		t.Fatalf("client: got %s", got)
	}
	close(late)
	await(t, p, "net/http tells of the late bytes", func() bool { return strings.Contains(p.stderr.String(), "Unsolicited response") })
	if text := p.stderr.String(); len(p.says()) > 0 || strings.Contains(text, "secret") || !strings.Contains(text, `"level":"WARN","msg":"Unsolicited response`) {
		t.Errorf("got log %s", text)
	}
	p.interrupt(t)
	p.wait(t)
}

// If Postgres dies, the store exits with an error.
func TestDevExitsWhenPostgresDies(t *testing.T) {
	p := souk(t, nil, "dev", "--dir", t.TempDir(), "--listen", "127.0.0.1:0")
	await(t, p, "the store runs", func() bool { return strings.Contains(p.stdout.String(), "Press Ctrl-C to stop") })
	for _, child := range children(t, p.Process.Pid) {
		process, err := os.FindProcess(child)
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	p.fails(t, "postgres ended unexpectedly: signal: killed")
}

// children returns the child processes of a process.
func children(t *testing.T, parent int) []int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil || len(tasks) == 0 {
		t.Skip("child processes can be listed only on Linux")
	}
	var found []int
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			var pid int
			if _, err := fmt.Sscan(field, &pid); err == nil {
				found = append(found, pid)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("process %d has no children", parent)
	}
	return found
}
