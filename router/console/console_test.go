package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// development is the configuration of a router in development mode, without a token.
func development(c *config.Config) {
	c.Dev = true
	c.Admin.Console.Enabled, c.Admin.Console.Token = false, ""
	c.Listen = "127.0.0.1:8080"
}

// endpoints are all endpoints of the API.
var endpoints = []string{"info", "graph", "graph/usage", "traffic", "operations", "clients", "errors", "traces", "subgraphs", "limits", "cache", "subscriptions", "reloads", "replicas"}

func TestAPINeedsTheToken(t *testing.T) {
	s := newShop(t, nil)
	for _, given := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + token, "Bearer " + token + "x", token} {
		for _, path := range append(endpoints, "plan", "nothing", "") {
			res, body := request(t, http.MethodGet, s.admin+"/console/api/"+path, "", "Authorization: "+given)
			if res.StatusCode != http.StatusUnauthorized || res.Header.Get("Content-Type") != "application/problem+json" || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %q: %s %v", path, given, res.Status, res.Header)
			}
			if strings.Contains(body, "catalog") || strings.Contains(body, "1.2.3") || strings.Contains(body, path) && path != "" && path != "plan" {
				t.Errorf("%s with %q reveals %s", path, given, body)
			}
		}
	}
	s.send(t, manyBody)
	s.send(t, `{"query":"{ broken }"}`)
	for _, path := range endpoints {
		res, body := s.api(t, http.MethodGet, path, "")
		for _, name := range []string{"tags", "interfaces", "members", "values", "scopes", "policies", "resolvers", "clients", "fields", "deprecated_fields", "errors", "changes"} {
			if strings.Contains(body, `"`+name+`":null`) {
				t.Errorf("%s: the list %s is null", path, name)
			}
		}
		if res.StatusCode != http.StatusOK || res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
		}
	}
	if res, body := s.api(t, http.MethodGet, "nothing", ""); res.StatusCode != http.StatusNotFound || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s", res.Status, body)
	}
}

func TestConsoleIsOffByDefault(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Admin.Console.Enabled = false })
	for _, path := range []string{"info", ""} {
		if res, body := s.api(t, http.MethodGet, path, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
}

func TestConsoleWithoutTokenIsRefused(t *testing.T) {
	c := config.Default()
	c.Admin.Console.Enabled = true
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	_, err = router.New(t.Context(), c, router.Options{Supergraph: sdl, Telemetry: tel})
	if err == nil || !strings.Contains(err.Error(), "admin.console.token") {
		t.Errorf("New: %v", err)
	}
	if err := c.Check(nil); err == nil || !strings.Contains(err.Error(), "admin.console.token") {
		t.Errorf("Check: %v", err)
	}
	c.Dev = true
	if err := c.Check(nil); err != nil {
		t.Errorf("in development mode: %v", err)
	}
	// Otherwise the text of the reference would be the token.
	c.Admin.Console.Token = "${file./run/secrets/token}"
	if err := c.Check(nil); err == nil || !strings.Contains(err.Error(), "does not expand; use ${env.NAME}") || strings.Contains(err.Error(), "/run/") {
		t.Errorf("an unknown reference: %v", err)
	}
	for short, refused := range map[string]bool{"t0ken": true, "eleven-char": true, "twelve-chars": false} {
		c.Admin.Console.Token = short
		if err := c.Check(nil); (err != nil) != refused || refused && (!strings.Contains(err.Error(), "openssl rand") || strings.Contains(err.Error(), short)) {
			t.Errorf("a token of %d characters: %v", len(short), err)
		}
	}
}

func TestDevelopmentModeNeedsNoTokenButKnownHost(t *testing.T) {
	s := newShop(t, development)
	s.token = ""
	for host, want := range map[string]int{"localhost:9090": 200, "127.0.0.1": 200, "rebound.example:9090": http.StatusMisdirectedRequest} {
		if res, body := s.api(t, http.MethodGet, "info", "", "Host: "+host); res.StatusCode != want {
			t.Errorf("%s: %s %s", host, res.Status, body)
		}
	}
}

func TestTokenAppliesInDevelopmentModeIfSet(t *testing.T) {
	s := newShop(t, func(c *config.Config) { development(c); c.Admin.Console.Token = token })
	s.token = ""
	if res, _ := s.api(t, http.MethodGet, "info", ""); res.StatusCode != http.StatusUnauthorized {
		t.Error(res.Status)
	}
}

// TestPlaygroundMayUseTheAPIInDevelopmentMode: the playground is on the public port, thus of
// another origin.
func TestPlaygroundMayUseTheAPIInDevelopmentMode(t *testing.T) {
	s := newShop(t, development)
	s.token = ""
	for origin, allowed := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost:8081": false, "http://evil.example:8080": false, "http://evil.example": false, "null": false,
	} {
		for _, r := range []struct{ method, path, body string }{{method: "OPTIONS", path: "plan"}, {method: "GET", path: "info"}, {method: "POST", path: "plan", body: `{"query":"{ products { id } }"}`}} {
			res, body := s.api(t, r.method, r.path, r.body, "Origin: "+origin, "Host: localhost:9090", "Access-Control-Request-Method: POST", "Sec-Fetch-Site: same-site")
			if got := res.Header.Get("Access-Control-Allow-Origin") == origin; got != allowed {
				t.Errorf("%s from %s: %s %v", r.method, origin, res.Status, res.Header)
			}
			if ok := res.StatusCode < 300; r.method == "POST" && ok != allowed {
				t.Errorf("POST from %s: %s %s", origin, res.Status, body)
			}
		}
	}
	production := newShop(t, nil)
	if res, _ := production.api(t, http.MethodGet, "info", "", "Origin: http://localhost:8080", "Host: localhost:9090"); res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("outside development mode: %v", res.Header)
	}
}

func TestInfoSaysWhatRunsAndWhere(t *testing.T) {
	s := newShop(t, development)
	s.token = ""
	type info struct {
		Version, Replica string
		Dev              bool
		Supergraph       struct{ ID string }
		GraphQL          string  `json:"graphql_url"`
		Playground       *string `json:"playground_url"`
		Features         map[string]bool
	}
	got := get[info](t, s, "info")
	if got.Version != "1.2.3" || got.Replica == "" || !got.Dev || len(got.Supergraph.ID) != 16 || got.GraphQL != "http://127.0.0.1:8080/graphql" ||
		got.Playground == nil || *got.Playground != "http://127.0.0.1:8080/playground" || got.Features["events"] {
		t.Errorf("%+v", got)
	}
	production := newShop(t, nil)
	if got := get[info](t, production, "info"); got.Playground != nil || got.Dev {
		t.Errorf("%+v", got)
	}
	for host, repeated := range map[string]bool{"localhost:9090": true, "10.0.0.7:9090": true, "[::1]:9090": true, "evil.example": false, "evil.example:9090": false} {
		var got info
		if _, body := production.api(t, http.MethodGet, "info", "", "Host: "+host); json.Unmarshal([]byte(body), &got) != nil {
			t.Fatal(body)
		}
		u, err := url.Parse(got.GraphQL)
		if name := (&url.URL{Host: host}).Hostname(); err != nil || (u.Hostname() == name) != repeated || !repeated && u.Hostname() != got.Replica {
			t.Errorf("for Host %s, graphql_url is %s", host, got.GraphQL)
		}
	}
}
