package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// smallRoutes are REST routes for smallSDL.
var smallRoutes = fstest.MapFS{"hello.graphql": {Data: []byte(`query hello @rest(method: GET, path: "/api/hello", result: "hello") { hello }`)}}

// serveRouter starts a router with one subgraph.
func serveRouter(t *testing.T, sdl string, routes fstest.MapFS, subgraph http.HandlerFunc, configure func(*config.Config)) string {
	t.Helper()
	server := httptest.NewServer(openRouter(t, sdl, routes, subgraph, configure))
	t.Cleanup(server.Close)
	return server.URL
}

// openRouter returns the handler of a router with one subgraph.
func openRouter(t *testing.T, sdl string, routes fstest.MapFS, subgraph http.HandlerFunc, configure func(*config.Config)) http.Handler {
	t.Helper()
	return newRouter(t, sdl, routes, subgraph, configure).Handler()
}

// newRouter returns a router with one subgraph, which is closed with the test.
func newRouter(t *testing.T, sdl string, routes fstest.MapFS, subgraph http.HandlerFunc, configure func(*config.Config)) *router.Router {
	t.Helper()
	return newRouterWith(t, router.Options{Supergraph: sdl, Routes: routes}, subgraph, configure)
}

// newRouterWith is like newRouter, with options.
func newRouterWith(t testing.TB, o router.Options, subgraph http.Handler, configure func(*config.Config)) *router.Router {
	t.Helper()
	upstream := httptest.NewServer(subgraph)
	t.Cleanup(upstream.Close)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {upstream.URL + "/a"}}
	if strings.Contains(o.Supergraph, `name: "b"`) {
		c.OverrideSubgraphURLs["b"] = []string{upstream.URL + "/b"}
	}
	if configure != nil {
		configure(&c)
	}
	o.Telemetry = tel
	r, err := router.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// servePorts serves both ports of a router, and returns their URLs.
func servePorts(t *testing.T, r interface {
	Handler() http.Handler
	Admin() http.Handler
}) (public, admin string) {
	t.Helper()
	p, a := httptest.NewServer(r.Handler()), httptest.NewServer(r.Admin())
	t.Cleanup(p.Close)
	t.Cleanup(a.Close)
	return p.URL, a.URL
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
}

// ask sends one request; headers have the form "Name: value".
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// varies reports whether a response names a header in Vary.
func varies(r *http.Response, name string) bool {
	for _, line := range r.Header.Values("Vary") {
		for each := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(each), name) {
				return true
			}
		}
	}
	return false
}

const (
	shop  = "Origin: https://shop.example"
	posts = "Content-Type: application/json"
)

// A preflight request carries no token and must not count against the caller's
// rate limit.
func TestPreflightNeedsNoTokenAndIsNotRateLimited(t *testing.T) {
	url := serveRouter(t, smallSDL, smallRoutes, hello, func(c *config.Config) {
		c.CORS.AllowOrigins = []string{"https://shop.example"}
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: "http://127.0.0.1:1/jwks.json"}}
		c.Authentication.JWT.Required = true
		c.RateLimit.Enabled, c.RateLimit.Requests, c.RateLimit.Interval = true, 1, 1<<40
	})
	for path, methods := range map[string][]string{
		"/graphql":   {"GET", "POST"},
		"/api/hello": {"GET", "POST", "PUT", "PATCH", "DELETE"},
		"/api/lost":  {"DELETE"},
	} {
		for _, method := range slices.Concat(methods, methods) {
			const wanted = "authorization,content-type,idempotency-key,if-match,traceparent"
			r, _ := ask(t, "OPTIONS", url+path, "", shop, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: "+wanted)
			h := r.Header
			if r.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "https://shop.example" ||
				!strings.Contains(h.Get("Access-Control-Allow-Methods"), method) || h.Get("Access-Control-Allow-Headers") != wanted ||
				h.Get("Access-Control-Max-Age") != "600" || !varies(r, "Origin") {
				t.Errorf("%s %s: got status %d, headers %v", method, path, r.StatusCode, h)
			}
		}
		r, _ := ask(t, "OPTIONS", url+path, "", "Origin: https://evil.example", "Access-Control-Request-Method: POST")
		if r.Header.Get("Access-Control-Allow-Origin") != "" || !varies(r, "Origin") {
			t.Errorf("%s: unlisted origin: got headers %v", path, r.Header)
		}
	}
}

// Every response tells caches that it depends on Origin, and pages of listed
// origins can read errors.
func TestEveryResponseVariesByOrigin(t *testing.T) {
	url := serveRouter(t, smallSDL, smallRoutes, hello, func(c *config.Config) {
		c.CORS.AllowOrigins = []string{"https://*.example"}
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: "http://127.0.0.1:1/jwks.json"}}
		c.Limits.MaxBodyBytes = 100
		c.RateLimit.Enabled, c.RateLimit.Requests, c.RateLimit.Interval = true, 50, 1<<50
	})
	const query = `{"query":"{ hello }"}`
	long := strings.Repeat(" ", 200)
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
	}{
		{method: "POST", path: "/graphql", body: query, headers: []string{posts}, status: 200},
		{method: "POST", path: "/graphql", body: `{"query":"{ lost }"}`, headers: []string{posts}, status: 422},
		{method: "POST", path: "/graphql", body: query, headers: []string{posts, "Authorization: Bearer x"}, status: 401},
		{method: "POST", path: "/graphql", body: query + long, headers: []string{posts}, status: 413},
		{method: "GET", path: "/graphql?query=%7Bhello%7D", status: 403},
		{method: "PATCH", path: "/graphql", body: query, headers: []string{posts}, status: 405},
		{method: "GET", path: "/api/hello", status: 200},
		{method: "GET", path: "/api/hello", headers: []string{"Authorization: Bearer x"}, status: 401},
		{method: "GET", path: "/api/lost", status: 404},
		{method: "POST", path: "/api/hello", body: query, headers: []string{posts}, status: 405},
		{method: "GET", path: "/api/openapi.json", status: 200},
	} {
		for _, origin := range []string{"", shop} {
			headers := c.headers
			if origin != "" {
				headers = append(slices.Clone(headers), origin)
			}
			r, body := ask(t, c.method, url+c.path, c.body, headers...)
			if r.StatusCode != c.status && (c.status != 403 || origin == "") { // requests of a listed origin are not forged
				t.Errorf("%s %s: got status %d, %s, want %d", c.method, c.path, r.StatusCode, body, c.status)
			}
			if !varies(r, "Origin") {
				t.Errorf("%s %s %q: got status %d, Vary %q", c.method, c.path, origin, r.StatusCode, r.Header.Values("Vary"))
			}
			if readable := r.Header.Get("Access-Control-Allow-Origin") == "https://shop.example"; readable != (origin != "" && c.method != "PATCH") {
				t.Errorf("%s %s %q: got status %d, readable by pages: %v", c.method, c.path, origin, r.StatusCode, readable)
			}
		}
	}
	// The remaining requests are used up; pages can read the 429.
	for range 60 {
		r, _ := ask(t, "GET", url+"/api/hello", "", shop)
		if r.StatusCode == 429 {
			if r.Header.Get("Access-Control-Allow-Origin") == "" || !strings.Contains(r.Header.Get("Access-Control-Expose-Headers"), "Retry-After") || r.Header.Get("Retry-After") == "" {
				t.Errorf("status 429: got headers %v", r.Header)
			}
			return
		}
	}
	t.Error("the rate limit rejected no request")
}

func TestNoCORSHeadersWithoutOrigins(t *testing.T) {
	url := serveRouter(t, smallSDL, smallRoutes, hello, nil)
	for _, path := range []string{"/graphql", "/api/hello"} {
		r, _ := ask(t, "OPTIONS", url+path, "", shop, "Access-Control-Request-Method: POST")
		if r.Header.Get("Access-Control-Allow-Origin") != "" || varies(r, "Origin") {
			t.Errorf("%s: got headers %v", path, r.Header)
		}
	}
}

// handshake begins a WebSocket, closes the connection, and returns the status.
func handshake(t *testing.T, url, origin string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/graphql", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-transport-ws",
	} {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// An origin for all ports includes the scheme's default port, which browsers
// omit in Origin.
func TestAllPortsIncludeTheDefaultPort(t *testing.T) {
	url := serveRouter(t, smallSDL, smallRoutes, hello, func(c *config.Config) {
		c.CORS.AllowOrigins = []string{"http://localhost:*"}
	})
	for origin, allowed := range map[string]bool{
		"http://localhost": true, "http://localhost:3000": true, "https://localhost": false, "http://localhost.evil.example": false,
	} {
		for _, path := range []string{"/graphql", "/api/hello"} {
			r, _ := ask(t, "OPTIONS", url+path, "", "Origin: "+origin, "Access-Control-Request-Method: POST")
			if got := r.Header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed {
				t.Errorf("%s %s: Access-Control-Allow-Origin = %q", path, origin, got)
			}
		}
		if got := handshake(t, url, origin); (got == http.StatusSwitchingProtocols) != allowed {
			t.Errorf("WebSocket from %s: got status %d", origin, got)
		}
	}
}

// A policy replaces the settings of cors for its origins, in preflight requests, in responses,
// for WebSockets, and against forged requests.
func TestPoliciesApplyToTheirOrigins(t *testing.T) {
	yes := true
	url := serveRouter(t, smallSDL, smallRoutes, hello, func(c *config.Config) {
		c.CORS.AllowOrigins, c.CORS.AllowHeaders, c.CORS.MaxAge = []string{"https://shop.example"}, []string{"Content-Type"}, time.Minute
		c.CORS.Policies = []config.CORSPolicy{
			{AllowOrigins: []string{"https://partner.example"}, AllowCredentials: &yes, AllowMethods: []string{"GET"}, ExposeHeaders: []string{"X-Partner"}, MaxAge: time.Hour},
			{MatchOrigins: []string{`https://pr-[0-9]+\.preview\.example`}, AllowHeaders: []string{"*"}},
		}
	})
	type answer struct{ allowed, credentials, age, exposed string }
	for _, c := range []struct {
		origin, method, header string
		want                   answer
	}{
		{"https://shop.example", "POST", "content-type", answer{allowed: "POST", age: "60"}},
		{"https://shop.example", "POST", "x-custom", answer{}},
		{"https://partner.example", "GET", "content-type", answer{allowed: "GET", credentials: "true", age: "3600"}},
		{"https://partner.example", "POST", "content-type", answer{}},
		{"https://pr-12.preview.example", "POST", "x-custom", answer{allowed: "POST", age: "60"}},
		{"HTTPS://PR-12.PREVIEW.EXAMPLE", "POST", "x-custom", answer{allowed: "POST", age: "60"}},
		{"https://pr-12.preview.example.evil.example", "POST", "content-type", answer{}},
		{"https://pr-x.preview.example", "POST", "content-type", answer{}},
		{"null", "POST", "content-type", answer{}},
	} {
		for _, path := range []string{"/graphql", "/api/hello"} {
			r, _ := ask(t, "OPTIONS", url+path, "", "Origin: "+c.origin, "Access-Control-Request-Method: "+c.method, "Access-Control-Request-Headers: "+c.header)
			h := r.Header
			got := answer{h.Get("Access-Control-Allow-Methods"), h.Get("Access-Control-Allow-Credentials"), h.Get("Access-Control-Max-Age"), ""}
			if got != c.want || (h.Get("Access-Control-Allow-Origin") == c.origin) != (c.want.allowed != "") || !varies(r, "Origin") {
				t.Errorf("%s %s %s from %s: got headers %v", c.method, path, c.header, c.origin, h)
			}
		}
	}
	for origin, exposed := range map[string]string{"https://partner.example": "X-Partner", "https://shop.example": "Etag", "": ""} {
		r, _ := ask(t, "GET", url+"/api/hello", "", "Origin: "+origin)
		if got := r.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(got, exposed) || (origin == "") != (got == "") || !varies(r, "Origin") {
			t.Errorf("from %q: got headers %v", origin, r.Header)
		}
	}
	for origin, open := range map[string]bool{"https://partner.example": true, "https://pr-1.preview.example": true, "https://other.example": false} {
		if got := handshake(t, url, origin); (got == http.StatusSwitchingProtocols) != open {
			t.Errorf("WebSocket from %s: got status %d", origin, got)
		}
	}
	// Only the partner's pages may act with cookies.
	for origin, status := range map[string]int{"https://partner.example": 200, "https://shop.example": 403, "https://other.example": 403} {
		r, body := ask(t, "GET", url+"/graphql?query=%7Bhello%7D", "", "Origin: "+origin, "Cookie: session=1", "Sec-Fetch-Site: cross-site")
		if r.StatusCode != status {
			t.Errorf("forged request from %s: got status %d, want %d: %s", origin, r.StatusCode, status, body)
		}
	}
}
