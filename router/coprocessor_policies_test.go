package router_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
)

const requiredPolicies = "apollo::authorization::required_policies"

// deciding lets a coprocessor evaluate policies.
func deciding(url, onFailure string) func(*config.Config) {
	return func(c *config.Config) {
		everything(url, onFailure)(c)
		c.Coprocessor.Policies = true
	}
}

// entriesOf returns the context entries of a message.
func entriesOf(m map[string]any) map[string]any {
	outer, _ := m["context"].(map[string]any)
	entries, _ := outer["entries"].(map[string]any)
	return entries
}

func TestCoprocessorDecidesOnPolicies(t *testing.T) {
	const allowed, denied = `"secret":"s"`, "UNAUTHORIZED_FIELD_OR_TYPE"
	for _, c := range []struct {
		name, onFailure string
		answer          func(m map[string]any)
		status          int
		says            string
	}{
		{name: "all granted", status: 200, says: allowed, answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": true}
		}},
		{name: "one denied", status: 200, says: denied, answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": false}
		}},
		{name: "one undecided", status: 200, says: denied, answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": nil}
		}},
		{name: "one missing", status: 200, says: denied, answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true}
		}},
		{name: "echo", status: 200, says: denied, answer: func(map[string]any) {}},
		{name: "no context", status: 200, says: denied, answer: func(m map[string]any) { delete(m, "context") }},
		{name: "empty response", status: 200, says: denied, answer: func(m map[string]any) { clear(m) }},
		{name: "not a decision, closed", status: 503, says: "COPROCESSOR_FAILED", answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": "yes"}
		}},
		{name: "not a decision, open", onFailure: "open", status: 200, says: denied, answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": "yes"}
		}},
		{name: "failure, open", onFailure: "open", status: 200, says: denied, answer: func(m map[string]any) {
			entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": true}
			m["version"] = 2
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			co := newCoprocessor(t, map[string]func(map[string]any){
				"SupergraphRequest": c.answer,
				// Neither a token's claims nor another stage decides.
				"RouterRequest": func(m map[string]any) {
					entriesOf(m)["apollo::authentication::jwt_claims"] = map[string]any{"sub": "ada", "policies": []string{"vault", "night"}}
					entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": true}
				},
			})
			onFailure := c.onFailure
			if onFailure == "" {
				onFailure = "closed"
			}
			h := newHooked(t, deciding(co.URL, onFailure), router.Extensions{})
			res, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`)
			if res.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got status %d, %s\nwant %d with %s", res.StatusCode, body, c.status, c.says)
			}
			want := map[string]any{"night": nil, "vault": nil}
			for _, m := range co.take() {
				if m["stage"] == "SupergraphRequest" && !reflect.DeepEqual(entriesOf(m)[requiredPolicies], want) {
					t.Errorf("policies sent at SupergraphRequest = %v, want %v", entriesOf(m)[requiredPolicies], want)
				}
			}
		})
	}
}

// Decisions apply to one operation, over every protocol.
func TestCoprocessorDecidesForEachOperation(t *testing.T) {
	co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
		body, _ := m["body"].(map[string]any)
		if policies, _ := entriesOf(m)[requiredPolicies].(map[string]any); policies != nil {
			for name := range policies {
				policies[name] = body["operationName"] == "Allowed"
			}
		}
	}})
	h := newHooked(t, deciding(co.URL, "closed"), router.Extensions{})
	_, body := h.do(t, "POST", "/graphql", `[{"query":"query Allowed { secret }"},{"query":"query Denied { secret }"}]`)
	var batch []struct {
		Data   map[string]any
		Errors []any
	}
	if err := json.Unmarshal([]byte(body), &batch); err != nil || len(batch) != 2 {
		t.Fatalf("batch: got %s", body)
	}
	if batch[0].Data["secret"] != "s" || batch[1].Data["secret"] != nil || len(batch[1].Errors) != 1 {
		t.Errorf("batch: got %s", body)
	}
	if got := h.socket(t, `{"query":"query Allowed { secret }"}`); !strings.Contains(got, `"secret":"s"`) {
		t.Errorf("WebSocket, allowed: got %s", got)
	}
	if got := h.socket(t, `{"query":"query Denied { secret }"}`); !strings.Contains(got, `"secret":null`) {
		t.Errorf("WebSocket, denied: got %s", got)
	}
	co.take()
	h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
	for _, m := range co.take() {
		if _, ok := entriesOf(m)[requiredPolicies]; ok {
			t.Errorf("policies were sent at %s for an operation that needs none", m["stage"])
		}
	}
}

// Only coprocessor.policies lets the coprocessor decide.
func TestCoprocessorDoesNotDecideByDefault(t *testing.T) {
	co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
		if _, ok := entriesOf(m)[requiredPolicies]; ok {
			t.Error("the coprocessor was sent policies")
		}
		entriesOf(m)[requiredPolicies] = map[string]any{"vault": true, "night": true}
	}})
	h := newHooked(t, everything(co.URL, "closed"), router.Extensions{})
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, "UNAUTHORIZED_FIELD_OR_TYPE") {
		t.Errorf("got %s", body)
	}
}

// A custom evaluator and the coprocessor cannot both decide.
func TestCoprocessorPoliciesExcludeThoseOfTheProgram(t *testing.T) {
	co := newCoprocessor(t, nil)
	var asked recorder
	h := newHooked(t, nil, router.Extensions{Policies: policies{&asked}, Hooks: []hook.Hooks{{}}})
	c := h.config
	deciding(co.URL, "closed")(&c)
	if err := h.Reconfigure(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "router.Extensions.Policies") {
		t.Errorf("with both evaluators: got error %v", err)
	}
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`, "X-Policies: vault,night"); !strings.Contains(body, `"secret":"s"`) {
		t.Errorf("after the rejected change: got %s", body)
	}
}

// The context lists the scopes and policies in the directives of an operation.
func TestCoprocessorIsSentRequirements(t *testing.T) {
	co := newCoprocessor(t, nil)
	h := newHooked(t, everything(co.URL, "closed"), router.Extensions{})
	const authenticated, scopes = "apollo::authorization::authentication_required", "apollo::authorization::required_scopes"
	for query, want := range map[string]map[string]any{
		"{ scoped }": {authenticated: true, scopes: []any{"a", "b", "c"}},
		"{ hello }":  {},
	} {
		h.do(t, "POST", "/graphql", `{"query":"`+query+`"}`)
		for _, m := range co.take() {
			if m["stage"] != "SupergraphRequest" {
				continue
			}
			got := maps.Clone(entriesOf(m))
			maps.DeleteFunc(got, func(name string, _ any) bool { return name != authenticated && name != scopes })
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got context %v, want %v", query, got, want)
			}
		}
	}
}

func TestCoprocessorIsSentSDL(t *testing.T) {
	co := newCoprocessor(t, nil)
	h := newHooked(t, func(c *config.Config) {
		c.Coprocessor.URL = co.URL
		c.Coprocessor.Timeout = 30 * time.Second
		only := config.CoprocessorStage{SDL: true}
		both := config.CoprocessorExchange{Request: only, Response: only}
		c.Coprocessor.Router, c.Coprocessor.Supergraph = both, both
		c.Coprocessor.Execution.Request.SDL, c.Coprocessor.Execution.Response.SDL = true, true
	}, router.Extensions{})
	h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
	list := co.take()
	want := slices.DeleteFunc(slices.Clone(allStages), func(stage string) bool { return strings.HasPrefix(stage, "Subgraph") })
	if got := stagesOf(list); !slices.Equal(got, want) {
		t.Fatalf("got stages %v, want %v", got, want)
	}
	for _, m := range list {
		if m["sdl"] != hookSDL || m["body"] != nil || m["headers"] != nil {
			t.Errorf("sent at %s: %v", m["stage"], m)
		}
	}
	everythingElse := h.config
	everything(co.URL, "closed")(&everythingElse)
	if err := h.Reconfigure(t.Context(), everythingElse, nil); err != nil {
		t.Fatal(err)
	}
	h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
	for _, m := range co.take() {
		if m["sdl"] != nil {
			t.Errorf("SDL was sent at %s without being configured", m["stage"])
		}
	}
}

// Each stage waits at most for the timeout and follows its own failure policy.
func TestCoprocessorTimeoutAtEachStage(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(new(any)) // with an unread body the server would not see that the client has gone
		<-r.Context().Done()
	}))
	defer hangs.Close()
	defer hangs.CloseClientConnections()
	set := map[string]func(c *config.Coprocessor, onFailure string){
		"RouterRequest": func(c *config.Coprocessor, f string) {
			c.Router.Request = config.CoprocessorStage{Headers: true, OnFailure: f}
		},
		"SupergraphRequest": func(c *config.Coprocessor, f string) {
			c.Supergraph.Request = config.CoprocessorStage{Headers: true, OnFailure: f}
		},
		"ExecutionRequest": func(c *config.Coprocessor, f string) {
			c.Execution.Request = config.CoprocessorPlanStage{Headers: true, OnFailure: f}
		},
		"SubgraphRequest": func(c *config.Coprocessor, f string) {
			c.Subgraph.All.Request = config.CoprocessorSubgraphStage{Headers: true, OnFailure: f}
		},
		"SubgraphResponse": func(c *config.Coprocessor, f string) {
			c.Subgraph.All.Response = config.CoprocessorSubgraphStage{Headers: true, OnFailure: f}
		},
		"ExecutionResponse": func(c *config.Coprocessor, f string) {
			c.Execution.Response = config.CoprocessorStage{Headers: true, OnFailure: f}
		},
		"SupergraphResponse": func(c *config.Coprocessor, f string) {
			c.Supergraph.Response = config.CoprocessorStage{Headers: true, OnFailure: f}
		},
		"RouterResponse": func(c *config.Coprocessor, f string) {
			c.Router.Response = config.CoprocessorStage{Headers: true, OnFailure: f}
		},
	}
	for _, stage := range allStages {
		for _, onFailure := range []string{"open", "closed"} {
			t.Run(stage+" "+onFailure, func(t *testing.T) {
				h := newHooked(t, func(c *config.Config) {
					c.Coprocessor.URL = hangs.URL
					c.Coprocessor.Timeout = 20 * time.Millisecond
					set[stage](&c.Coprocessor, onFailure)
				}, router.Extensions{})
				res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
				status, says := 200, `{"data":{"hello":"from "}}`
				if onFailure == "closed" {
					status, says = 503, "COPROCESSOR_FAILED"
					if strings.HasPrefix(stage, "Subgraph") {
						status = 200
					}
				}
				if res.StatusCode != status || !strings.Contains(body, says) {
					t.Errorf("got status %d, %s\nwant %d with %s", res.StatusCode, body, status, says)
				}
			})
		}
	}
}

// The coprocessor is called for results of operations, not for rejected ones.
func TestCoprocessorIsNotCalledForResultsOfRejectedOperations(t *testing.T) {
	co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) { m["control"] = map[string]any{"break": 403} }})
	h := newHooked(t, everything(co.URL, "closed"), router.Extensions{})
	h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
	if got, want := stagesOf(co.take()), []string{"RouterRequest", "SupergraphRequest", "SupergraphResponse", "RouterResponse"}; !slices.Equal(got, want) {
		t.Errorf("got stages %v, want %v", got, want)
	}
	h.do(t, "POST", "/graphql", `{"query":"{ none }"}`)
	if got, want := stagesOf(co.take()), []string{"RouterRequest", "RouterResponse"}; !slices.Equal(got, want) {
		t.Errorf("invalid operation: got stages %v, want %v", got, want)
	}
}

// A stream has a result for each event.
func TestCoprocessorIsCalledForEachEvent(t *testing.T) {
	co := newCoprocessor(t, nil)
	h := newHooked(t, everything(co.URL, "closed"), router.Extensions{})
	if got := h.socket(t, `{"query":"subscription { ticks }"}`); !strings.Contains(got, `"ticks":2`) {
		t.Errorf("WebSocket: got %s", got)
	}
	count := map[string]int{}
	for _, stage := range stagesOf(co.take()) {
		count[stage]++
	}
	want := map[string]int{"RouterRequest": 1, "SupergraphRequest": 1, "ExecutionRequest": 1, "SubgraphRequest": 1,
		"SubgraphResponse": 2, "ExecutionResponse": 2, "SupergraphResponse": 2, "RouterResponse": 2}
	if !maps.Equal(count, want) {
		t.Errorf("got stages %v, want %v", count, want)
	}
}

// A stage that only decides on policies is called for no other operation, which so does not fail
// with the coprocessor.
func TestCoprocessorForPoliciesIsNotNeededByOtherOperations(t *testing.T) {
	for name, c := range map[string]struct {
		configure func(*config.Config)
		called    bool
	}{
		"policies only":     {func(*config.Config) {}, false},
		"cached policies":   {caching, false},
		"with headers":      {func(c *config.Config) { c.Coprocessor.Supergraph.Request.Headers = true }, true},
		"a header needs it": {func(c *config.Config) { c.Headers.All.SetFromContext = map[string]string{"X-From": "tenant"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			away := false
			calls := 0
			co := newCoprocessor(t, map[string]func(map[string]any){"SupergraphRequest": func(m map[string]any) {
				calls++
				if away {
					m["version"] = 2 // a failure
				}
				policies, _ := entriesOf(m)[requiredPolicies].(map[string]any)
				for name := range policies {
					policies[name] = true
				}
			}})
			h := newHooked(t, func(conf *config.Config) {
				conf.Coprocessor.URL, conf.Coprocessor.Policies, conf.Coprocessor.Supergraph.Request.Context = co.URL, true, true
				c.configure(conf)
			}, router.Extensions{})
			if _, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); !strings.Contains(body, `"secret":"s"`) || calls != 1 {
				t.Errorf("with policies: %d calls, got %s", calls, body)
			}
			away = true
			for _, query := range []string{"{ hello }", "{ __typename }"} {
				before := calls
				res, body := h.do(t, "POST", "/graphql", `{"query":"`+query+`"}`)
				if failed := res.StatusCode == 503; failed != c.called || (calls != before) != c.called {
					t.Errorf("%s: status %d, %d calls, %s", query, res.StatusCode, calls-before, body)
				}
			}
		})
	}
}
