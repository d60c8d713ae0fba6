package gateway_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router/gateway"
	"souk/router/gateway/config"
)

func number(n int) *int { return &n }

// A client has the limits of its name, whatever documents others have sent before it.
func TestClientsHaveLimitsOfTheirOwn(t *testing.T) {
	gw, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxAliases, c.Limits.MaxTokens, c.Limits.MaxListItems = 1, 20, 2
		c.Limits.Clients = map[string]config.ClientLimits{
			"reports": {MaxAliases: number(3), MaxTokens: number(0), MaxListItems: number(3)},
			"strict":  {MaxAliases: number(0), MaxRootFields: number(1)},
		}
		o.Supergraph = strings.Replace(sdl, "long: String", "long(of: [Int]): String", 1)
	})
	const (
		aliases   = `{"query":"query Q { a: hello b: hello }","operationName":"Q"}`
		tokens    = `{"query":"{ hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello }"}`
		variables = `{"query":"query($of: [Int]) { long(of: $of) }","variables":{"of":[1,2,3]}}`
		// Its key in the cache of documents would be that of the first one for a client if texts and
		// names of operations could hold a part of the key.
		forged = `{"query":"query Q { a: hello b: hello }","operationName":"Q\u0000\u0001"}`
	)
	check := func(when string) {
		t.Helper()
		for _, c := range []struct{ client, body, code string }{
			{"reports", aliases, ""}, {"reports", tokens, ""}, {"reports", variables, ""},
			{"", aliases, "MAX_ALIASES_LIMIT"}, {"", tokens, "MAX_TOKENS_LIMIT"}, {"", variables, "MAX_LIST_ITEMS_LIMIT"},
			{"", forged, "OPERATION_RESOLUTION_FAILURE"}, {"other", aliases, "MAX_ALIASES_LIMIT"},
			{"strict", aliases, "MAX_ROOT_FIELDS_LIMIT"}, {"strict", variables, "MAX_LIST_ITEMS_LIMIT"},
			{"reports", aliases, ""},
		} {
			for _, header := range []string{"GraphQL-Client-Name: ", "apollographql-client-name: "} {
				got := send(t, "POST", url+"/graphql", c.body, header+c.client)
				status := http.StatusOK
				if c.code != "" {
					status = http.StatusUnprocessableEntity
				}
				if got.status != status || !strings.Contains(got.body, c.code) {
					t.Errorf("%s: %q sends %s: got %d, %s", when, c.client, c.body, got.status, got.body)
				}
			}
		}
	}
	check("at first")
	if err := gw.SetSupergraph(strings.Replace(sdl, "long: String", "long(of: [Int], other: Int): String", 1)); err != nil {
		t.Fatal(err)
	}
	check("after a change of the supergraph")
}

// Trusted documents may have as many tokens as any client may send.
func TestTrustedDocumentsOfClientsMayBeLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	if err := os.WriteFile(path, []byte(`{"operations": [{"id": "long", "body": "{ a: hello b: hello c: hello d: hello }", "clientName": "reports"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.PersistedDocuments.Path, c.PersistedDocuments.Require = path, true
		c.Limits.MaxTokens, c.Limits.Clients = 10, map[string]config.ClientLimits{"reports": {MaxTokens: number(50)}}
	})
	for _, body := range []string{`{"documentId":"long"}`, `{"query":"{ a: hello, b: hello, c: hello, d: hello }"}`} {
		if got := send(t, "POST", url+"/graphql", body, "GraphQL-Client-Name: reports"); got.status != http.StatusOK {
			t.Errorf("%s: got %d, %s", body, got.status, got.body)
		}
	}
}
