package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/proto/otlp/trace/v1"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/telemetry"
)

// tenants has an attribute of each kind.
func tenants(c *config.Config) {
	c.HTTP.Batching.Enabled = true
	c.Telemetry.Attributes = map[string]config.Attribute{
		"tenant":    {From: "request_header", Key: "x-tenant", Default: "none"},
		"served.by": {From: "response_header", Key: "X-Served-By"},
		"env":       {From: "static", Key: "test"},
		"operation": {From: "operation", Key: "name"},
		"errors":    {From: "operation", Key: "errors"},
		"user":      {From: "context", Key: "user_id"},
		"role":      {From: "claim", Key: "role"},
	}
}

var naming = router.Extensions{Hooks: []hook.Hooks{{Name: "user", Operation: func(_ context.Context, e *hook.Exchange) error {
	return e.SetContext("user_id", "ada")
}, Response: func(_ context.Context, r *hook.Response) error {
	r.ResponseHeader.Set("X-Served-By", "souk")
	return nil
}}}}

// The span of a request has the attributes of its operation.
func TestSpansHaveAttributes(t *testing.T) {
	jwks, token := issuerOfClaims(t)
	at := newTracing(t, hello, router.Options{Extensions: naming}, func(c *config.Config) {
		tenants(c)
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.Telemetry.SpanAttributes = slices.Sorted(maps.Keys(c.Telemetry.Attributes))
	})
	ask(t, "POST", at.url+"/graphql", `{"query":"query Greet { hello }"}`, posts, "X-Tenant: acme", "Authorization: Bearer "+token("ada", map[string]any{"role": "admin"}))
	ask(t, "POST", at.url+"/graphql", `{"query":"{ none }"}`, posts)
	var got []string
	for _, span := range at.spans() {
		if span.Kind != v1.Span_SPAN_KIND_SERVER {
			continue
		}
		own := map[string]string{}
		for _, a := range span.Attributes {
			if slices.Contains([]string{"tenant", "served.by", "env", "operation", "errors", "user", "role"}, a.Key) {
				own[a.Key] = a.Value.GetStringValue()
			}
		}
		got = append(got, fmt.Sprint(own))
	}
	slices.Sort(got)
	want := []string{
		"map[env:test errors:false operation:Greet role:admin served.by:souk tenant:acme user:ada]",
		"map[env:test errors:true served.by:souk tenant:none]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Instruments count operations, with a bounded number of time series.
func TestInstrumentsCountOperations(t *testing.T) {
	r := newRouterWith(t, router.Options{Supergraph: smallSDL, Extensions: naming}, http.HandlerFunc(hello), func(c *config.Config) {
		tenants(c)
		c.TrafficShaping.Router.Deduplicate = new(false) // each operation has a fetch of its own
		c.Telemetry.Instruments = map[string]config.Instrument{
			"tenant.orders": {Type: "counter", Measure: "operations", Description: "Orders.", Attributes: []string{"tenant", "operation"}, Max: 2},
			"greetings":     {Type: "histogram", Measure: "duration", Conditions: []config.Condition{{Attribute: "operation", Matches: "Gr.*t"}, {Attribute: "tenant", Equals: "none", Not: true}}},
			"fetches":       {Type: "histogram", Measure: "fetches", Attributes: []string{"errors"}},
		}
	})
	send := func(tenant, body string) {
		request(t, r.Handler(), body, "X-Tenant", tenant)
	}
	for range 3 {
		send("acme", `{"query":"query Greet { hello }"}`)
	}
	send("other", `[{"query":"query Greet { hello }"},{"query":"query Greet { hello }"}]`)
	for i := range 40 {
		send(fmt.Sprint("forged", i), `{"query":"query Other { hello }"}`)
	}
	send("", `{"query":"query Greet { none }"}`)
	text := scrape(t, r)
	for _, want := range []string{
		"# HELP tenant_orders_total Orders.",
		`tenant_orders_total{operation="Greet",tenant="acme"} 3`,
		`tenant_orders_total{operation="Greet",tenant="other"} 2`,
		`tenant_orders_total{operation="_other",tenant="_other"} 41`,
		"greetings_seconds_count 5\n",
		`fetches_count{errors="true"} 1`,
		`fetches_bucket{errors="false",le="1"} 45`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\ntenant_orders_total{"); n != 3 {
		t.Errorf("%d time series", n)
	}
}

// A line of the access log has attributes, and only requests for which the conditions hold have one.
func TestAccessLogHasAttributesAndConditions(t *testing.T) {
	var log lockedBuffer
	r := newRouterWith(t, router.Options{Supergraph: smallSDL, Extensions: naming, AccessLog: &log}, http.HandlerFunc(hello), func(c *config.Config) {
		tenants(c)
		c.Telemetry.Attributes["wanted"] = config.Attribute{From: "request_header", Key: "X-Log"}
		c.Telemetry.AccessLog.Enabled, c.Telemetry.AccessLog.Fields = true, []string{"operation_name"}
		c.Telemetry.AccessLog.Attributes = []string{"tenant", "user", "role"}
		c.Telemetry.AccessLog.Conditions = []config.Condition{{Attribute: "wanted"}}
	})
	request(t, r.Handler(), `{"query":"query Quiet { hello }"}`)
	request(t, r.Handler(), `{"query":"query Failed { none }"}`)
	request(t, r.Handler(), `{"query":"query Logged { hello }"}`, "X-Log", "yes", "X-Tenant", "acme")
	request(t, r.Handler(), `[{"query":"query One { hello }"},{"query":"query One { hello }"}]`, "X-Log", "1")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(fields["operation_name"], " ", fields["tenant"], " ", fields["user"], " ", fields["role"]))
	}
	slices.Sort(got)
	want := []string{"<nil> none <nil> <nil>", "Logged acme ada <nil>", "One none ada <nil>", "One none ada <nil>"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// request sends a request to a handler; headers are names and values in turn.
func request(t *testing.T, h http.Handler, body string, headers ...string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func scrape(t *testing.T, r *router.Router) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return w.Body.String()
}

// Instruments keep their values when the configuration changes, unless they change themselves.
func TestInstrumentsOutliveAReload(t *testing.T) {
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(http.HandlerFunc(hello))
	t.Cleanup(upstream.Close)
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {upstream.URL}}
	tenants(&c)
	c.Telemetry.Instruments = map[string]config.Instrument{
		"kept": {Type: "counter", Measure: "operations"}, "changed": {Type: "counter", Measure: "operations"}, "removed": {Type: "counter", Measure: "operations"},
	}
	r, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	request(t, r.Handler(), `{"query":"{ hello }"}`)
	c.Telemetry.Instruments = map[string]config.Instrument{
		"kept": {Type: "counter", Measure: "operations"}, "changed": {Type: "counter", Measure: "operations", Attributes: []string{"env"}}, "added": {Type: "histogram", Measure: "cost"},
	}
	if err := r.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	request(t, r.Handler(), `{"query":"{ hello }"}`)
	w := httptest.NewRecorder()
	r.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{"\nkept_total 2\n", "\nchanged_total{env=\"test\"} 1\n", "\nadded_count 1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "removed_total") {
		t.Error("the metric that was removed is still there")
	}
}
