package gateway_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

// In the mode log, operations beyond a limit are executed, counted each time and logged once. Long
// lists are refused in any mode.
func TestLimitsCanBeLogged(t *testing.T) {
	registry := prometheus.NewRegistry()
	var log bytes.Buffer
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.Limits.Mode, c.Limits.MaxAliases, c.Limits.MaxRootFields, c.Limits.MaxListItems = config.LogLimits, 1, 1, 1
		o.Metrics, o.Logger = telemetry.New(registry), slog.New(slog.NewTextHandler(&log, nil))
		o.Supergraph = strings.Replace(sdl, "long: String", "long(of: [Int]): String", 1)
	})
	for range 2 {
		if got := send(t, "POST", url+"/graphql", `{"query":"query Wide { a: hello b: hello }"}`); got.status != http.StatusOK {
			t.Errorf("got %d, %s", got.status, got.body)
		}
	}
	if got := send(t, "POST", url+"/graphql", `{"query":"{ long(of: [1, 2]) }"}`); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a long list: got %d, %s", got.status, got.body)
	}
	got := figures(t, registry)
	for _, code := range []string{"MAX_ALIASES_LIMIT", "MAX_ROOT_FIELDS_LIMIT"} {
		if n := got["limits_exceeded_total{"+code+"}"]; n != 2 {
			t.Errorf("%s is counted %v times, want 2", code, n)
		}
	}
	if text := log.String(); strings.Count(text, "operation=Wide") != 2 || !strings.Contains(text, "The operation has 2 aliases; the limit is 1.") {
		t.Errorf("logged\n%s", text)
	}
}

// A limit may have a mode of its own. The first response of a document beyond a limit is logged, and
// each is counted.
func TestEachLimitHasAMode(t *testing.T) {
	registry := prometheus.NewRegistry()
	var log bytes.Buffer
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxAliases, c.Limits.MaxRootFields, c.Limits.MaxResponseBytes = 1, 1, 5
		c.Limits.Modes = map[string]string{"max_root_fields": config.LogLimits, "max_response_bytes": config.LogLimits}
		o.Metrics, o.Logger = telemetry.New(registry), slog.New(slog.NewTextHandler(&log, nil))
	})
	if got := send(t, "POST", url+"/graphql", `{"query":"{ a: hello b: hello }"}`); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "MAX_ALIASES_LIMIT") || strings.Contains(got.body, "MAX_ROOT_FIELDS_LIMIT") {
		t.Errorf("got %d, %s", got.status, got.body)
	}
	for range 2 {
		if got := send(t, "POST", url+"/graphql", `{"query":"query Wide { hello long }"}`); got.status != http.StatusOK || strings.Contains(got.body, "errors") {
			t.Errorf("got %d, %s", got.status, got.body)
		}
	}
	got := figures(t, registry)
	if got["limits_exceeded_total{MAX_ROOT_FIELDS_LIMIT}"] != 2 || got["limits_exceeded_total{MAX_RESPONSE_BYTES_LIMIT}"] != 2 {
		t.Errorf("got %v", got)
	}
	if text := log.String(); strings.Count(text, "code=MAX_RESPONSE_BYTES_LIMIT") != 1 || strings.Count(text, "code=MAX_ROOT_FIELDS_LIMIT") != 1 {
		t.Errorf("logged\n%s", text)
	}
}

// The limits that protect the router itself are only logged if they are named. A document is
// then still bounded.
func TestProtectiveLimitsAreLoggedIfNamed(t *testing.T) {
	registry := prometheus.NewRegistry()
	var log bytes.Buffer
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxTokens, c.Limits.MaxRecursion, c.Limits.MaxListItems = 20, 2, 2
		c.Limits.Modes = map[string]string{"parser_max_tokens": config.LogLimits, "parser_max_recursion": config.LogLimits, "max_list_items": config.LogLimits}
		o.Metrics, o.Logger = telemetry.New(registry), slog.New(slog.NewTextHandler(&log, nil))
		o.Supergraph = strings.Replace(sdl, "long: String", "long(of: [Int]): String", 1)
	})
	fields := func(n int) string { return `{"query":"query Many {` + strings.Repeat(" hello", n) + ` }"}` }
	for range 2 {
		for _, body := range []string{
			fields(21),
			`{"query":"query Deep { ... on Query { ... on Query { hello } } }"}`,
			`{"query":"query Literal { long(of: [1, 2, 3]) }"}`,
			`{"query":"query Variable($of: [Int]) { long(of: $of) }","variables":{"of":[1,2,3]}}`,
		} {
			if got := send(t, "POST", url+"/graphql", body); got.status != http.StatusOK {
				t.Errorf("%s: got %d, %s", body, got.status, got.body)
			}
		}
	}
	if got := send(t, "POST", url+"/graphql", fields(80)); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "more than 80 tokens") || !strings.Contains(got.body, "MAX_TOKENS_LIMIT") {
		t.Errorf("four times the limit: got %d, %s", got.status, got.body)
	}
	got := figures(t, registry)
	if got["limits_exceeded_total{MAX_TOKENS_LIMIT}"] != 2 || got["limits_exceeded_total{MAX_LIST_ITEMS_LIMIT}"] != 4 {
		t.Errorf("got %v", got)
	}
	for _, line := range []string{
		`operation=Many code=MAX_TOKENS_LIMIT limit="The document has more than 20 tokens."`,
		"operation=Deep code=MAX_RECURSION_LIMIT",
		"operation=Literal code=MAX_LIST_ITEMS_LIMIT", "operation=Variable code=MAX_LIST_ITEMS_LIMIT",
	} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("%q is logged %d times\n%s", line, n, &log)
		}
	}
}
