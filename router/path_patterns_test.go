package router_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// A pattern serves all its paths, and no path of another endpoint. A path serves nothing
// below it; http.ServeMux redirects to one that ends with a slash.
func TestPathPatterns(t *testing.T) {
	for pattern, paths := range map[string]struct{ served, others []string }{
		"/graphql/*":       {[]string{"/graphql", "/graphql/", "/graphql/a%2Fb", "/graphql/a", "/graphql/a/b", "/graphql/*"}, []string{"/graphqlx", "/", "/a/graphql"}},
		"/:tenant/graphql": {[]string{"/a/graphql", "/b-2/graphql", "/playground2/graphql", "/a%2Fb/graphql", "/api%2Fx/graphql", "/%61/gr%61phql"}, []string{"/graphql", "/a/b/graphql", "/a%2Fgraphql", "/a%2Fb%2Fgraphql", "/%2e%2e/graphql", "/a/graphql/b", "/console/graphql", "/api/graphql"}},
		"/g*":              {[]string{"/g", "/graphql", "/gateway/x"}, []string{"/x", "/"}},
		"/:a/v1/:b/*":      {[]string{"/x/v1/y", "/x/v1/y/z"}, []string{"/x/v1", "/x/v2/y"}},
		"/graphql/":        {[]string{"/graphql/", "/gr%61phql/", "/graphql"}, []string{"/graphql/a", "/graphql/a/b", "/graphql%2F"}},
		"/":                {[]string{"/"}, []string{"/graphql", "/a/b"}},
		"/*":               {[]string{"/", "/a", "/a/b"}, []string{"/healthz", "/metrics", "/debug/pprof", "/api/none"}},
	} {
		t.Run(pattern, func(t *testing.T) {
			h := newHooked(t, func(c *config.Config) {
				c.Path = pattern
				if err := c.Check(nil); err != nil {
					t.Fatal(err)
				}
			}, router.Extensions{})
			for _, path := range paths.served {
				if res, body := h.do(t, "POST", path, `{"query":"{ hello }"}`); res.StatusCode != 200 || !strings.Contains(body, "hello") {
					t.Errorf("%s: status %d, %s", path, res.StatusCode, body)
				}
			}
			for _, path := range paths.others {
				if res, body := h.do(t, "POST", path, `{"query":"{ hello }"}`); res.StatusCode/100 != 4 || strings.Contains(body, `"hello"`) {
					t.Errorf("%s: status %d, %s", path, res.StatusCode, body)
				}
			}
			for path, says := range map[string]string{"/api/hello": "from ", "/healthz": "UP"} {
				if res, body := h.do(t, "GET", path, ""); res.StatusCode != 200 || !strings.Contains(body, says) {
					t.Errorf("%s: status %d, %s", path, res.StatusCode, body)
				}
			}
		})
	}
}

// The paths of health checks and metrics may end with a slash, or be /. They serve nothing below them. The playground
// serves its files there.
func TestPathsServeNothingBelowThem(t *testing.T) {
	for name, c := range map[string]struct {
		configure     func(*config.Config)
		public, admin map[string]int
	}{
		"with a slash": {
			func(c *config.Config) {
				c.Health.LivenessPaths, c.Health.ReadinessPaths, c.Telemetry.MetricsPath = []string{"/live/"}, []string{"/ready/"}, "/metrics/"
				c.Playground.Enabled, c.Playground.Path = true, "/playground/"
			},
			map[string]int{
				"/live/": 200, "/live": 200, "/live/x": 404, "/ready/": 200, "/ready/x": 404, "/": 200, "/x": 404,
				"/playground": 200, "/playground/": 200, "/playground/playground.js": 200, "/playground/x": 404,
			},
			map[string]int{"/live/": 200, "/live/x": 404, "/ready/x": 404, "/metrics/": 200, "/metrics": 200, "/metrics/x": 404},
		},
		"without": {
			func(*config.Config) {},
			map[string]int{"/healthz": 200, "/healthz/": 404, "/healthz/x": 404, "/": 404},
			map[string]int{"/metrics": 200, "/metrics/": 404, "/metrics/x": 404},
		},
		"root": {
			func(c *config.Config) { c.Health.LivenessPaths, c.Playground.Enabled = []string{"/"}, true },
			map[string]int{"/": 200, "/x": 404, "/playground/": 200},
			map[string]int{"/": 200, "/x": 404},
		},
	} {
		t.Run(name, func(t *testing.T) {
			public, admin := servePorts(t, newRouter(t, smallSDL, nil, hello, func(config *config.Config) {
				c.configure(config)
				if err := config.Check(nil); err != nil {
					t.Fatal(err)
				}
			}))
			for at, paths := range map[string]map[string]int{public: c.public, admin: c.admin} {
				for path, want := range paths {
					if response, _ := ask(t, "GET", at+path, ""); response.StatusCode != want {
						t.Errorf("%s: got status %d, want %d", path, response.StatusCode, want)
					}
				}
			}
			if name == "root" {
				if _, body := ask(t, "GET", public+"/", ""); !strings.Contains(body, "UP") {
					t.Errorf("got %s", body)
				}
			}
		})
	}
}

// What applies to the endpoint applies at the paths of a pattern: CORS, CSRF prevention, WebSocket,
// the playground, the route of the access log, and what a program mounts.
func TestPathPatternsHaveAllOfTheEndpoint(t *testing.T) {
	mounted := func(says string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, says) })
	}
	var routes recorder
	h := newHooked(t, func(c *config.Config) {
		c.Path, c.Playground.Enabled = "/:tenant/graphql", true
		c.CORS.AllowOrigins = []string{"https://shop.example"}
	}, router.Extensions{Hooks: []hook.Hooks{{Name: "routes", Request: func(_ context.Context, r *hook.Request) error {
		routes.add(r.HTTP.Method + " " + r.HTTP.Pattern)
		return nil
	}}}, Handlers: map[string]http.Handler{"/": mounted("the rest"), "/own/": mounted("mounted")}})
	res, _ := h.do(t, "OPTIONS", "/a/graphql", "", "Origin: https://shop.example", "Access-Control-Request-Method: POST")
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "https://shop.example" {
		t.Errorf("preflight: status %d, allowed %q", res.StatusCode, got)
	}
	if res, body := h.do(t, "GET", "/a/graphql?query=%7Bhello%7D", ""); res.StatusCode != 403 || !strings.Contains(body, "CSRF") {
		t.Errorf("CSRF: status %d, %s", res.StatusCode, body)
	}
	conn, res, err := websocket.Dial(t.Context(), h.url+"/a/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Error(err)
	} else {
		_ = conn.CloseNow()
	}
	if res != nil && res.Body != nil {
		_ = res.Body.Close()
	}
	for path, says := range map[string]string{"/other": "the rest", "/own/graphql": "mounted", "/playground/": `"endpoint":"/tenant/graphql"`} {
		if res, body := h.do(t, "GET", path, ""); res.StatusCode != 200 || !strings.Contains(body, says) {
			t.Errorf("%s: status %d, want %s in %.300s", path, res.StatusCode, says, body)
		}
	}
	if res, body := h.do(t, "POST", "/tenant-1/graphql", `{"query":"{ hello }"}`); res.StatusCode != 200 {
		t.Errorf("status %d, %s", res.StatusCode, body)
	}
	if got := routes.take(); !strings.Contains(got, "POST /:tenant/graphql") || strings.Contains(got, "tenant-1") {
		t.Errorf("got the routes %s", got)
	}
}
