package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// A run has what the response cache did for each entity and root fetch: where it was found, and why
// it was not cached. Other requests, without the console's token, have nothing of it.
func TestRunShowsTheCache(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := newShop(t, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + server.Addr
		c.ResponseCache.Redis.Timeout = 5 * time.Second
		c.ResponseCache.LocalBytes = -1
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"reviews": {Types: []string{"Product"}}}
	})
	type entry struct {
		Subgraph, Type, Key, Result, Reason string
		Fields                              []string
		TTL                                 float64
		Stored                              bool
	}
	run := func() (entries []entry) {
		res, body := s.api(t, http.MethodPost, "run", `{"query":"{ products { reviews { text } } }"}`)
		var out struct{ Cache []entry }
		if strings.Contains(body, "null") {
			t.Errorf("a list is null: %s", body)
		}
		if err := json.Unmarshal([]byte(body), &out); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", res.Status, body)
		}
		return out.Cache
	}
	result := func(entries []entry, typ string) (found entry) {
		for _, e := range entries {
			if e.Type == typ {
				found = e
			}
		}
		return found
	}
	var stored bool
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		entries := run()
		if root := result(entries, ""); root.Result != "none" || root.Reason != "response_cache does not name products" || len(root.Fields) != 1 || root.Fields[0] != "products" {
			t.Fatalf("the root field, which is not configured: %+v", root)
		}
		product := result(entries, "Product")
		stored = stored || product.Stored
		if product.Result == "redis" {
			if product.TTL <= 0 || product.Subgraph != "reviews" || product.Key == "" {
				t.Errorf("a hit: %+v", product)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no hit after 20 s: %+v", entries)
		}
	}
	if !stored {
		t.Error("no run has stored an entity")
	}
	if res, body := request(t, http.MethodPost, s.admin+"/console/api/run", `{"query":"{ products { reviews { text } } }"}`, "Content-Type: application/json"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s %s", res.Status, body)
	}
}

// The reason why a response to several root fields is not cached is the field that the
// configuration does not name.
func TestRunNamesTheFieldThatIsNotCached(t *testing.T) {
	more := "  one: Int @join__field(graph: CATALOG)\n  two: Int @join__field(graph: CATALOG)\n"
	s := newShopFrom(t, strings.Replace(sdl, "  broken: String", more+"  broken: String", 1), func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"catalog": {Root: []string{"products"}}}
	})
	for query, want := range map[string]string{"{ products { id } one }": "response_cache does not name one", "{ products { id } one two }": "response_cache does not name one, two"} {
		_, body := s.api(t, http.MethodPost, "run", fmt.Sprintf(`{"query":%q}`, query))
		var out struct{ Cache []struct{ Reason string } }
		if err := json.Unmarshal([]byte(body), &out); err != nil || len(out.Cache) != 1 || out.Cache[0].Reason != want {
			t.Errorf("%s: got %s, want the reason %s", query, body, want)
		}
	}
}
