package router_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback/loopbacktest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/router/internal/redistest"
	"souk/telemetry"
)

const productSDL = supergraphHead + `type Query @join__type(graph: A) { product: Product }
type Product @join__type(graph: A, key: "id") { id: ID! name: String }
`

// A store is a router with one subgraph.
type store struct {
	*router.Router
	log   *lockedBuffer
	asked atomic.Int64 // requests the subgraph got
}

func newStore(t *testing.T, change func(*config.Config)) *store {
	t.Helper()
	s := &store{log: new(lockedBuffer)}
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := s.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":{"product":{"__typename":"Product","id":"1","name":"%d"}}}`, n)
	}))
	t.Cleanup(subgraph.Close)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: s.log})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
	change(&c)
	routes := fstest.MapFS{"product.graphql": {Data: []byte(`query product @rest(method: GET, path: "/api/product", result: "product") { product { id name } }`)}}
	s.Router, err = router.New(t.Context(), c, router.Options{Supergraph: productSDL, Routes: routes, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// cached enables the response cache, in Redis only.
func cached(r config.Redis) func(*config.Config) {
	return func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.LocalBytes = -1
		r.Timeout = patience // on a busy machine, a shorter one hides the reason of a failure
		c.ResponseCache.Redis = r
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"product"}, Types: []string{"Product"}}}
		c.ResponseCache.Invalidation.Stream = "store-events"
		c.ResponseCache.Invalidation.Events = map[string][]string{"product.updated": {"Product"}}
	}
}

func (s *store) get(path string) (int, string) {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func (s *store) ask() string {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ product { name } }"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Body.String()
}

// state returns the state of a dependency in the readiness report. It fails
// unless the router is ready.
func (s *store) state(t *testing.T, name string) string {
	t.Helper()
	status, text := s.get("/readyz")
	var body struct {
		Status       string
		Dependencies []struct{ Name, Status string }
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil || status != http.StatusOK || body.Status != "UP" {
		t.Fatalf("/readyz: got status %d, %s", status, text)
	}
	for _, d := range body.Dependencies {
		if d.Name == name {
			return d.Status
		}
	}
	t.Fatalf("/readyz does not name %s: %s", name, text)
	return ""
}

// lines returns the log records about a dependency.
func (s *store) lines(dependency string) []string {
	var list []string
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"dependency":"`+dependency+`"`) {
			list = append(list, line)
		}
	}
	return list
}

// fails waits until a dependency is down and checks its log record.
func (s *store) fails(t *testing.T, name, cause string) {
	t.Helper()
	s.becomes(t, name, "DOWN")
	if lines := s.lines(name); len(lines) != 1 || !strings.Contains(lines[0], `"level":"WARN","msg":"dependency failed"`) || !strings.Contains(lines[0], cause) {
		t.Errorf("got log\n%s\nwant one line with %q", strings.Join(lines, ""), cause)
	}
}

func (s *store) becomes(t *testing.T, name, state string) {
	t.Helper()
	for end := time.Now().Add(patience); s.state(t, name) != state; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not become %s; log:\n%s", name, state, s.log)
		}
	}
}

const patience = 60 * time.Second

// keeps waits until a response is cached, and then until an event invalidates it.
func (s *store) keeps(t *testing.T, events redis.UniversalClient) {
	t.Helper()
	until := func(what string, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("timed out: %s; log:\n%s", what, s.log)
			}
		}
	}
	var kept string
	until("an answer is kept", func() bool {
		before := s.asked.Load()
		kept = s.ask()
		return before > 0 && s.asked.Load() == before
	})
	if !strings.Contains(kept, `"name"`) {
		t.Fatalf("got cached response %s", kept)
	}
	if err := events.XAdd(t.Context(), &redis.XAddArgs{Stream: "store-events", Values: []any{"type", "product.updated", "subject", "1"}}).Err(); err != nil {
		t.Fatal(err)
	}
	until("the event takes the answer back", func() bool { return s.ask() != kept })
}

const password = "correct-horse-battery"

func TestUnusableRedisIsReportedWithItsReason(t *testing.T) {
	t.Parallel()
	uses := func(r config.Redis) func(*config.Config) {
		return func(c *config.Config) {
			cached(r)(c)
			c.RateLimit.Enabled, c.RateLimit.Redis = true, r
			c.RateLimit.Redis.Timeout = patience
		}
	}
	closed := loopbacktest.Address(t)
	for name, c := range map[string]struct {
		redis func(t *testing.T) config.Redis
		cause string
	}{
		"closed port": {
			redis: func(*testing.T) config.Redis { return config.Redis{URL: "redis://user:" + password + "@" + closed} },
			cause: "connection refused",
		},
		"wrong password": {
			redis: func(t *testing.T) config.Redis {
				return config.Redis{URL: "redis://default:" + password + "@" + redistest.Start(t, redistest.Options{Password: "another"}).Addr}
			},
			cause: "WRONGPASS invalid username-password pair or user is disabled.: check the username and the password",
		},
		"no password": {
			redis: func(t *testing.T) config.Redis {
				return config.Redis{URL: "redis://" + redistest.Start(t, redistest.Options{Password: password}).Addr}
			},
			cause: "NOAUTH",
		},
		"read-only replica": {
			redis: func(t *testing.T) config.Redis {
				return config.Redis{URL: "redis://" + redistest.StartReplica(t, redistest.Start(t, redistest.Options{})).Addr}
			},
			cause: "the server is a read-only replica",
		},
		"Sentinel configured as a server": {
			redis: func(t *testing.T) config.Redis {
				return config.Redis{URL: "redis://" + redistest.StartSentinel(t, "store", redistest.Start(t, redistest.Options{}), 0).Addr}
			},
			cause: "the server is a Sentinel",
		},
		"Sentinel without the master name": {
			redis: func(t *testing.T) config.Redis {
				return config.Redis{MasterName: "other", Addresses: []string{redistest.StartSentinel(t, "store", redistest.Start(t, redistest.Options{}), 0).Addr}}
			},
			cause: "check the addresses of the Sentinels and master_name",
		},
		"untrusted certificate": {
			redis: func(t *testing.T) config.Redis {
				return config.Redis{URL: "rediss://" + redistest.Start(t, redistest.Options{TLS: redistest.NewCertificates(t)}).Addr}
			},
			cause: "certificate signed by unknown authority",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, uses(c.redis(t)))
			for _, use := range []string{"redis/response_cache", "redis/rate_limit", "redis/idempotency"} {
				s.fails(t, use, c.cause)
			}
			if got := s.ask(); !strings.Contains(got, `"name":"1"`) {
				t.Errorf("without Redis: got %s", got)
			}
			if log := s.log.String(); strings.Contains(log, password) {
				t.Errorf("the log contains the password:\n%s", log)
			}
			metrics := httptest.NewRecorder()
			s.Admin().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if want := `souk_router_dependency_up{kind="redis",name="response_cache"} 0`; !strings.Contains(metrics.Body.String(), want) {
				t.Errorf("the metrics do not contain %s", want)
			}
		})
	}
}

// A cluster node serves only some of the keys, so a use may fail or not,
// depending on its keys.
func TestClusterNodeConfiguredAsServerIsReported(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	told := 0
	for _, node := range nodes {
		s := newStore(t, cached(config.Redis{URL: "redis://" + node.Addr}))
		for end := time.Now().Add(patience); s.state(t, "redis/response_cache") == "UNKNOWN"; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the cache is not used")
			}
		}
		if s.state(t, "redis/response_cache") == "DOWN" {
			told++
			s.fails(t, "redis/response_cache", "the server is a node of a Redis Cluster: set cluster: true")
		}
	}
	if told < 2 {
		t.Errorf("%d of 3 nodes are reported, want 2 or 3", told)
	}
}

func TestRedisRecoveryIsReported(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	s := newStore(t, cached(config.Redis{URL: "redis://" + server.Addr}))
	s.keeps(t, server.Client)
	if lines := s.lines("redis/response_cache"); len(lines) > 0 {
		t.Errorf("before the failure: got log %s", lines)
	}
	server.Kill()
	s.becomes(t, "redis/response_cache", "DOWN")
	server.Restart()
	s.becomes(t, "redis/response_cache", "UP")
	lines := s.lines("redis/response_cache")
	if len(lines) != 2 || !strings.Contains(lines[0], "dependency failed") || !strings.Contains(lines[1], `"level":"INFO","msg":"dependency recovered"`) {
		t.Errorf("got log\n%s", strings.Join(lines, ""))
	}
	s.keeps(t, server.Client)
}

func TestRedisClusterIsSupported(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	all := []string{nodes[0].Addr, nodes[1].Addr, nodes[2].Addr}
	for name, r := range map[string]config.Redis{
		"several addresses":            {Addresses: all},
		"one address and cluster":      {Addresses: all[2:], Cluster: true},
		"a URL and cluster":            {URL: "redis://" + all[1], Cluster: true},
		"a URL with several addresses": {URL: "redis://" + all[0] + "?addr=" + all[1] + "&addr=" + all[2]},
		"an unreachable node":          {Addresses: []string{"127.0.0.1:1", all[0]}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, func(c *config.Config) {
				cached(r)(c)
				c.RateLimit.Enabled, c.RateLimit.Redis, c.RateLimit.Requests = true, r, 1_000_000
				c.RateLimit.Interval = 10 * time.Second
				c.RateLimit.Redis.Timeout = patience
			})
			events := redis.NewClusterClient(&redis.ClusterOptions{Addrs: all})
			defer events.Close()
			s.keeps(t, events)
			for _, use := range []string{"redis/response_cache", "redis/rate_limit", "redis/idempotency"} {
				s.becomes(t, use, "UP")
			}
			metrics := httptest.NewRecorder()
			s.Admin().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if !strings.Contains(metrics.Body.String(), `souk_router_rate_limit_total{by="redis",result="allowed"}`) ||
				strings.Contains(metrics.Body.String(), `souk_router_rate_limit_total{by="redis",result="allowed"} 0`) {
				t.Error("requests are not counted in the cluster")
			}
		})
	}
}

func TestSentinelFailoverIsFollowed(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, redistest.Options{})
	replica := redistest.StartReplica(t, primary)
	sentinel := redistest.StartSentinel(t, "store", primary, 1)
	r := config.Redis{MasterName: "store", Addresses: []string{sentinel.Addr}}
	s := newStore(t, cached(r))
	s.keeps(t, primary.Client)
	primary.Kill()
	s.becomes(t, "redis/response_cache", "DOWN")
	s.becomes(t, "redis/response_cache", "UP")
	s.keeps(t, replica.Client) // it is the primary now
	byURL := newStore(t, cached(config.Redis{URL: "redis://" + sentinel.Addr + "?master_name=store"}))
	byURL.keeps(t, replica.Client)
}

func TestRedisIsReachedOverTLS(t *testing.T) {
	t.Parallel()
	certificates := redistest.NewCertificates(t)
	server := redistest.Start(t, redistest.Options{TLS: certificates, Password: password})
	for name, r := range map[string]config.Redis{
		"rediss":  {URL: "rediss://default:" + password + "@" + server.Addr, TLS: config.RedisTLS{CAFile: certificates.CA}},
		"enabled": {Addresses: []string{server.Addr}, Username: "default", Password: password, TLS: config.RedisTLS{Enabled: true, CAFile: certificates.CA}},
	} {
		t.Run(name, func(t *testing.T) { newStore(t, cached(r)).keeps(t, server.Client) })
	}
}

func TestFailingSubgraphIsReported(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	defer secure.Close()
	overloaded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer overloaded.Close()
	closed := loopbacktest.Address(t)
	for name, c := range map[string]struct{ url, cause string }{
		"untrusted certificate": {url: secure.URL, cause: "certificate signed by unknown authority"},
		"closed port":           {url: "http://" + closed, cause: "connection refused"},
		"status 503":            {url: overloaded.URL, cause: "503"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, func(c2 *config.Config) { c2.OverrideSubgraphURLs["a"] = []string{c.url} })
			if got := s.state(t, "subgraph/a"); got != "UNKNOWN" {
				t.Errorf("before its first use: got %s", got)
			}
			for range 50 {
				if got := s.ask(); strings.Contains(got, c.cause) && c.cause != "503" {
					t.Errorf("client: got %s", got)
				}
			}
			s.fails(t, "subgraph/a", c.cause)
		})
	}
}

func TestSubgraphThatRejectsACallerIsUp(t *testing.T) {
	t.Parallel()
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refuses.Close()
	s := newStore(t, func(c *config.Config) { c.OverrideSubgraphURLs["a"] = []string{refuses.URL} })
	s.ask()
	if got := s.state(t, "subgraph/a"); got != "UP" {
		t.Errorf("state = %s, want UP: a rejected token is the caller's failure", got)
	}
}

func TestFailingKeySetIsReported(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, `{"keys":[]}`)
	}))
	defer keys.Close()
	s := newStore(t, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: strings.Replace(keys.URL, "//", "//user:"+password+"@", 1) + "/jwks?token=" + password}}
	})
	ask := func() {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ product { name } }"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiIxIn0."+strings.Repeat("A", 86))
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	name := "jwks/" + strings.TrimPrefix(keys.URL, "http://") + "/jwks"
	ask()
	s.fails(t, name, "500 Internal Server Error")
	broken.Store(false)
	for end := time.Now().Add(patience); s.state(t, name) != "UP"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the key set does not recover; log:\n%s", s.log)
		}
		ask()
	}
	if log := s.log.String(); strings.Contains(log, password) || strings.Contains(log, "eyJ") {
		t.Errorf("the log contains a secret:\n%s", log)
	}
	if lines := s.lines(name); len(lines) != 2 || !strings.Contains(lines[1], "dependency recovered") || strings.Contains(s.log.String(), "signing keys") {
		t.Errorf("got log\n%s", s.log)
	}
}

func TestReadinessHidesDetailsOnThePublicPort(t *testing.T) {
	t.Parallel()
	s := newStore(t, func(c *config.Config) { c.Health.Details = false })
	if _, body := s.get("/readyz"); body != `{"status":"UP"}`+"\n" {
		t.Errorf("public port: got %s", body)
	}
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if !strings.Contains(w.Body.String(), `{"name":"subgraph/a","status":"UNKNOWN"}`) {
		t.Errorf("admin port: got %s", w.Body)
	}
	if _, body := s.get("/health"); body != `{"status":"UP"}`+"\n" {
		t.Errorf("liveness: got %s", body)
	}
}

// followsFile starts a router that reloads its supergraph from a file, and
// returns both.
func followsFile(t *testing.T, configure func(*config.Config)) (*store, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "supergraph.graphql")
	replace(t, file, productSDL)
	log := new(lockedBuffer)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: log})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Supergraph.File, c.Supergraph.PollInterval = file, 10*time.Millisecond
	if configure != nil {
		configure(&c)
	}
	r, err := router.New(t.Context(), c, router.Options{Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	return &store{Router: r, log: log}, file
}

// replace replaces a file atomically: a reader sees the old contents or the new.
func replace(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
}

// A subgraph that the configuration names and a new supergraph lacks is logged;
// at the start it is an error.
func TestSupergraphWithoutAConfiguredNameIsLogged(t *testing.T) {
	t.Parallel()
	s, file := followsFile(t, func(c *config.Config) {
		c.TrafficShaping.Subgraphs = map[string]config.SubgraphTraffic{"a": {Timeout: time.Second}}
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Types: []string{"Product"}}}
	})
	log := s.log
	defer s.Close()
	for _, change := range []struct{ sdl, want string }{
		{sdl: strings.ReplaceAll(productSDL, "Product", "Article"), want: `response_cache.subgraph.subgraphs.a.types names \"Product\", but the subgraph a has no such entity type`},
		{sdl: strings.ReplaceAll(productSDL, `name: "a"`, `name: "z"`), want: `traffic_shaping.subgraphs names \"a\", but the supergraph has no such subgraph`},
	} {
		if change.sdl == productSDL || strings.Contains(log.String(), change.want) {
			t.Fatalf("the supergraph does not change, or the message is logged already:\n%s", log)
		}
		replace(t, file, change.sdl)
		for end := time.Now().Add(patience); !strings.Contains(log.String(), change.want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("got log\n%s\nwant %s", log, change.want)
			}
		}
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, change.want) && !strings.Contains(line, `"level":"WARN"`) {
				t.Errorf("got log %s", line)
			}
		}
		s.becomes(t, "supergraph/file", "UP")
	}
}

// The supergraph file is reported as a dependency while it cannot be read or is
// invalid.
func TestFailingSupergraphFileIsReported(t *testing.T) {
	t.Parallel()
	s, file := followsFile(t, nil)
	log := s.log
	defer s.Close()
	s.becomes(t, "supergraph/file", "UP")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.fails(t, "supergraph/file", "no such file")
	replace(t, file, "type Query {")
	s.becomes(t, "supergraph/file", "DOWN")
	for end := time.Now().Add(patience); !strings.Contains(log.String(), "the new supergraph is invalid"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got log %s", log)
		}
	}
	if got := s.state(t, "supergraph/file"); got != "DOWN" {
		t.Errorf("with an invalid supergraph: state = %s", got)
	}
	replace(t, file, productSDL+"\n")
	s.becomes(t, "supergraph/file", "UP")
}
