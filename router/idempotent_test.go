package router_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"souk/router/compose"
	"souk/router/gateway/config"
)

const idempotentGraph = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective"])
  @link(url: "https://souk.dev/idempotent/v1.0", import: ["@idempotent"])
  @composeDirective(name: "@idempotent")
directive @idempotent(key: String) on FIELD_DEFINITION
input Order { key: String  what: String }
type Query { hello: String }
type Mutation { place(order: Order): Int @idempotent(key: "order.key")  place2: Int @idempotent  change: Int }`

// A breakingService executes each mutation once for each key. It breaks the connection after the
// work of the first request.
type breakingService struct {
	mu       sync.Mutex
	broken   bool
	executed int
	keys     []string       // of the requests
	done     map[string]int // the results by key
}

func (s *breakingService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct{ Query string }
	_ = json.NewDecoder(r.Body).Decode(&request)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	s.keys = append(s.keys, key)
	result, ok := s.done[key]
	if !ok || key == "" {
		s.executed++
		result = s.executed
		s.done[key] = result
	}
	if !s.broken {
		s.broken = true
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"data":{"place":%d,"a":%[1]d,"b":%[1]d,"place2":%[1]d,"change":%[1]d}}`, result)
}

// A mutation whose connection breaks after the work is sent again with the same key, and executed
// once. Without a key, or without the directive, it is never sent again.
func TestIdempotentMutationsAreRetriedWithTheirKey(t *testing.T) {
	graph, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "a", URL: "http://a.invalid", SDL: idempotentGraph}})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("k", 300)
	for name, c := range map[string]struct {
		body, header, key string // an empty key: no retry
	}{
		"header":                     {`{"query":"mutation { place(order: {what: \"x\"}) }"}`, "abc", "abc"},
		"header without an argument": {`{"query":"mutation { place2 }"}`, `"abc"`, `"abc"`},
		"argument":                   {`{"query":"mutation { place(order: {key: \"k1\"}) }"}`, "", `"k1"`},
		"variable":                   {`{"query":"mutation($o: Order) { place(order: $o) }","variables":{"o":{"key":"k2"}}}`, "", `"k2"`},
		"variable inside":            {`{"query":"mutation($k: String) { p: place(order: {key: $k}) place: place(order: {key: $k}) }","variables":{"k":"k3"}}`, "", ""},
		"header before argument":     {`{"query":"mutation { place(order: {key: \"k1\"}) }"}`, "abc", "abc"},
		"long argument":              {`{"query":"mutation { place(order: {key: \"` + long + `\"}) }"}`, "", "hash"},
		"no key":                     {`{"query":"mutation { place(order: {what: \"x\"}) }"}`, "", ""},
		"null":                       {`{"query":"mutation { place(order: null) }"}`, "", ""},
		"another mutation":           {`{"query":"mutation { change }"}`, "abc", ""},
		"two fields":                 {`{"query":"mutation { a: place(order: {}) b: place(order: {}) }"}`, "abc", ""},
		"batch":                      {`[{"query":"mutation { place(order: {}) }"}]`, "abc", ""},
	} {
		for _, client := range []string{"direct", "standard"} {
			t.Run(name+", "+client, func(t *testing.T) {
				s := &breakingService{done: map[string]int{}}
				r := newRouter(t, graph.SDL, nil, s.ServeHTTP, func(c *config.Config) {
					c.HTTP.Batching.Enabled = true
					c.TrafficShaping.All.HTTPClient = client
				})
				at := httptest.NewServer(r.Handler())
				defer at.Close()
				headers := []string{posts}
				if c.header != "" {
					headers = append(headers, "Idempotency-Key: "+c.header)
				}
				_, body := ask(t, "POST", at.URL+"/graphql", c.body, headers...)
				s.mu.Lock()
				defer s.mu.Unlock()
				if s.executed != 1 {
					t.Errorf("executed %d times", s.executed)
				}
				if c.key == "" {
					if len(s.keys) != 1 || s.keys[0] != "" || !strings.Contains(body, "SUBREQUEST_HTTP_ERROR") {
						t.Errorf("requests with the keys %q, response %s", s.keys, body)
					}
					return
				}
				if len(s.keys) != 2 || s.keys[0] != s.keys[1] || s.keys[0] != c.key && (c.key != "hash" || !strings.HasPrefix(s.keys[0], `"sha256-`)) || strings.Contains(body, "errors") {
					t.Errorf("requests with the keys %q, want %s twice; response %s", s.keys, c.key, body)
				}
			})
		}
	}
}

// The router knows the directive by the URL of its @link: another one of the same name does not
// make mutations idempotent, and one that is imported under another name does.
func TestIdempotentIsKnownByItsLink(t *testing.T) {
	for name, c := range map[string]struct {
		link, directive string
		requests        int
	}{
		"another URL":   {`@link(url: "https://shop.example/markers/v1.0", import: ["@idempotent"])`, "idempotent", 1},
		"another name":  {`@link(url: "https://souk.dev/idempotent/v1.0", import: [{name: "@idempotent", as: "@retryable"}])`, "retryable", 2},
		"the same name": {`@link(url: "https://souk.dev/idempotent/v1.0", import: ["@idempotent"])`, "idempotent", 2},
	} {
		t.Run(name, func(t *testing.T) {
			sdl := `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective"]) ` + c.link + ` @composeDirective(name: "@` + c.directive + `")
directive @` + c.directive + `(key: String) on FIELD_DEFINITION
type Query { hello: String }
type Mutation { place(key: String): Int @` + c.directive + `(key: "key") }`
			graph, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "a", URL: "http://a.invalid", SDL: sdl}})
			if err != nil {
				t.Fatal(err)
			}
			s := &breakingService{done: map[string]int{}}
			at := httptest.NewServer(newRouter(t, graph.SDL, nil, s.ServeHTTP, func(*config.Config) {}).Handler())
			defer at.Close()
			_, body := ask(t, "POST", at.URL+"/graphql", `{"query":"mutation { place(key: \"k1\") }"}`, posts)
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.keys) != c.requests || s.executed != 1 {
				t.Errorf("requests with the keys %q, want %d; executed %d times; response %s", s.keys, c.requests, s.executed, body)
			}
		})
	}
}
