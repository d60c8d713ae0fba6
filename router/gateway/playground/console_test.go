package playground_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"souk/router/gateway/playground"
)

// TestConsoleIsOnTheHostOfTheRequest: the page learns the URL of the console as its browser
// reaches it, and may connect to nothing else.
func TestConsoleIsOnTheHostOfTheRequest(t *testing.T) {
	for _, test := range []struct {
		name, port, host string
		console, connect string
	}{
		{name: "no console", host: "localhost:8080", connect: "'self'"},
		{name: "a name", port: "9090", host: "localhost:8080", console: "http://localhost:9090/console/", connect: "'self' http://localhost:9090"},
		{name: "a name without a port", port: "9090", host: "souk.example", console: "http://souk.example:9090/console/", connect: "'self' http://souk.example:9090"},
		{name: "an IPv6 address", port: "9090", host: "[::1]:8080", console: "http://[::1]:9090/console/", connect: "'self' http://[::1]:9090"},
		{name: "a host that is none", port: "9090", host: "a;script-src *", connect: "'self'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/playground/", nil)
			r.Host = test.host
			w := httptest.NewRecorder()
			playground.New(playground.Options{Endpoint: "/graphql", Path: "/playground", ConsolePort: test.port}).ServeHTTP(w, r)
			found := regexp.MustCompile(`(?s)id="configuration">(.*?)</script>`).FindStringSubmatch(w.Body.String())
			var got struct{ Console string }
			if len(found) < 2 || json.Unmarshal([]byte(found[1]), &got) != nil || got.Console != test.console {
				t.Errorf("the page is configured with %q, want the console %q", found, test.console)
			}
			if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "; connect-src "+test.connect+";") {
				t.Errorf("Content-Security-Policy %q, want connect-src %s", policy, test.connect)
			}
		})
	}
}
