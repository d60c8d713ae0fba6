package router_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

const (
	taggedA = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@cacheTag"])
type Query { shelf(number: Int): String @cacheTag(format: "shelf-{$args.number}")  account: Account  accounts: [Account!] }
type Account @key(fields: "id") { id: ID! }`
	taggedB = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@cacheTag", "@external"])
type Account @key(fields: "id") @cacheTag(format: "account-{$key.id}") { id: ID! @external  balance: Int }`
)

// The invalidation API does what it says, or refuses. Composition keeps @cacheTag, and the invalidation API takes cache tags, also in the form of
// Apollo Router: those of the schema, and those in the extensions of responses.
func TestCacheTagsInvalidateByHTTP(t *testing.T) {
	requests := map[string]int{}
	service := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests[r.URL.Path]++
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(string(body), "shelf"):
			fmt.Fprintf(w, `{"data":{"shelf":"%d"},"extensions":{"apolloCacheTags":["shelves"]}}`, requests["/a"])
		case r.URL.Path == "/a":
			fmt.Fprint(w, `{"data":{"accounts":[{"__typename":"Account","id":"1"},{"__typename":"Account","id":"2"}]}}`)
		default:
			n := strings.Count(string(body), `"__typename":"Account"`)
			balance := fmt.Sprintf(`{"__typename":"Account","balance":%d}`, requests["/b"])
			tags := `["balance-1"]`
			if !strings.Contains(string(body), `"id":"1"`) {
				tags = `["balance-2"]`
			}
			if n == 2 {
				tags = `["balance-1"],["balance-2"]`
			}
			fmt.Fprintf(w, `{"data":{"_entities":[%s]},"extensions":{"apolloEntityCacheTags":[%s]}}`, strings.Join(slices.Repeat([]string{balance}, n), ","), tags)
		}
	}
	server := redistest.Start(t, redistest.Options{})
	yes := true
	graph, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "a", URL: "http://a.invalid", SDL: taggedA}, {Name: "b", URL: "http://b.invalid", SDL: taggedB}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRouter(t, graph.SDL, nil, service, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + server.Addr
		c.ResponseCache.Redis.Timeout = 5 * time.Second // test machines may be busy
		c.ResponseCache.LocalBytes = -1
		c.ResponseCache.Invalidation.Token = "secret"
		c.ResponseCache.Subgraph.All.ResponseTags = &yes
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"shelf"}}, "b": {Types: []string{"Account"}}}
	})
	at, admin := servePorts(t, r)
	const accounts, shelf = `{ accounts { balance } }`, `{ shelf(number: 7) }`
	get := func(query string) string {
		_, body := ask(t, "POST", at+"/graphql", fmt.Sprintf(`{"query":%q}`, query), posts)
		return body
	}
	// settled waits until a query is answered from Redis.
	settled := func(query string) (body string) {
		eventually(t, func() bool { body = get(query); return body == get(query) })
		return body
	}
	unrelated := map[string][]string{
		accounts: {`[{"cache_tag":"other"},{"cache_tag":"account-1","subgraphs":["a"]}]`, `[{"type":"Account","subgraphs":["a"]},{"type":"Query"},{"kind":"subgraph","subgraph":"a"}]`},
		shelf:    {`[{"cache_tag":"other"}]`, `[{"type":"Account"},{"type":"Query","subgraphs":["b"]},{"subgraphs":["b"]}]`},
	}
	for _, step := range []struct{ body, query string }{
		{`[{"cache_tag":"account-1"}]`, accounts},
		{`[{"kind":"cache_tag","subgraphs":["b"],"cache_tag":"account-2"}]`, accounts},
		{`[{"kind":"cache_tag","subgraph":"b","cache_tag":"balance-2"}]`, accounts},
		{`[{"kind":"type","subgraph":"b","type":"Account"}]`, accounts},
		{`[{"cache_tag":"shelf-7"}]`, shelf},
		{`[{"cache_tag":"shelves"}]`, shelf},
		{`[{"type":"Account","keys":["2"]}]`, accounts},
		{`[{"type":"Account","subgraphs":["b"]}]`, accounts},
		{`[{"kind":"subgraph","subgraph":"b"}]`, accounts},
		{`[{"subgraphs":["a","b"]}]`, accounts},
		{`[{"type":"Query"}]`, shelf},
		{`[{"type":"Query","subgraphs":["a"]}]`, shelf},
		{`[{"kind":"subgraph","subgraph":"a"}]`, shelf},
	} {
		// The router reads its own invalidation again from the stream, so an entry that was
		// fetched just after one may be lost.
		for _, unrelated := range unrelated[step.query] {
			eventually(t, func() bool {
				before := settled(step.query)
				invalidate(t, admin, unrelated, http.StatusNoContent)
				return get(step.query) == before
			})
		}
		before := settled(step.query)
		invalidate(t, admin, step.body, http.StatusNoContent)
		if after := get(step.query); after == before {
			t.Errorf("%s does not invalidate %s: still %s", step.body, step.query, after)
		}
	}
	for _, wrong := range []string{
		`[]`, `[{}]`, `[{"type":"Account","cache_tag":"a"}]`, `[{"cache_tag":"a","keys":["1"]}]`, `[{"cache_tag":"a","subgraphs":["nope"]}]`, `[{"cache_tag":"a","subgraphs":[]}]`,
		`[{"type":"Nope"}]`, `[{"type":"String"}]`, `[{"type":"Account","keys":[]}]`, `[{"type":"Account","subgraphs":["nope"]}]`, `[{"type":"Account","keys":["1"],"subgraphs":["b"]}]`,
		`[{"type":"Query","keys":["1"]}]`, `[{"kind":"subgraph"}]`, `[{"kind":"subgraph","subgraph":"nope"}]`, `[{"kind":"subgraph","subgraph":"b","type":"Account"}]`, `[{"kind":"subgraph","subgraph":"b","keys":["1"]}]`,
		`[{"kind":"cache_tag","type":"Account"}]`, `[{"kind":"other","subgraph":"b"}]`, `[{"type":"Account"},{"type":"Nope"}]`,
	} {
		before := settled(accounts)
		invalidate(t, admin, wrong, http.StatusUnprocessableEntity)
		if after := get(accounts); after != before {
			t.Errorf("%s is refused, and invalidates: %s before, %s after", wrong, before, after)
		}
	}
}

func invalidate(t *testing.T, admin, body string, status int) {
	t.Helper()
	if r, text := ask(t, "POST", admin+"/invalidation", body, "Authorization: Bearer secret"); r.StatusCode != status {
		t.Errorf("%s: status %d, want %d: %s", body, r.StatusCode, status, text)
	}
}
