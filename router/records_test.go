package router_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/router"
	"souk/router/auth"
	"souk/router/gateway/config"
)

// Each kind of record works by itself, over every protocol: none relies on what another one
// makes.
func TestEachKindOfRecordWorksAlone(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"none":    func(*config.Config) {},
		"timings": func(c *config.Config) { c.Telemetry.ServerTiming = true },
		"plans": func(c *config.Config) {
			c.ExposeQueryPlan = config.ExposeQueryPlan{Enabled: true, Header: "Souk-Expose-Query-Plan", Token: "plan-t0ken-for-all"}
		},
		"access log":   func(c *config.Config) { c.Telemetry.AccessLog.Enabled = true },
		"usage export": func(c *config.Config) { c.Telemetry.UsageExport.Directory = t.TempDir() },
		"console":      func(c *config.Config) { c.Admin.Console.Enabled, c.Admin.Console.Token = true, "console-t0ken" },
		"costs":        func(c *config.Config) { c.DemandControl.Enabled, c.DemandControl.Measure = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHooked(t, change, router.Extensions{})
			plan := []string{"Souk-Expose-Query-Plan: true", "Souk-Expose-Token: plan-t0ken-for-all"}
			send := func(method, path, body string, headers ...string) func() string {
				return func() string {
					_, answer := h.do(t, method, path, body, append(headers, plan...)...)
					return answer
				}
			}
			for carrier, send := range map[string]func() string{
				"POST":         send("POST", "/graphql", `{"query":"{ hello }"}`),
				"GET":          send("GET", "/graphql?query={hello}", "", "Apollo-Require-Preflight: 1"),
				"batch":        send("POST", "/graphql", `[{"query":"{ hello }"}]`),
				"multipart":    send("POST", "/graphql", `{"query":"{ hello }"}`, "Accept: multipart/mixed"),
				"event stream": send("POST", "/graphql", `{"query":"{ hello }"}`, "Accept: text/event-stream"),
				"REST":         send("GET", "/api/hello", ""),
				"WebSocket":    func() string { return h.socket(t, `{"query":"{ hello }"}`) },
			} {
				if body := send(); !strings.Contains(body, "from ") {
					t.Errorf("%s: got %s", carrier, body)
				}
			}
			if body := send("POST", "/graphql", `{"query":"subscription { ticks }"}`, "Accept: text/event-stream")(); !strings.Contains(body, `"ticks":2`) {
				t.Errorf("subscription: got %s", body)
			}
		})
	}
}

// panicking is a PolicyEvaluator with a fault.
type panicking struct{}

func (panicking) Evaluate(context.Context, *auth.Caller, []string) (map[string]bool, error) {
	panic("the evaluator is broken")
}

// A panic of the program's own code ends one operation, over every protocol.
func TestPanicOfTheEvaluatorEndsOneOperation(t *testing.T) {
	h := newHooked(t, nil, router.Extensions{Policies: panicking{}})
	const internal = `"code":"INTERNAL_SERVER_ERROR"`
	response, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`)
	if response.StatusCode != http.StatusInternalServerError || !strings.Contains(body, internal) || strings.Contains(body, "broken") {
		t.Errorf("POST: got %d, %s", response.StatusCode, body)
	}
	if _, body := h.do(t, "POST", "/graphql", `[{"query":"{ secret }"},{"query":"{ hello }"}]`); !strings.Contains(body, internal) || !strings.Contains(body, `{"hello":"from "}`) {
		t.Errorf("batch: got %s", body)
	}
	if messages := h.socket(t, `{"query":"{ secret }"}`); !strings.Contains(messages, internal) || !strings.Contains(messages, `"error"`) {
		t.Errorf("WebSocket: got %s", messages)
	}
	if n := strings.Count(h.log.String(), "the evaluator is broken"); n < 3 || !strings.Contains(h.log.String(), "records_test.go") {
		t.Errorf("the log has %d panics, want 3 with stacks:\n%s", n, h.log.String())
	}
}

// A client may send any bytes as its name: fetch sends the characters of a header as ISO 8859-1.
func TestNamesOfClientsMayBeAnyBytes(t *testing.T) {
	sdl := strings.Replace(hookSDL, "hello: String", `hello: String @deprecated(reason: "old")`, 1)
	h := newHookedWith(t, sdl, func(c *config.Config) {
		c.Telemetry.Clients, c.Telemetry.Operations = config.MetricNames{Max: 10}, config.MetricNames{Max: 10}
		c.Telemetry.AccessLog.Enabled = true
		c.DemandControl.Enabled, c.DemandControl.Measure = true, true
		c.RateLimit = config.RateLimit{Enabled: true, Requests: 1000, Interval: time.Hour, By: "client"}
		c.Limits.Clients = map[string]config.ClientLimits{"Zürich-App": {MaxDepth: new(1)}}
	}, router.Extensions{})
	for _, name := range []string{"Z\xfcrich-App", "Zürich-App", "\xff\xfe", strings.Repeat("\xff", 5000), strings.Repeat("é", 5000), "\xc3"} {
		for _, header := range []string{"Graphql-Client-Name: ", "Apollographql-Client-Name: ", "Graphql-Client-Version: ", "User-Agent: "} {
			header += name
			answers := map[string]string{"WebSocket": h.socket(t, `{"query":"{ hello }"}`, header)}
			_, answers["POST"] = h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, header)
			_, answers["batch"] = h.do(t, "POST", "/graphql", `[{"query":"{ hello }"}]`, header)
			_, answers["REST"] = h.do(t, "GET", "/api/hello", "", header)
			_, answers["event stream"] = h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "Accept: text/event-stream", header)
			for carrier, body := range answers {
				if !strings.Contains(body, "from ") {
					t.Errorf("%s with %.40q: got %s", carrier, header, body)
				}
			}
		}
	}
	metrics := httptest.NewRecorder()
	h.Admin().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	// As ISO 8859-1 and as UTF-8, it is the same client.
	if want := `souk_router_deprecated_use_total{client_name="Zürich-App",client_version="",coordinate="Query.hello"} 20`; !strings.Contains(metrics.Body.String(), want) {
		t.Errorf("the metrics lack %s", want)
	}
	if response, body := h.do(t, "POST", "/graphql", `{"query":"{ a: __schema { queryType { name } } }"}`, "Graphql-Client-Name: Z\xfcrich-App"); response.StatusCode == http.StatusOK {
		t.Errorf("the limit of the client does not apply: %s", body)
	}
}
