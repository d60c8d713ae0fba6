package router_test

import (
	"net/http"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
)

// The subgraphs of mutations learn the address of the client as the router
// determines it, whatever the client says. Queries are the same for all clients.
func TestMutationsCarryTheClientAddress(t *testing.T) {
	sdl := strings.Replace(hookSDL, "subscription: Subscription }", "subscription: Subscription mutation: Mutation }", 1) +
		"type Mutation @join__type(graph: A) { hello: String }\n"
	const name = "Souk-Client-Address"
	forged := []string{name + ": 192.0.2.66"}
	proxied := []string{"X-Forwarded-For: 192.0.2.66, 192.0.2.7", forged[0]}
	for what, c := range map[string]struct {
		query   string
		header  []string
		proxies []string
		field   string
		want    string
	}{
		"the peer":                  {query: "mutation { hello }", header: forged, field: "souk-client-address", want: "127.0.0.1"},
		"a client behind a proxy":   {query: "mutation { hello }", header: proxied, proxies: []string{"127.0.0.0/8"}, field: name, want: "192.0.2.7"},
		"a proxy that is not known": {query: "mutation { hello }", header: proxied, field: name, want: "127.0.0.1"},
		"a query":                   {query: "{ hello }", header: forged, field: name},
		"no header configured":      {query: "mutation { hello }", header: forged},
	} {
		h := newHookedWith(t, sdl, func(config *config.Config) {
			config.ClientAddress.SubgraphHeader, config.ClientAddress.TrustedProxies = c.field, c.proxies
		}, router.Extensions{})
		response, body := h.do(t, http.MethodPost, "/graphql", `{"query":"`+c.query+`"}`, c.header...)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: got status %d: %s", what, response.StatusCode, body)
		}
		if got := strings.Join(h.last().Header.Values(name), ", "); got != c.want {
			t.Errorf("%s: the subgraph got the client address %q, want %q", what, got, c.want)
		}
	}
}
