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

// accepting takes the place of the REST routes.
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
		{name: "GET of a page of the router", method: "GET", path: get, headers: []string{"Sec-Fetch-Site: same-origin"}, status: 200},
		{name: "GET typed by the user", method: "GET", path: get, headers: []string{"Sec-Fetch-Site: none"}, status: 200},
		{name: "GET of a sibling site", method: "GET", path: get, headers: []string{sameSite}, status: 403},
		{name: "GET of another site", method: "GET", path: get, headers: []string{crossSite, evil}, status: 403},
		{name: "GET without an origin", method: "GET", path: get, status: 403},
		{name: "GET with the router's origin", method: "GET", path: get, headers: []string{"Origin: http://" + host}, status: 200},
		{name: "GET with the router's origin behind TLS", method: "GET", path: get, headers: []string{"Origin: https://" + host}, status: 200},
		{name: "GET with another port", method: "GET", path: get, headers: []string{"Origin: http://127.0.0.1:1"}, status: 403},
		{name: "GET of an opaque origin", method: "GET", path: get, headers: []string{"Origin: null"}, status: 403},
		{name: "GET of another site with the router's origin", method: "GET", path: get, headers: []string{crossSite, "Origin: http://" + host}, status: 403},
		{name: "GET of a listed origin", method: "GET", path: get, headers: []string{crossSite, "Origin: https://shop.example"}, status: 200},
		{name: "GET of a listed subdomain", method: "GET", path: get, headers: []string{crossSite, "Origin: https://a.shop.example"}, status: 200},
		{name: "GET of a listed host by http", method: "GET", path: get, headers: []string{crossSite, "Origin: http://shop.example"}, status: 403},
		{name: "GET of a listed origin without allowed credentials, with cookies", method: "GET", path: get, headers: []string{crossSite, "Origin: https://shop.example", "Cookie: a=b"}, status: 403},
		{name: "GET with a required header", method: "GET", path: get, headers: []string{crossSite, evil, "GraphQL-Require-Preflight: 1"}, status: 200},
		{name: "JSON of another site after a preflight", method: "POST", path: "/graphql", headers: []string{crossSite, evil}, status: 200},
		{name: "text of another site", method: "POST", path: "/graphql", headers: []string{crossSite, evil, plain}, status: 403},
		{name: "text of a page of the router", method: "POST", path: "/graphql", headers: []string{"Sec-Fetch-Site: same-origin", plain}, status: 415},

		{name: "REST: form of another site", method: "POST", path: "/api/x", headers: []string{crossSite, evil, form}, status: 403},
		{name: "REST: form of a browser without Sec-Fetch-Site", method: "POST", path: "/api/x", headers: []string{evil, form}, status: 403},
		{name: "REST: text of a sandboxed page", method: "POST", path: "/api/x", headers: []string{"Origin: null", plain}, status: 403},
		{name: "REST: no type, another site", method: "POST", path: "/api/x", headers: []string{crossSite, evil, bare}, status: 403},
		{name: "REST: no type, not from a browser", method: "POST", path: "/api/x", headers: []string{bare}, status: 202},
		{name: "REST: form, not from a browser", method: "POST", path: "/api/x", headers: []string{form}, status: 202},
		{name: "REST: JSON of another site after a preflight", method: "POST", path: "/api/x", headers: []string{crossSite, evil}, status: 202},
		{name: "REST: form of a page of the router", method: "POST", path: "/api/x", headers: []string{"Sec-Fetch-Site: same-origin", form}, status: 202},
		{name: "REST: form of a listed origin", method: "POST", path: "/api/x", headers: []string{crossSite, "Origin: https://shop.example", form}, status: 202},
		{name: "REST: form of a listed origin without allowed credentials, with cookies", method: "POST", path: "/api/x", headers: []string{crossSite, "Origin: https://shop.example", form, "Cookie: a=b"}, status: 403},
		{name: "REST: DELETE, which always has a preflight", method: "DELETE", path: "/api/x", headers: []string{crossSite, evil}, status: 202},
		{name: "REST: GET", method: "GET", path: "/api/x", headers: []string{crossSite}, status: 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, base+c.path, query, c.headers...)
			if got.status != c.status {
				t.Errorf("got status %d, %s, want %d", got.status, got.body, c.status)
			}
			if c.status == 403 && (!strings.Contains(got.body, "CSRF_PREVENTION") || got.header.Get("Content-Type") != "application/problem+json") {
				t.Errorf("got Content-Type %s, %s", got.header.Get("Content-Type"), got.body)
			}
		})
	}
}

// A page of any origin may read responses without cookies, but may not act with
// a user's cookies.
func TestWildcardOriginIsNotTrusted(t *testing.T) {
	_, base := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.CORS.AllowOrigins = []string{"*"}
		o.REST = routes
	})
	got := send(t, "POST", base+"/api/x", "", "Content-Type: text/plain", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
	if got.status != 403 || got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got status %d, headers %v", got.status, got.header)
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
		{origin: "", opens: true},
		{origin: base, opens: true},
		{origin: base, site: "same-origin", opens: true},
		{origin: "https://shop.example", site: "cross-site", opens: true},
		{origin: "http://shop.example", site: "cross-site", opens: false}, // anybody on the network can be that page
		{origin: "https://shop.example.evil.example", site: "cross-site", opens: false},
		{origin: "http://localhost:5173", site: "cross-site", opens: true},
		{origin: "https://evil.example", opens: false},
		{origin: "null", site: "cross-site", opens: false},
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
			t.Errorf("%+v: got %v", c, err)
		}
		if response != nil && !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("%+v: Vary = %q", c, response.Header.Values("Vary"))
		}
		if conn != nil {
			_ = conn.CloseNow()
		}
	}
}
