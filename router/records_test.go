package router_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

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
