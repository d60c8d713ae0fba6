package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/coder/websocket"

	"souk/internal/detach/detachtest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/telemetry"
)

// hookSDL has a query, fields with authorization directives and a subscription.
var hookSDL = strings.NewReplacer(
	"{ query: Query }", "@link(url: \"https://specs.apollo.dev/policy/v0.1\", for: SECURITY) @link(url: \"https://specs.apollo.dev/requiresScopes/v0.1\", for: SECURITY) "+
		"@link(url: \"https://specs.apollo.dev/authenticated/v0.1\", for: SECURITY) { query: Query subscription: Subscription }",
	"scalar link__Import", "scalar link__Import\nscalar policy__Policy\ndirective @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT\n"+
		"scalar requiresScopes__Scope\ndirective @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT\n"+
		"directive @authenticated on FIELD_DEFINITION | OBJECT",
).Replace(supergraphHead) + `type Query @join__type(graph: A) { hello: String secret: String @policy(policies: [["vault", "night"]])
  scoped: String @authenticated @requiresScopes(scopes: [["a", "b"], ["c"]]) }
type Subscription @join__type(graph: A) { ticks: Int }
`

// A hookedRouter is a router with extensions and one subgraph, which responds
// with the header X-From of the requests it gets.
type hookedRouter struct {
	*router.Reloadable
	config config.Config
	url    string
	log    *lockedBuffer
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
}

func (h *hookedRouter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.got, h.bodies = append(h.got, r), append(h.bodies, string(body))
	h.mu.Unlock()
	w.Header().Set("X-Subgraph", "a")
	if r.Header.Get("Accept") == "text/event-stream" {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: next\ndata: {\"data\":{\"ticks\":1}}\n\nevent: next\ndata: {\"data\":{\"ticks\":2}}\n\nevent: complete\ndata:\n\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(string(body), "secret") {
		fmt.Fprint(w, `{"data":{"secret":"s"}}`)
		return
	}
	fmt.Fprintf(w, `{"data":{"hello":%q}}`, "from "+r.Header.Get("X-From"))
}

// asked returns the number of requests to the subgraph.
func (h *hookedRouter) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.got)
}

func (h *hookedRouter) last() *http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[len(h.got)-1]
}

func newHooked(t *testing.T, change func(*config.Config), x router.Extensions) *hookedRouter {
	t.Helper()
	return newHookedWith(t, hookSDL, change, x)
}

// newHookedWith is newHooked with another supergraph. It is empty to use the configured
// file.
func newHookedWith(t *testing.T, supergraph string, change func(*config.Config), x router.Extensions) *hookedRouter {
	t.Helper()
	h := &hookedRouter{config: config.Default(), log: new(lockedBuffer)}
	subgraph := httptest.NewServer(h)
	t.Cleanup(subgraph.Close)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: h.log})
	if err != nil {
		t.Fatal(err)
	}
	h.config.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL + "/graphql"}}
	h.config.Subscriptions.All.Protocol = "sse"
	h.config.HTTP.Batching.Enabled = true
	h.config.IncludeErrors.All = true
	if change != nil {
		change(&h.config)
	}
	routes := fstest.MapFS{"hello.graphql": {Data: []byte(`query hello @rest(method: GET, path: "/api/hello", result: "hello") { hello }`)}}
	h.Reloadable, err = router.NewReloadable(t.Context(), h.config, router.Options{Supergraph: supergraph, Routes: routes, Telemetry: tel, Extensions: x})
	if err != nil {
		t.Fatal(err)
	}
	serve := detachtest.NewServer
	if len(x.Middleware) > 0 {
		serve = httptest.NewServer // as Serve does: middleware sees whole responses
	}
	server := serve(h.Handler())
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// do sends a request and returns the response with its body.
func (h *hookedRouter) do(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	if method == http.MethodPost {
		headers = append([]string{"Content-Type: application/json"}, headers...)
	}
	return ask(t, method, h.url+path, body, headers...)
}

// socket runs an operation on a WebSocket and returns the messages up to its end. The headers are
// those of the handshake.
func (h *hookedRouter) socket(t *testing.T, payload string, headers ...string) string {
	t.Helper()
	handshake := http.Header{}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		handshake.Set(name, value)
	}
	conn, res, err := websocket.Dial(t.Context(), h.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: handshake})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		defer res.Body.Close()
	}
	defer conn.CloseNow() //nolint:errcheck // the test is over
	for _, message := range []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":` + payload + `}`} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	all := ""
	for {
		_, message, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all += string(message) + "\n"
		if strings.Contains(string(message), `"complete"`) || strings.Contains(string(message), `"error"`) {
			return all
		}
	}
}

// A recorder records every call of a hook.
type recorder struct {
	mu    sync.Mutex
	calls []string
}

func (r *recorder) add(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.calls, " ")
	r.calls = nil
	return all
}

// hooks returns hooks that record their calls under a name.
func (r *recorder) hooks(name string) hook.Hooks {
	note := func(point string) error {
		r.add(name + "." + point)
		return nil
	}
	return hook.Hooks{
		Name:             name,
		Request:          func(context.Context, *hook.Request) error { return note("request") },
		Operation:        func(context.Context, *hook.Exchange) error { return note("operation") },
		Plan:             func(context.Context, *hook.Exchange) error { return note("plan") },
		SubgraphRequest:  func(context.Context, *hook.SubgraphRequest) error { return note("subgraph-request") },
		SubgraphResponse: func(context.Context, *hook.SubgraphResponse) error { return note("subgraph-response") },
		Response:         func(context.Context, *hook.Response) error { return note("response") },
	}
}
