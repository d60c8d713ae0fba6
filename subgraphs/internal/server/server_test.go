package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/server"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// process is a service that runs in the background.
type process struct {
	url  string
	env  server.Environment
	stop context.CancelFunc
	done chan error
}

func environment(t *testing.T) server.Environment {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return server.Environment{
		Name: "test", Listener: listener, DatabaseURL: pgtest.Database(t),
		RedisURL: "redis://" + miniredis.RunT(t).Addr(), ServiceToken: "shared", Logger: quiet,
	}
}

func launch(t *testing.T, env server.Environment, migrations fstest.MapFS, build server.Builder) *process {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &process{url: "http://" + env.Listener.Addr().String(), env: env, stop: stop, done: make(chan error, 1)}
	t.Cleanup(stop)
	go func() {
		if migrations == nil {
			p.done <- server.Run(ctx, env, nil, build)
			return
		}
		p.done <- server.Run(ctx, env, migrations, build)
	}()
	await(t, "the service is ready", func() bool {
		status, _ := get(t, p.url+"/readyz")
		return status == http.StatusOK
	})
	return p
}

func (p *process) end(t *testing.T) error {
	t.Helper()
	p.stop()
	select {
	case err := <-p.done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the service did not stop")
		return nil
	}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

func serving(h http.HandlerFunc) server.Builder {
	return func(context.Context, server.Resources) (*server.Service, error) {
		return &server.Service{Handler: h}, nil
	}
}

func TestProbesReportPostgresAndRedis(t *testing.T) {
	env := environment(t)
	redis := miniredis.RunT(t)
	env.RedisURL = "redis://" + redis.Addr() + "?max_retries=-1&dial_timeout=200ms"
	p := launch(t, env, nil, serving(http.NotFound))
	if status, body := get(t, p.url+"/healthz"); status != 200 || !strings.Contains(body, `"ok"`) {
		t.Errorf("/healthz: got status %d, %s", status, body)
	}
	if status, body := get(t, p.url+"/metrics"); status != 200 || !strings.Contains(body, "souk_event_outbox_age_seconds") {
		t.Errorf("/metrics: got status %d, %s", status, body)
	}
	redis.Close()
	status, body := get(t, p.url+"/readyz")
	var answer struct {
		Status string
		Checks map[string]string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if status != 200 || answer.Status != "ready" || answer.Checks["postgres"] != "ok" || answer.Checks["redis"] == "ok" {
		t.Errorf("/readyz without Redis: got status %d, %s", status, body)
	}
	if err := p.end(t); err != nil {
		t.Error(err)
	}
}

// Requests in progress finish, streams end, and workers stop last.
// A Redis that accepts connections and never responds must not make the pods
// unready: the client's own timeouts are longer than those of a probe.
func TestReadinessDoesNotWaitForAHangingRedis(t *testing.T) {
	hanging, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hanging.Close() })
	env := environment(t)
	env.RedisURL = "redis://" + hanging.Addr().String() + "?read_timeout=10m&pool_timeout=10m"
	p := launch(t, env, nil, serving(http.NotFound)) // fails if /readyz waits for Redis
	if _, body := get(t, p.url+"/readyz"); !strings.Contains(body, `"redis":"unreachable`) {
		t.Errorf("/readyz: got %s", body)
	}
}

func TestDrainFinishesRequestsAndEndsStreams(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	var streamEnded, workerEnded atomic.Bool
	p := launch(t, environment(t), nil, func(context.Context, server.Resources) (*server.Service, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-leave
			if err := r.Context().Err(); err != nil || workerEnded.Load() {
				t.Errorf("a request in progress was cancelled: %v", err)
			}
			io.WriteString(w, "done")
		})
		mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			streamEnded.Store(true)
		})
		worker := func(ctx context.Context) error {
			<-ctx.Done()
			workerEnded.Store(true)
			return nil
		}
		return &server.Service{Handler: mux, Workers: []func(context.Context) error{worker}}, nil
	})
	slow, stream := make(chan string, 1), make(chan error, 1)
	go func() {
		_, body := get(t, p.url+"/slow")
		slow <- body
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // it is closed below
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	go func() {
		_, err := io.ReadAll(response.Body)
		stream <- err
	}()
	<-entered
	p.stop()
	if err := <-stream; err != nil {
		t.Errorf("the stream was cut off: %v", err)
	}
	close(leave)
	if got := <-slow; got != "done" {
		t.Errorf("request in progress: got %q", got)
	}
	if err := p.end(t); err != nil {
		t.Error(err)
	}
	if !streamEnded.Load() || !workerEnded.Load() {
		t.Errorf("got stream ended %t, worker ended %t", streamEnded.Load(), workerEnded.Load())
	}
	if status, _ := get(t, p.url+"/healthz"); status != 0 {
		t.Errorf("after the drain: got status %d", status)
	}
}

func TestFailedWorkerEndsTheService(t *testing.T) {
	broken := errors.New("permanently broken")
	fail := make(chan struct{})
	p := launch(t, environment(t), nil, func(context.Context, server.Resources) (*server.Service, error) {
		worker := func(context.Context) error { <-fail; return broken }
		return &server.Service{Handler: http.NotFoundHandler(), Workers: []func(context.Context) error{worker}}, nil
	})
	close(fail)
	if err := <-p.done; !errors.Is(err, broken) {
		t.Errorf("Run() = %v, want the worker's error", err)
	}
}

func TestMigrateToleratesANewerDatabase(t *testing.T) {
	first := fstest.MapFS{"001_a.sql": {Data: []byte(`create table a (n int);`)}}
	second := fstest.MapFS{
		"001_a.sql": first["001_a.sql"],
		"002_b.sql": {Data: []byte("alter table a add m int;\n---- create above / drop below ----\nalter table a drop m;")},
	}
	env := environment(t)
	for _, migrations := range []fstest.MapFS{first, second, second, first /* an older release, still there */} {
		p := launch(t, env, migrations, serving(http.NotFound))
		if err := p.end(t); err != nil {
			t.Fatal(err)
		}
		again, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		env.Listener = again
	}
	p := launch(t, env, second, func(ctx context.Context, r server.Resources) (*server.Service, error) {
		_, err := r.DB.Exec(ctx, `select m from a`)
		return &server.Service{Handler: http.NotFoundHandler()}, err
	})
	if err := p.end(t); err != nil {
		t.Error(err)
	}
}

// Each error is one line that names the variable.
func TestEnvironmentErrorsNameTheVariable(t *testing.T) {
	good := map[string]string{"DATABASE_URL": "postgres://localhost/product", "SERVICE_TOKEN": "shared"}
	for _, c := range []struct{ key, value, want string }{
		{key: "DATABASE_URL", value: "", want: "DATABASE_URL is not set; set it to a database for the product service, such as postgres://souk:secret@localhost:5432/product"},
		{key: "DATABASE_URL", value: "mysql:/x", want: "DATABASE_URL is invalid"},
		{key: "REDIS_URL", value: "localhost:6379", want: "REDIS_URL is invalid"},
		{key: "PORT", value: "http", want: `PORT is "http"; it must be a port number from 0 to 65535, such as 8080`},
		{key: "PORT", value: "80000", want: `PORT is "80000"; it must be a port number from 0 to 65535, such as 8080`},
		{key: "AUTH_MODE", value: "off", want: `AUTH_MODE is "off"; set it to tutorial or enforced`},
		{key: "SERVICE_TOKEN", value: "", want: "SERVICE_TOKEN is not set; set it to the secret that all services of the store share"},
		{key: "INVENTORY_SERVICE_URL", value: "inventory:8080", want: `INVENTORY_SERVICE_URL is "inventory:8080"; set it to a base URL, such as http://inventory-service:8080`},
		{key: "DRAIN_TIMEOUT", value: "20", want: `DRAIN_TIMEOUT is "20"; set it to a duration, such as 5s`},
	} {
		_, err := server.EnvironmentFrom("product", func(key string) (string, bool) {
			if key == c.key {
				return c.value, true
			}
			v, ok := good[key]
			return v, ok
		})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s=%s: got error %v", c.key, c.value, err)
		}
	}
	env, err := server.EnvironmentFrom("product", func(key string) (string, bool) { v, ok := good[key]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	if env.Addr != ":8080" || env.RedisURL != "redis://redis-service:6379" || env.Services["inventory"] != "http://inventory-service:8080" || env.AuthMode != server.Enforced {
		t.Errorf("got defaults %+v", env)
	}
	delete(good, "SERVICE_TOKEN")
	good["AUTH_MODE"] = server.Tutorial
	if _, err := server.EnvironmentFrom("product", func(key string) (string, bool) { v, ok := good[key]; return v, ok }); err != nil {
		t.Errorf("tutorial mode without a token: got error %v", err)
	}
}

func TestStartErrorsSayWhatToDo(t *testing.T) {
	env := environment(t)
	other := env.Listener
	defer other.Close()
	taken := other.Addr().String()
	env.Listener, env.Addr = nil, taken
	err := server.Run(t.Context(), env, nil, serving(http.NotFound))
	if err == nil || !strings.Contains(err.Error(), "cannot listen on "+taken) || !strings.Contains(err.Error(), "set PORT to a free port") {
		t.Errorf("port in use: got error %v", err)
	}
	env.DatabaseURL = strings.Replace(env.DatabaseURL, "/test_", "/no_such_", 1)
	err = server.Run(t.Context(), env, nil, serving(http.NotFound))
	if err == nil || !strings.Contains(err.Error(), "cannot use the Postgres database") || !strings.Contains(err.Error(), "set DATABASE_URL") {
		t.Errorf("missing database: got error %v", err)
	}
}

// Statements of requests have a limit, those of migrations have none, and DATABASE_URL
// can set another one.
func TestStatementsHaveATimeout(t *testing.T) {
	files := migrations(map[string]string{"001_first.sql": "create table limits as select current_setting('statement_timeout') as migrating"})
	for parameter, want := range map[string]string{"": "2s", "?statement_timeout=700": "700ms"} {
		env := environment(t)
		env.DatabaseURL += parameter
		var serving, migrating string
		var failed error
		p := launch(t, env, files, func(ctx context.Context, r server.Resources) (*server.Service, error) {
			failed = r.DB.QueryRow(ctx, `select current_setting('statement_timeout'), migrating from limits`).Scan(&serving, &migrating)
			return &server.Service{Handler: http.NotFoundHandler()}, nil
		})
		if err := errors.Join(p.end(t), failed); err != nil {
			t.Fatal(err)
		}
		if serving != want || migrating != "0" {
			t.Errorf("with %q a statement may take %s, and one of a migration %s", parameter, serving, migrating)
		}
	}
}

// A service with one connection to Postgres runs a few requests at a time. Of many, those that would
// wait for long are refused, and another service is still answered.
func TestRequestsBeyondWhatAServiceCanDoAreRefused(t *testing.T) {
	env := environment(t)
	separator := "?"
	if strings.Contains(env.DatabaseURL, separator) {
		separator = "&"
	}
	env.DatabaseURL += separator + "pool_max_conns=1"
	end := make(chan struct{})
	var running atomic.Int32
	p := launch(t, env, nil, func(context.Context, server.Resources) (*server.Service, error) {
		return &server.Service{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Souk-Service-Token") == "" {
				running.Add(1)
				<-end
			}
			_, _ = io.WriteString(w, "done")
		})}, nil
	})
	const requests = 40
	answers := make(chan string, requests)
	for range requests {
		go func() { answers <- post(t, p.url+"/graphql", "") }()
	}
	refused := 0
	for refused < requests-10 { // ten for each connection run
		if answer := <-answers; !strings.Contains(answer, `"code":"OVERLOADED"`) {
			t.Fatalf("got %s", answer)
		}
		refused++
	}
	if n := running.Load(); n != 10 {
		t.Errorf("%d requests run", n)
	}
	if got := post(t, p.url+"/graphql", "shared"); got != "done" {
		t.Errorf("another service: got %s", got)
	}
	if status, metrics := get(t, p.url+"/metrics"); status != http.StatusOK || !strings.Contains(metrics, `souk_requests_shed_total{reason="full"}`) {
		t.Errorf("the metrics lack the refusals: status %d", status)
	}
	close(end)
	for range requests - refused {
		if got := <-answers; got != "done" {
			t.Errorf("a request that ran: got %s", got)
		}
	}
	if err := p.end(t); err != nil {
		t.Error(err)
	}
}

// post sends a request, with the token of the services if it is not empty, and returns the body.
func post(t *testing.T, url, token string) string {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		return err.Error()
	}
	if token != "" {
		r.Header.Set("Souk-Service-Token", token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
