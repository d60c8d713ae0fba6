package router_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// Blocks without a Redis of their own share one connection. With a prefix they use no other
// keys: here Redis refuses all others.
func TestBlocksShareARedis(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	for name := range map[string]bool{"one": true, "two": true} {
		if err := server.Client.Do(t.Context(), "ACL", "SETUSER", name, "on", ">secret", "~"+name+":*", "&*", "+@all").Err(); err != nil {
			t.Fatal(err)
		}
	}
	jwks, token := issuer(t)
	sdl := composed(t,
		`type Query { account: Account } type Mutation { create: Int } type Account @key(fields: "id") { id: ID! }`,
		`type Account @key(fields: "id") { id: ID! @external  balance: String }`)
	routes := fstest.MapFS{"create.graphql": {Data: []byte(`mutation create @rest(method: POST, path: "/api/things", result: "create") { create }`)}}
	var fetches, created atomic.Int32
	subgraph := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(string(body), "_entities"):
			fetches.Add(1)
			fmt.Fprint(w, `{"data":{"_entities":[{"__typename":"Account","balance":"7"}]}}`)
		case strings.Contains(string(body), "create"):
			fmt.Fprintf(w, `{"data":{"create":%d}}`, created.Add(1))
		default:
			fmt.Fprint(w, `{"data":{"account":{"__typename":"Account","id":"1"}}}`)
		}
	}
	start := func(name string) string {
		at := serveRouter(t, sdl, routes, subgraph, func(c *config.Config) {
			c.Redis = config.Redis{URL: "redis://" + server.Addr, Username: name, Password: "secret", KeyPrefix: name + ":", Timeout: 10 * time.Second}
			c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
			c.Authentication.JWT.LastGoodKeys.Secret = "sixteen characters"
			c.ResponseCache.Enabled = true
			c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, SharedTypes: []string{"Account"}}}
			c.RateLimit.Enabled, c.RateLimit.By, c.RateLimit.Requests, c.RateLimit.Interval = true, "subject", 3, 24*time.Hour
		})
		eventually(t, func() bool {
			_, body := ask(t, "GET", at+"/readyz", "")
			return strings.Count(body, `"name":"redis/`) == 5 && strings.Count(body, `,"status":"UP"`) >= 5
		})
		return at
	}
	ada := "Authorization: Bearer " + token("ada")
	for i, name := range []string{"one", "two"} {
		first, second := start(name), start(name)
		for _, at := range []string{first, second} {
			if r, body := ask(t, "POST", at+"/graphql", `{"query":"{ account { balance } }"}`, posts, ada); r.StatusCode != 200 || !strings.Contains(body, `"7"`) {
				t.Fatalf("%s: got status %d: %s", name, r.StatusCode, body)
			}
		}
		if got := int(fetches.Load()); got != i+1 {
			t.Errorf("%s: the entity was fetched %d times by now, want %d", name, got, i+1)
		}
		const registered = "{ account { __typename } }"
		sum := sha256.Sum256([]byte(registered))
		hash := fmt.Sprintf(`"extensions":{"persistedQuery":{"version":1,"sha256Hash":"%x"}}`, sum)
		eve := "Authorization: Bearer " + token("eve")
		ask(t, "POST", first+"/graphql", fmt.Sprintf(`{"query":%q,%s}`, registered, hash), posts, eve)
		eventually(t, func() bool {
			return server.Client.Exists(t.Context(), fmt.Sprintf("%s:souk:documents:%x", name, sum)).Val() == 1
		})
		if r, body := ask(t, "POST", second+"/graphql", "{"+hash+"}", posts, eve); r.StatusCode != 200 || !strings.Contains(body, "Account") {
			t.Errorf("%s: another router does not know the document: %s", name, body)
		}
		if r, body := ask(t, "POST", second+"/api/things", `{}`, posts, ada, "Idempotency-Key: k"); r.StatusCode >= 300 {
			t.Errorf("%s: got status %d: %s", name, r.StatusCode, body)
		}
		bob := "Authorization: Bearer " + token("bob")
		ask(t, "POST", first+"/api/things", `{}`, posts, bob, "Idempotency-Key: k")
		if r, body := ask(t, "POST", second+"/api/things", `{}`, posts, bob, "Idempotency-Key: k"); r.Header.Get("Idempotency-Replayed") == "" {
			t.Errorf("%s: another router does not know the request: %s, %v", name, body, r.Header)
		}
		if got := int(created.Load()); got != 2*(i+1) {
			t.Errorf("%s: %d mutations by now, want %d", name, got, 2*(i+1))
		}
		if r, _ := ask(t, "POST", first+"/graphql", `{"query":"{ account { id } }"}`, posts, ada); r.StatusCode != 429 {
			t.Errorf("%s: the fourth request of a caller to two routers: got status %d", name, r.StatusCode)
		}
	}
	keys, err := server.Client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) < 10 {
		t.Fatalf("got keys %v, %v", keys, err)
	}
	for _, part := range []string{"entities", "rate", "idempotency", "jwks", "documents"} {
		if text, _ := json.Marshal(keys); strings.Count(string(text), "souk:"+part) < 2 {
			t.Errorf("no keys of %s of both routers: %s", part, text)
		}
	}
}
