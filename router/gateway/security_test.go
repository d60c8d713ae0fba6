package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/rest"
)

// accepting stands for the REST routes.
type accepting struct{}

func (accepting) RunsOperation(*http.Request) bool { return true }

func (accepting) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusAccepted)
}

func routes(string, rest.Executor) (gateway.RESTHandler, error) { return accepting{}, nil }

func TestForgedRequestsAreRefused(t *testing.T) {
	_, base := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.CORS.AllowOrigins = []string{"https://shop.example", "https://*.shop.example"}
		o.REST = routes
	})
	host := strings.TrimPrefix(base, "http://")
	const (
		get       = "/graphql?query=%7Bhello%7D"
		plain     = "Content-Type: text/plain"
		form      = "Content-Type: application/x-www-form-urlencoded"
		bare      = "Content-Type: "
		crossSite = "Sec-Fetch-Site: cross-site"
		sameSite  = "Sec-Fetch-Site: same-site"
		evil      = "Origin: https://evil.example"
	)
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"GET of a page of the router", "GET", get, []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"GET by hand", "GET", get, []string{"Sec-Fetch-Site: none"}, 200},
		{"GET of a sibling site", "GET", get, []string{sameSite}, 403},
		{"GET of another site", "GET", get, []string{crossSite, evil}, 403},
		{"GET of nobody known", "GET", get, nil, 403},
		{"GET with the router's origin", "GET", get, []string{"Origin: http://" + host}, 200},
		{"GET with the router's origin behind TLS", "GET", get, []string{"Origin: https://" + host}, 200},
		{"GET with another port", "GET", get, []string{"Origin: http://127.0.0.1:1"}, 403},
		{"GET of an opaque origin", "GET", get, []string{"Origin: null"}, 403},
		{"GET of another site that names the router's origin", "GET", get, []string{crossSite, "Origin: http://" + host}, 403},
		{"GET of a listed origin", "GET", get, []string{crossSite, "Origin: https://shop.example"}, 200},
		{"GET of a listed subdomain", "GET", get, []string{crossSite, "Origin: https://a.shop.example"}, 200},
		{"GET of a listed host by http", "GET", get, []string{crossSite, "Origin: http://shop.example"}, 403},
		{"GET of a listed origin with cookies that it may not send", "GET", get, []string{crossSite, "Origin: https://shop.example", "Cookie: a=b"}, 403},
		{"GET with a required header", "GET", get, []string{crossSite, evil, "GraphQL-Require-Preflight: 1"}, 200},
		{"JSON of another site that its browser asked about", "POST", "/graphql", []string{crossSite, evil}, 200},
		{"text of another site", "POST", "/graphql", []string{crossSite, evil, plain}, 403},
		{"text of a page of the router", "POST", "/graphql", []string{"Sec-Fetch-Site: same-origin", plain}, 415},

		{"REST: form of another site", "POST", "/api/x", []string{crossSite, evil, form}, 403},
		{"REST: form of a browser without Sec-Fetch-Site", "POST", "/api/x", []string{evil, form}, 403},
		{"REST: text of a sandboxed page", "POST", "/api/x", []string{"Origin: null", plain}, 403},
		{"REST: no type, another site", "POST", "/api/x", []string{crossSite, evil, bare}, 403},
		{"REST: no type, no browser", "POST", "/api/x", []string{bare}, 202},
		{"REST: form, no browser", "POST", "/api/x", []string{form}, 202},
		{"REST: JSON of another site that its browser asked about", "POST", "/api/x", []string{crossSite, evil}, 202},
		{"REST: form of a page of the router", "POST", "/api/x", []string{"Sec-Fetch-Site: same-origin", form}, 202},
		{"REST: form of a listed origin", "POST", "/api/x", []string{crossSite, "Origin: https://shop.example", form}, 202},
		{"REST: form of a listed origin with cookies that it may not send", "POST", "/api/x", []string{crossSite, "Origin: https://shop.example", form, "Cookie: a=b"}, 403},
		{"REST: DELETE, which is always asked about", "DELETE", "/api/x", []string{crossSite, evil}, 202},
		{"REST: GET", "GET", "/api/x", []string{crossSite}, 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, base+c.path, query, c.headers...)
			if got.status != c.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, c.status)
			}
			if c.status == 403 && (!strings.Contains(got.body, "CSRF_PREVENTION") || got.header.Get("Content-Type") != "application/problem+json") {
				t.Errorf("refused by %s %s", got.header.Get("Content-Type"), got.body)
			}
		})
	}
}

// A page of every origin may read what it gets without cookies; that does not
// let it act with a user's cookies.
func TestWildcardOriginIsNotTrusted(t *testing.T) {
	_, base := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.CORS.AllowOrigins = []string{"*"}
		o.REST = routes
	})
	got := send(t, "POST", base+"/api/x", "", "Content-Type: text/plain", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
	if got.status != 403 || got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %d %v", got.status, got.header)
	}
}

func TestSocketsAreRefusedToOtherOrigins(t *testing.T) {
	_, base := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.CORS.AllowOrigins = []string{"https://shop.example", "http://localhost:*"}
	})
	for _, c := range []struct {
		origin, site string
		opens        bool
	}{
		{"", "", true},
		{base, "", true},
		{base, "same-origin", true},
		{"https://shop.example", "cross-site", true},
		{"http://shop.example", "cross-site", false}, // anybody on the network can be that page
		{"https://shop.example.evil.example", "cross-site", false},
		{"http://localhost:5173", "cross-site", true},
		{"https://evil.example", "", false},
		{"null", "cross-site", false},
	} {
		h := http.Header{}
		if c.origin != "" {
			h.Set("Origin", c.origin)
		}
		if c.site != "" {
			h.Set("Sec-Fetch-Site", c.site)
		}
		conn, response, err := websocket.Dial(t.Context(), base+"/graphql", &websocket.DialOptions{HTTPHeader: h, Subprotocols: []string{"graphql-transport-ws"}})
		if (err == nil) != c.opens || err != nil && response.StatusCode != http.StatusForbidden {
			t.Errorf("%+v: %v", c, err)
		}
		if response != nil && !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("%+v: Vary is %q", c, response.Header.Values("Vary"))
		}
		if conn != nil {
			_ = conn.CloseNow()
		}
	}
}
