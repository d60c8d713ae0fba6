package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"souk/router/gateway"
	"souk/router/gateway/config"
)

// Callers that may not introspect the schema learn no names from errors.
func TestNoSuggestionsWithoutIntrospection(t *testing.T) {
	requests := map[string]string{
		"field":     `{"query":"{ helo }"}`,
		"argument":  `{"query":"{ hello(nam: \"x\") }"}`,
		"type":      `{"query":"{ ... on Quer { hello } }"}`,
		"variable":  `{"query":"query($n: Strin) { hello(name: $n) }"}`,
		"leaf":      `{"query":"{ hello { x } }"}`,
		"directive": `{"query":"{ hello @skp(if: true) }"}`,
	}
	for _, introspection := range []bool{true, false} {
		_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Introspection = introspection })
		suggested := 0
		for name, body := range requests {
			got := send(t, "POST", url+"/graphql", body)
			if got.status != 422 {
				t.Errorf("%s: got status %d, %s", name, got.status, got.body)
			}
			if strings.Contains(got.body, "Did you mean") {
				suggested++
				if !introspection {
					t.Errorf("%s: got a suggestion: %s", name, got.body)
				}
			}
		}
		if introspection && suggested < 4 {
			t.Errorf("with introspection: %d errors suggest a name", suggested)
		}
	}
}

// An error quotes a bounded part of the request.
func TestErrorsAreBounded(t *testing.T) {
	_, address := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 3}
	})
	long := strings.Repeat("x", 200_000)
	for name, c := range map[string]struct {
		method, body string
		headers      []string
		query        string
	}{
		"field":          {method: "POST", body: `{"query":"{ ` + long + ` }"}`},
		"argument":       {method: "POST", body: `{"query":"{ hello(` + long + `: 1) }"}`},
		"value":          {method: "POST", body: `{"query":"mutation { add(n: \"` + strings.Repeat("word ", 20_000) + `\") }"}`},
		"type":           {method: "POST", body: `{"query":"{ ... on ` + long + ` { x } }"}`},
		"variable":       {method: "POST", body: `{"query":"{ hello(name: $` + long + `) }"}`},
		"variable value": {method: "POST", body: `{"query":"mutation($n: Int!) { add(n: $n) }","variables":{"n":"` + long + `"}}`},
		"operation name": {method: "POST", body: `{"query":"query A { hello }","operationName":"` + long + `"}`},
		"operations":     {method: "POST", body: `{"query":"query A` + long + ` { hello } query B { hello }"}`},
		"character":      {method: "POST", body: `{"query":"{ hello(name: ` + "`" + long + `) }"}`},
		"string":         {method: "POST", body: `{"query":"{ hello(name: \"` + long + `) }"}`},
		"fragment":       {method: "POST", body: `{"query":"{ ...` + long + ` }"}`},
		"directive":      {method: "POST", body: `{"query":"{ hello @` + long + ` }"}`},
		"hash":           {method: "POST", body: `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + long + `"}}}`},
		"batch":          {method: "POST", body: `[{"query":"{ ` + long + ` }"}]`},
		"media type":     {method: "POST", body: `{}`, headers: []string{"Content-Type: application/" + long[:20_000]}},
		"encoding":       {method: "POST", body: `{}`, headers: []string{"Content-Encoding: " + long[:20_000]}},
		"method":         {method: long[:20_000]},
		"parameter":      {method: "GET", query: "?query=" + url.QueryEscape("{ "+long[:7000]+" }"), headers: []string{"GraphQL-Require-Preflight: 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, c.method, address+"/graphql"+c.query, c.body, c.headers...)
			if got.status/100 == 5 || got.status/100 == 2 && !strings.HasPrefix(got.body, "[") && !strings.Contains(got.body, "PERSISTED") {
				t.Errorf("got status %d", got.status)
			}
			if len(got.body) > 4096 || !json.Valid([]byte(got.body)) || !strings.Contains(got.body, `"message":"`) {
				t.Errorf("got %d bytes: %s", len(got.body), fmt.Sprintf("%.500s", got.body))
			}
		})
	}
}
