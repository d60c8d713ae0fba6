package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"souk/dev"
	"souk/internal/loopback/loopbacktest"
	"souk/router/gateway/config"
	"souk/schema"
	"souk/subgraphs"
)

// A store is the whole store, with a way to break each of its parts.
type store struct {
	*dev.System
	t          *testing.T
	redis      *redisServer
	proxies    map[string]*proxy
	supergraph string // the file that the router reads
	client     *http.Client
	product    string // what customers buy
	// scraped are metrics of the next turn that were read before it, by service.
	scraped map[string]string
	// postgres are the connections of the exporters beside Postgres, by service.
	postgres map[string]*pgx.Conn
	// absent are the apps that have no pods, and are no targets.
	absent []string
	// gateway is between the customers and the router.
	gateway *gateway
}

const (
	// patience is how long the router waits for a subgraph: much longer than Postgres lets a
	// statement take, also on a machine that is busy.
	patience = 30 * time.Second
	// impatience is that of a store of which subgraphs hang, so that they cost little time. It
	// opens a breaker after two requests without a response.
	impatience = 2 * time.Second
	// rest is how long a circuit breaker stays open: longer than the pause between two requests
	// of a visit, so that the second one is refused if the first one has tried in vain.
	rest = 3 * time.Second
)

// startStore starts a store whose router waits for so long for a subgraph.
func startStore(t *testing.T, timeout time.Duration) *store {
	t.Helper()
	s := &store{
		t: t, redis: startRedis(t), proxies: map[string]*proxy{}, supergraph: filepath.Join(t.TempDir(), "supergraph.graphql"),
		client: &http.Client{Timeout: time.Minute}, scraped: map[string]string{}, postgres: map[string]*pgx.Conn{},
	}
	s.writeSupergraph(schema.Supergraph)
	var err error
	s.System, err = dev.Start(t.Context(), dev.Options{
		Listen: "127.0.0.1:0", AuthMode: "tutorial", RedisURL: "redis://" + s.redis.address, Router: func(c *config.Config) { s.configure(c, timeout) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range s.proxies {
			p.pass()
		}
		for _, conn := range s.postgres {
			_ = conn.Close(context.Background())
		}
		if err := s.Stop(); err != nil {
			t.Log(err) // such as of a connection to a Redis that was killed
		}
	})
	s.gateway = startIngress(t, s.URL("router"))
	s.product = s.sell("Lamp", 1_000_000)
	// The one customer orders often: addresses that are not confirmed get five e-mails an hour.
	s.sql("user", `update users set email_confirmed_at = now()`)
	return s
}

// configure puts a proxy in front of each service, as in the mesh.
func (s *store) configure(c *config.Config, timeout time.Duration) {
	for _, name := range subgraphs.Names() {
		s.proxies[name] = startProxy(s.t, strings.TrimSuffix(c.OverrideSubgraphURLs[name][0], "/graphql"))
		c.OverrideSubgraphURLs[name] = []string{s.proxies[name].url + "/graphql"}
	}
	c.TrafficShaping.All.Timeout = timeout
	c.TrafficShaping.All.CircuitBreaker.Rest = rest
	c.TrafficShaping.All.CircuitBreaker.ConsecutiveTimeouts = 2
	c.TrafficShaping.Router.Timeout = time.Minute
	c.Supergraph.File, c.Supergraph.HotReload, c.Supergraph.PollInterval = s.supergraph, true, 50*time.Millisecond
	c.ResponseCache.Compare = 1
	c.ResponseCache.LocalBytes = -1
	c.ResponseCache.Redis.Timeout = time.Second
	c.ResponseCache.Redis.URL = "rediss://" + s.redis.secure
	c.ResponseCache.Redis.TLS = config.RedisTLS{Enabled: true, InsecureSkipVerify: true} // the certificate changes
}

func (s *store) writeSupergraph(text string) {
	s.t.Helper()
	// A rename, so that the router never reads a part of it.
	next := s.supergraph + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(next, s.supergraph); err != nil {
		s.t.Fatal(err)
	}
}

// sell creates a product with a stock.
func (s *store) sell(name string, stock int) (id string) {
	s.t.Helper()
	response, err := s.client.Post(s.URL("router")+"/api/products", "application/json", strings.NewReader(fmt.Sprintf(`{"name":%q,"price":10,"stock":%d}`, name, stock))) //nolint:noctx // bounded by the client
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var product struct{ ID any }
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusCreated || json.Unmarshal(text, &product) != nil {
		s.t.Fatalf("creating a product: status %d, %s, %v", response.StatusCode, text, err)
	}
	return fmt.Sprint(product.ID)
}

const (
	browse = `{ products(first: 3) { nodes { id name price { minorUnits } inStock } } }`
	look   = `query Look($id: ID!) { product(id: $id) { id name inStock } }`
	place  = `mutation Place($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename ... on OrderPayload { order { id status lines { product { id name } } notifications { id status } user { id username } } } } }`
	list   = `{ users(first: 3) { nodes { id username } } orders(first: 2) { nodes { id status lines { product { id description } } user { id username } notifications { id status } } } }`
)

// trivial is how many operations of a visit need no service: enough that the others, when
// they are slow, do not use up the error budget of latency.
const trivial = 30

// visit is what customers do between two scrapes. It reports whether everything was well.
func (s *store) visit() bool {
	well := s.ask(browse, nil)
	for range trivial {
		well = s.ask(`{ __typename }`, nil) && well
	}
	well = s.ask(look, map[string]any{"id": s.product}) && well
	for range 2 {
		well = s.ask(list, nil) && well
	}
	return s.order(s.product) && well
}

// well reports whether customers are served, several times in a row, every service has Redis, and
// every event is published.
func (s *store) well() bool {
	for _, name := range subgraphs.Names() {
		text := s.metrics(name)
		if text == "" || value(text, "souk_event_redis_up") == 0 || value(text, "souk_event_outbox_waiting") > 0 || value(text, "souk_postgres_lock_waits") > 0 {
			return false
		}
	}
	for range 5 {
		if !s.visit() {
			return false
		}
	}
	return true
}

// order reports whether an order was placed and confirmed. One that is refused because a service is
// away is no error of GraphQL.
func (s *store) order(product string) bool {
	data := s.answer(place, map[string]any{"input": map[string]any{"userId": "1", "lines": []any{map[string]any{"productId": product, "quantity": 1}}}})
	var placed struct {
		PlaceOrder struct{ Order struct{ Status string } }
	}
	return json.Unmarshal(data, &placed) == nil && placed.PlaceOrder.Order.Status == "CONFIRMED"
}

// ask reports whether an operation was responded to without errors.
func (s *store) ask(query string, variables map[string]any) bool {
	s.t.Helper()
	return s.answer(query, variables) != nil
}

// answer returns the data of a response without errors, or nil.
func (s *store) answer(query string, variables map[string]any) json.RawMessage {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.client.Post(s.gateway.url+"/graphql", "application/json", bytes.NewReader(body)) //nolint:noctx // bounded by the client
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var answer struct{ Data, Errors json.RawMessage }
	if json.NewDecoder(response.Body).Decode(&answer) != nil || answer.Errors != nil {
		return nil
	}
	return answer.Data
}

// visitUntil visits until each of some counts has grown. Once a fault has its effect, that is
// one visit.
func (s *store) visitUntil(what string, counts ...func() float64) {
	s.t.Helper()
	before := make([]float64, len(counts))
	for i, count := range counts {
		before[i] = count()
	}
	eventually(s.t, what, func() bool {
		s.visit()
		grown := true
		for i, count := range counts {
			grown = grown && count() > before[i]
		}
		return grown
	})
}

// rejected returns how many orders were rejected because inventory was away.
func (s *store) rejected() float64 {
	return value(s.metrics("order"), `souk_orders_total{result="unavailable"}`)
}

// refused returns a count of the requests that the circuit breaker of a subgraph has refused.
func (s *store) refused(subgraph string) func() float64 {
	return func() float64 {
		return value(s.metrics("admin"), fmt.Sprintf(`souk_router_subgraph_errors_total{code="CIRCUIT_BREAKER_OPEN",subgraph=%q}`, subgraph))
	}
}

// sql runs a statement in the database of a service.
func (s *store) sql(service, statement string, arguments ...any) {
	s.t.Helper()
	conn := s.connect(service)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(s.t.Context(), statement, arguments...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// database returns the name of the database of a service, for a statement.
func (s *store) database(service string) string {
	s.t.Helper()
	c, err := pgx.ParseConfig(s.Variables(service)["DATABASE_URL"])
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Database
}

func (s *store) connect(service string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.Variables(service)["DATABASE_URL"])
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// targets are what Prometheus scrapes: the programs, and the exporters beside Redis and
// Postgres.
func (s *store) targets() []target {
	all := []target{{app: "api-gateway", url: s.URL("admin")}, {app: "redis", read: s.redis.export}}
	for app, read := range map[string]func(context.Context) string{"istio-ingressgateway": s.gateway.export, "istiod": func(context.Context) string { return "" }} {
		if !slices.Contains(s.absent, app) {
			all = append(all, target{app: app, job: "mesh", read: read})
		}
	}
	for _, name := range subgraphs.Names() {
		service := target{app: name + "-service", url: s.URL(name), servers: s.servers}
		if text, ok := s.scraped[name]; ok {
			service.read = func(context.Context) string { return text }
		}
		all = append(all, service)
		if !slices.Contains(s.absent, name+"-postgres") {
			all = append(all, s.postgresOf(name))
		}
	}
	s.scraped = map[string]string{}
	return all
}

// servers gives the addresses of the store's programs the names that they have in a cluster.
func (s *store) servers(address string) string {
	for _, name := range subgraphs.Names() {
		if strings.TrimPrefix(s.URL(name), "http://") == address {
			return name + "-service:8080"
		}
	}
	return "payment-provider:8080"
}

// postgresOf returns the exporter beside the Postgres of a service. Like postgres_exporter, it
// keeps its connection.
func (s *store) postgresOf(service string) target {
	conn := s.postgres[service]
	if conn == nil || conn.IsClosed() {
		var err error
		if conn, err = pgx.Connect(s.t.Context(), s.Variables(service)["DATABASE_URL"]); err != nil {
			return target{app: service + "-postgres", read: func(context.Context) string { return "pg_up 0\n" }}
		}
		s.postgres[service] = conn
	}
	return target{app: service + "-postgres", read: func(ctx context.Context) string { return exportPostgres(ctx, conn) }}
}

// exportPostgres returns the metrics of postgres_exporter that the rules use.
func exportPostgres(ctx context.Context, conn *pgx.Conn) string {
	var b strings.Builder
	b.WriteString("pg_up 1\nprocess_start_time_seconds 1\n")
	rows, err := conn.Query(ctx, `select coalesce(state, ''), count(*), coalesce(max(extract(epoch from now() - xact_start)), 0)::float8
		from pg_stat_activity where datname = current_database() group by state`)
	if err != nil {
		return "pg_up 0\n"
	}
	var state string
	var count, age float64
	_, err = pgx.ForEachRow(rows, []any{&state, &count, &age}, func() error {
		fmt.Fprintf(&b, "pg_stat_activity_count{state=%q} %v\npg_stat_activity_max_tx_duration{state=%q} %v\n", state, count, state, age)
		return nil
	})
	if err != nil {
		return "pg_up 0\n"
	}
	b.WriteString("pg_settings_max_connections 100\n")
	return b.String()
}

// A redisServer is a real Redis that serves with TLS, too.
type redisServer struct {
	t                    *testing.T
	address, secure, dir string
	arguments            []string
	process              *exec.Cmd
	client               *redis.Client
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	plain := loopbacktest.Address(t)
	secure := loopbacktest.Address(t)
	dir := t.TempDir()
	writeCertificate(t, dir, time.Now().AddDate(1, 0, 0))
	_, port, _ := net.SplitHostPort(plain)
	_, securePort, _ := net.SplitHostPort(secure)
	r := &redisServer{t: t, address: plain, secure: secure, dir: dir, client: redis.NewClient(&redis.Options{Addr: plain, MaxRetries: -1}),
		arguments: []string{
			"--bind", "127.0.0.1", "--port", port, "--tls-port", securePort, "--tls-auth-clients", "no", "--tls-cert-file", filepath.Join(dir, "cert.pem"),
			"--tls-key-file", filepath.Join(dir, "key.pem"), "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
		}}
	t.Cleanup(func() {
		_ = r.client.Close()
		r.kill()
	})
	r.start()
	return r
}

func (r *redisServer) start() {
	r.t.Helper()
	r.process = exec.Command("redis-server", r.arguments...)
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "Redis responds", func() bool { return r.client.Ping(r.t.Context()).Err() == nil })
}

// renew gives Redis another certificate, and ends its connections with TLS.
func (r *redisServer) renew(expires time.Time) {
	r.t.Helper()
	writeCertificate(r.t, r.dir, expires)
	for _, command := range [][]any{
		{"config", "set", "tls-cert-file", filepath.Join(r.dir, "cert.pem")}, // reads the key, too
		{"client", "kill", "laddr", r.secure},
	} {
		if err := r.client.Do(r.t.Context(), command...).Err(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// set changes a setting of Redis.
func (r *redisServer) set(name, value string) {
	r.t.Helper()
	if err := r.client.ConfigSet(r.t.Context(), name, value).Err(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redisServer) kill() {
	_ = r.process.Process.Kill() // an error means that it has ended
	_ = r.process.Wait()
}

// export returns the metrics of redis_exporter that the rules use.
func (r *redisServer) export(ctx context.Context) string {
	if r.client.Ping(ctx).Err() != nil {
		return "redis_up 0\nprocess_start_time_seconds 1\n"
	}
	info, err := r.client.InfoMap(ctx, "memory", "errorstats").Result()
	if err != nil {
		return "redis_up 0\nprocess_start_time_seconds 1\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "redis_up 1\nprocess_start_time_seconds 1\nredis_memory_used_bytes %s\nredis_memory_max_bytes %s\n", info["Memory"]["used_memory"], info["Memory"]["maxmemory"])
	for name, count := range info["Errorstats"] {
		fmt.Fprintf(&b, "redis_errors_total{err=%q} %s\n", strings.TrimPrefix(name, "errorstat_"), strings.TrimPrefix(count, "count="))
	}
	return b.String()
}

// metrics returns what a program exports, or nothing if it does not respond.
func (s *store) metrics(name string) string {
	text, err := target{url: s.URL(name)}.metrics(s.t.Context())
	if err != nil {
		return ""
	}
	return text
}

// metric waits until the metrics of a program fulfil a condition, and returns them.
func (s *store) metric(name, what string, condition func(text string) bool) (text string) {
	s.t.Helper()
	eventually(s.t, what, func() bool { text = s.metrics(name); return condition(text) })
	return text
}

// value returns the value of a series in metrics; 0 if there is none.
func value(text, series string) float64 {
	_, rest, _ := strings.Cut(text, "\n"+series+" ")
	first, _, _ := strings.Cut(rest, "\n")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

// A proxy is in front of a service. It can hang, or refuse everybody.
type proxy struct {
	url      string
	refusing atomic.Bool
	hanging  atomic.Pointer[chan struct{}] // closed when it passes requests again
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	forward := httputil.NewSingleHostReverseProxy(u)
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if held := p.hanging.Load(); held != nil {
			select {
			case <-*held:
			case <-r.Context().Done():
				return
			}
		}
		if p.refusing.Load() {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"data":null,"errors":[{"message":"Sign in.","extensions":{"code":"UNAUTHENTICATED"}}]}`)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	p.url = "http://" + listener.Addr().String()
	return p
}

func (p *proxy) hang() {
	held := make(chan struct{})
	p.hanging.Store(&held)
}

func (p *proxy) pass() {
	if held := p.hanging.Swap(nil); held != nil {
		close(*held)
	}
}

// eventually polls a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !condition(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}
