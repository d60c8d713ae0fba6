package router_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"souk/router"
	"souk/router/auth"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/telemetry"
)

// Identical queries in flight are deduplicated only within a partition.
func TestPartitionsShareNoRequests(t *testing.T) {
	for _, tenants := range [][2]string{{"1", "1"}, {"1", "2"}} {
		var arrived sync.WaitGroup
		arrived.Add(2)
		h := newHooked(t, func(c *config.Config) { c.TrafficShaping.Router.Deduplicate = new(true) }, router.Extensions{Hooks: []hook.Hooks{{
			Request: func(_ context.Context, r *hook.Request) error {
				r.Partition = r.ClientHeader.Get("X-Tenant")
				return nil
			},
			SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error {
				r.Header.Set("X-From", r.Partition)
				return nil
			},
			Plan: func(context.Context, *hook.Exchange) error {
				arrived.Done()
				arrived.Wait()
				return nil
			},
		}}})
		var answers [2]string
		var all sync.WaitGroup
		for i, tenant := range tenants {
			all.Go(func() { _, answers[i] = h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "X-Tenant: "+tenant) })
		}
		all.Wait()
		for i, tenant := range tenants {
			if want := `{"data":{"hello":"from ` + tenant + `"}}`; answers[i] != want {
				t.Errorf("tenant %s of %v: got %s", tenant, tenants, answers[i])
			}
		}
	}
}

func TestPartitionsHaveSeparateCaches(t *testing.T) {
	h := newHooked(t, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"hello"}, Shared: true}}
	}, router.Extensions{Hooks: []hook.Hooks{{
		Request: func(_ context.Context, r *hook.Request) error {
			r.Partition = r.ClientHeader.Get("X-Tenant")
			return nil
		},
		SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error {
			r.Header.Set("X-From", r.Partition)
			return nil
		},
	}}})
	for _, tenant := range []string{"1", "2", "1", "2"} {
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "X-Tenant: "+tenant); body != `{"data":{"hello":"from `+tenant+`"}}` {
			t.Errorf("tenant %s: got %s", tenant, body)
		}
	}
	if n := h.asked(); n != 2 {
		t.Errorf("%d subgraph requests, want one for each tenant", n)
	}
}

// apiKeys knows one key and fails for another.
type apiKeys struct{}

func (apiKeys) Authenticate(r *http.Request) (*auth.Caller, error) {
	switch r.Header.Get("X-Api-Key") {
	case "":
		return nil, nil
	case "good":
		return &auth.Caller{Subject: "service", Roles: []string{"vault", "night"}}, nil
	case "down":
		return nil, errors.New("the key store is unavailable")
	}
	return nil, &auth.TokenError{Message: "Unknown API key.", Scheme: "ApiKey", Challenge: auth.ChallengeInvalidToken}
}

func TestCustomAuthenticatorIdentifiesCallers(t *testing.T) {
	h := newHooked(t, nil, router.Extensions{Authenticator: apiKeys{}})
	for key, want := range map[string]struct {
		status    int
		says      string
		challenge string
	}{
		"good": {status: 200, says: `{"data":{"secret":"s"}}`},
		"bad":  {status: 401, says: "Unknown API key.", challenge: `ApiKey error="invalid_token"`},
		"down": {status: 503, says: "AUTHENTICATION_UNAVAILABLE"},
		"":     {status: 200, says: "UNAUTHORIZED_FIELD_OR_TYPE"},
	} {
		res, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`, "X-Api-Key: "+key)
		if res.StatusCode != want.status || !strings.Contains(body, want.says) || res.Header.Get("WWW-Authenticate") != want.challenge {
			t.Errorf("key %q: got status %d, headers %v, %s", key, res.StatusCode, res.Header, body)
		}
	}
}

// policies grants the policies that a header names.
type policies struct{ asked *recorder }

func (p policies) Evaluate(ctx context.Context, _ *auth.Caller, names []string) (map[string]bool, error) {
	p.asked.add(strings.Join(names, ","))
	given := hook.FromContext(ctx).ClientHeader.Get("X-Policies")
	if given == "down" {
		return nil, errors.New("unavailable")
	}
	passed := map[string]bool{}
	for name := range strings.SplitSeq(given, ",") {
		passed[name] = true
	}
	return passed, nil
}

func TestCustomPolicyEvaluatorDecides(t *testing.T) {
	var asked recorder
	h := newHooked(t, nil, router.Extensions{Policies: policies{&asked}, Hooks: []hook.Hooks{{}}})
	for given, want := range map[string]struct {
		status int
		says   string
	}{
		"vault,night": {status: 200, says: `"secret":"s"`},
		"vault":       {status: 200, says: "UNAUTHORIZED_FIELD_OR_TYPE"},
		"down":        {status: 503, says: "AUTHORIZATION_UNAVAILABLE"},
	} {
		res, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`, "X-Policies: "+given)
		if res.StatusCode != want.status || !strings.Contains(body, want.says) {
			t.Errorf("%s: got status %d, %s", given, res.StatusCode, body)
		}
		if got := asked.take(); got != "night,vault" {
			t.Errorf("evaluated %q, want both at once", got)
		}
	}
	if h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); asked.take() != "" {
		t.Error("policies were evaluated for an operation that needs none")
	}
}

func TestHandlersAndMiddlewareRunOnBothPorts(t *testing.T) {
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	mark := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("X-Passed", name)
				next.ServeHTTP(w, r)
			})
		}
	}
	x := router.Extensions{
		Middleware:      []func(http.Handler) http.Handler{mark("outer"), mark("inner")},
		AdminMiddleware: []func(http.Handler) http.Handler{mark("admin")},
		Handlers:        map[string]http.Handler{"GET /own": say("public")},
		AdminHandlers:   map[string]http.Handler{"GET /own": say("admin")},
	}
	h := newHooked(t, nil, x)
	for name, c := range map[string]struct {
		handler http.Handler
		body    string
		passed  []string
	}{
		"public": {handler: h.Handler(), body: "public", passed: []string{"outer", "inner"}},
		"admin":  {handler: h.Admin(), body: "admin", passed: []string{"admin"}},
	} {
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/own", nil))
		if w.Body.String() != c.body || !slices.Equal(w.Header()["X-Passed"], c.passed) {
			t.Errorf("%s: got headers %v, %s", name, w.Header(), w.Body)
		}
	}
	for pattern, port := range map[string]*map[string]http.Handler{"/graphql": &x.Handlers, "GET /metrics": &x.AdminHandlers, "no pattern": &x.Handlers} {
		given := *port
		*port = map[string]http.Handler{pattern: say("")}
		tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := router.New(t.Context(), h.config, router.Options{Supergraph: hookSDL, Telemetry: tel, Extensions: x}); err == nil || !strings.Contains(err.Error(), pattern) {
			t.Errorf("pattern %q: got error %v", pattern, err)
		}
		*port = given
	}
}

func TestCustomOverrideLabelsAreActive(t *testing.T) {
	const sdl = `schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean, overrideLabel: String) repeatable on FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid") B @join__graph(name: "b", url: "http://b.invalid") }
type Query @join__type(graph: A) @join__type(graph: B) {
  hello: String @join__field(graph: A, usedOverridden: true, overrideLabel: "moved") @join__field(graph: B, override: "a", overrideLabel: "moved")
}
`
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	var subgraph string
	x := router.Extensions{
		OverrideLabels: func(r *http.Request) []string { return r.Header["X-Label"] },
		Hooks: []hook.Hooks{{
			Operation: func(_ context.Context, e *hook.Exchange) error {
				e.Labels = e.HTTP.Header["X-Hook-Label"]
				return nil
			},
			SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error {
				subgraph = r.Subgraph
				r.Answer = &hook.Answer{Body: []byte(`{"data":{"hello":"x"}}`)}
				return nil
			},
		}},
	}
	r, err := router.New(t.Context(), config.Default(), router.Options{Supergraph: sdl, Telemetry: tel, Extensions: x})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for header, want := range map[string]string{"X-None": "a", "X-Label": "b", "X-Hook-Label": "b"} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
		req.Header = http.Header{"Content-Type": {"application/json"}, header: {"moved"}}
		if r.Handler().ServeHTTP(w, req); subgraph != want {
			t.Errorf("%s: subgraph %q: got %s, want %s", header, subgraph, w.Body, want)
		}
	}
}
