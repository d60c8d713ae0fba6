package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"souk/router/compose"
	"souk/router/gateway/config"
)

// The specification that a supergraph links to says which directive is @cacheControl, whatever its
// name there. Without a specification, the name does.
func TestCacheControlIsFoundBySpecification(t *testing.T) {
	for name, c := range map[string]struct {
		link, directive string
		unlinked        bool // the supergraph has only the definition
		obeyed          bool
	}{
		"imported":          {link: `@link(url: "https://acme.example/cacheControl/v1.0", import: ["@cacheControl"])`, directive: "cacheControl", obeyed: true},
		"renamed":           {link: `@link(url: "https://acme.example/http/v1.0", import: [{name: "@cacheControl", as: "@fresh"}])`, directive: "fresh", obeyed: true},
		"with a prefix":     {link: `@link(url: "https://acme.example/http/v1.0")`, directive: "http__cacheControl", obeyed: true},
		"renamed feature":   {link: `@link(url: "https://acme.example/cacheControl/v1.0", as: "fresh")`, directive: "fresh", obeyed: true},
		"own definition":    {link: `@link(url: "https://acme.example/cacheControl/v1.0", import: ["@cacheControl"])`, directive: "cacheControl", unlinked: true, obeyed: true},
		"another directive": {link: `@link(url: "https://acme.example/http/v1.0", import: [{name: "@header", as: "@cacheControl"}])`, directive: "cacheControl"},
	} {
		t.Run(name, func(t *testing.T) {
			sdl := namedDirective(t, c.link, c.directive)
			if c.unlinked {
				before := sdl
				if sdl = strings.Replace(sdl, c.link, "", 1); sdl == before {
					t.Fatalf("the supergraph does not have %s:\n%s", c.link, sdl)
				}
			}
			var fetches atomic.Int32
			r := newRouter(t, sdl, nil, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/a" {
					fmt.Fprint(w, `{"data":{"account":{"__typename":"Account","id":"1"}}}`)
					return
				}
				if strings.Contains(string(body), "balance") {
					fetches.Add(1)
				}
				fmt.Fprintf(w, `{"data":{"_entities":[{"__typename":"Account","balance":"1","name":"%[1]d","title":"%[1]d"}]}}`, fetches.Add(1000))
			}, func(c *config.Config) {
				c.ResponseCache.Enabled = true
				c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
				c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}}}
			})
			server := httptest.NewServer(r.Handler())
			defer server.Close()
			get := func(field string) string {
				_, body := ask(t, "POST", server.URL+"/graphql", `{"query":"{ account { `+field+` } }"}`, posts)
				return body
			}
			// cached waits until a field without the directive comes from the cache. Values are
			// stored in the order in which they were fetched.
			cached := func(field string) { eventually(t, func() bool { first := get(field); return get(field) == first }) }
			cached("name")
			get("balance")
			cached("title")
			before := fetches.Load() % 1000
			get("balance")
			if again := fetches.Load()%1000 > before; again != c.obeyed {
				t.Errorf("balance is fetched again: %t, want %t", again, c.obeyed)
			}
		})
	}
}

// namedDirective composes a supergraph in which the balance of an account has a directive.
func namedDirective(t *testing.T, link, directive string) string {
	t.Helper()
	const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@composeDirective"]) `
	graph, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "a", URL: "http://a.invalid", SDL: federation + accountsA},
		{Name: "b", URL: "http://b.invalid", SDL: federation + link + ` @composeDirective(name: "@` + directive + `")
			directive @` + directive + `(maxAge: Int) on FIELD_DEFINITION
			type Account @key(fields: "id") { id: ID! @external  balance: String @` + directive + `(maxAge: 0)  name: String  title: String }`},
	})
	if err != nil {
		t.Fatal(err)
	}
	return graph.SDL
}
