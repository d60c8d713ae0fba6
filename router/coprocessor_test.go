package router_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
)

// A coprocessor responds with the result of a function for each stage; without
// a function it echoes the message.
type coprocessor struct {
	*httptest.Server
	mu     sync.Mutex
	got    []map[string]any
	answer map[string]func(m map[string]any)
}

func newCoprocessor(t *testing.T, answer map[string]func(m map[string]any)) *coprocessor {
	t.Helper()
	c := &coprocessor{answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
			return
		}
		c.mu.Lock()
		c.got = append(c.got, m)
		sent, err := json.Marshal(m)
		c.mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		var out map[string]any
		_ = json.Unmarshal(sent, &out) // valid: it has just been encoded
		stage, _ := m["stage"].(string)
		if change := answer[stage]; change != nil {
			change(out)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the router may have timed out
	}))
	t.Cleanup(c.Close)
	return c
}

// take returns and clears the messages that the coprocessor received.
func (c *coprocessor) take() []map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

func stagesOf(list []map[string]any) []string {
	var stages []string
	for _, m := range list {
		stages = append(stages, fmt.Sprint(m["stage"]))
	}
	return stages
}

// everything enables all stages and fields, with a failure policy.
func everything(url, onFailure string) func(*config.Config) {
	return func(c *config.Config) {
		all := config.CoprocessorStage{Headers: true, Body: true, Context: true, OnFailure: onFailure}
		both := config.CoprocessorExchange{Request: all, Response: all}
		c.Coprocessor.URL = url
		c.Coprocessor.Timeout = 30 * time.Second // test machines may be busy
		c.Coprocessor.Router, c.Coprocessor.Supergraph, c.Coprocessor.Execution.Response = both, both, all
		subgraph := config.CoprocessorSubgraphStage{Headers: true, Body: true, Context: true, OnFailure: onFailure}
		c.Coprocessor.Subgraph.All = config.CoprocessorSubgraphExchange{Request: subgraph, Response: subgraph}
		c.Coprocessor.Execution.Request = config.CoprocessorPlanStage{Headers: true, Body: true, Context: true, QueryPlan: true, OnFailure: onFailure}
	}
}

var allStages = []string{"RouterRequest", "SupergraphRequest", "ExecutionRequest", "SubgraphRequest", "SubgraphResponse", "ExecutionResponse", "SupergraphResponse", "RouterResponse"}

func TestCoprocessorIsCalledAtEachStage(t *testing.T) {
	c := newCoprocessor(t, nil)
	h := newHooked(t, everything(c.URL, "closed"), router.Extensions{})
	const body = `{"query":"query Q($v: Int = 2) { hello }","operationName":"Q","variables":{"v":1}}`
	if res, got := h.do(t, "POST", "/graphql?x=1", strings.Replace(body, "{ hello }", "{ hello @include(if: true) a: hello @skip(if: true) }", 1)); res.StatusCode != 200 && !strings.Contains(got, "errors") {
		t.Errorf("got status %d, %s", res.StatusCode, got)
	}
	c.take()
	res, got := h.do(t, "POST", "/graphql?x=1", `{"query":"query Q { hello }","operationName":"Q"}`, "X-Client: 1")
	if res.StatusCode != 200 || got != `{"data":{"hello":"from "}}` || res.Header.Get("Content-Type") == "" {
		t.Errorf("an echo changes the response: status %d, %s", res.StatusCode, got)
	}
	list := c.take()
	if stages := stagesOf(list); !slices.Equal(stages, allStages) {
		t.Fatalf("got stages %v", stages)
	}
	for i, want := range []map[string]any{
		{"version": 1.0, "control": "continue", "method": "POST", "path": "/graphql?x=1", "body": `{"query":"query Q { hello }","operationName":"Q"}`},
		{"method": "POST", "body": map[string]any{"query": "query Q { hello }", "operationName": "Q", "variables": map[string]any{}}},
		{"method": "POST"},
		{"method": "POST", "serviceName": "a", "uri": h.config.OverrideSubgraphURLs["a"][0]},
		{"serviceName": "a", "statusCode": 200.0, "body": map[string]any{"data": map[string]any{"hello": "from "}}},
		{"statusCode": 200.0, "hasNext": false, "body": map[string]any{"data": map[string]any{"hello": "from "}}},
		{"statusCode": 200.0, "hasNext": false, "body": map[string]any{"data": map[string]any{"hello": "from "}}},
		{"statusCode": 200.0, "body": `{"data":{"hello":"from "}}`},
	} {
		m := list[i]
		for key, value := range want {
			if fmt.Sprint(m[key]) != fmt.Sprint(value) {
				t.Errorf("%s: %s = %v, want %v", m["stage"], key, m[key], value)
			}
		}
		if m["id"] != list[0]["id"] || m["headers"] == nil || m["context"] == nil {
			t.Errorf("%s: a field is missing in %v", m["stage"], m)
		}
	}
	if headers, _ := list[0]["headers"].(map[string]any); fmt.Sprint(headers["x-client"]) != "[1]" {
		t.Errorf("got client headers %v", headers)
	}
	if list[2]["queryPlan"] == nil || list[3]["subgraphRequestId"] != list[4]["subgraphRequestId"] {
		t.Errorf("got no plan or different IDs: %v", list[2:5])
	}
	if entries := fmt.Sprint(list[1]["context"]); !strings.Contains(entries, "apollo::supergraph::operation_name:Q") {
		t.Errorf("got context %s", entries)
	}
}

func TestCoprocessorReceivesOnlyConfiguredFields(t *testing.T) {
	c := newCoprocessor(t, nil)
	h := newHooked(t, func(to *config.Config) {
		to.Coprocessor.URL = c.URL
		to.Coprocessor.Timeout = 30 * time.Second
		to.Coprocessor.Router.Request.Headers = true
	}, router.Extensions{})
	h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
	list := c.take()
	if len(list) != 1 || list[0]["stage"] != "RouterRequest" || list[0]["headers"] == nil || list[0]["body"] != nil || list[0]["context"] != nil {
		t.Errorf("the coprocessor got %v", list)
	}
}

func TestCoprocessorModifiesRequestsAndResponses(t *testing.T) {
	put := func(m map[string]any, part, name string, value any) {
		inner, _ := m[part].(map[string]any)
		inner[name] = value
	}
	c := newCoprocessor(t, map[string]func(map[string]any){
		"RouterRequest": func(m map[string]any) {
			put(m, "headers", "x-from", []string{"the coprocessor"})
			m["body"] = strings.Replace(m["body"].(string), "greet", "hello", 1)
			m["context"] = map[string]any{"entries": map[string]any{"mine": 1, "apollo::authentication::jwt_claims": map[string]any{"sub": "ada", "policies": []string{"vault", "night"}}}}
		},
		"SubgraphRequest": func(m map[string]any) {
			put(m, "headers", "x-signed", []string{"yes"})
			put(m, "headers", "content-length", []string{"1"}) // some coprocessors copy it
		},
		"SubgraphResponse": func(m map[string]any) {
			m["body"] = map[string]any{"data": map[string]any{"hello": m["headers"].(map[string]any)["x-subgraph"].([]any)[0], "secret": "s"}}
		},
		"ExecutionResponse": func(m map[string]any) { put(m, "body", "extensions", map[string]any{"a": 1}) },
		"SupergraphResponse": func(m map[string]any) {
			extensions, _ := m["body"].(map[string]any)["extensions"].(map[string]any)
			extensions["b"] = 2
		},
		"RouterResponse": func(m map[string]any) {
			put(m, "headers", "x-out", []string{"1"})
			m["statusCode"] = 202
		},
	})
	h := newHooked(t, func(to *config.Config) {
		everything(c.URL, "closed")(to)
		to.Headers.All.Propagate = []string{"X-From"}
	}, router.Extensions{})
	res, body := h.do(t, "POST", "/graphql", `{"query":"{ greet secret }"}`)
	if res.StatusCode != 202 || body != `{"data":{"hello":"a","secret":"s"},"extensions":{"a":1,"b":2}}` || res.Header.Get("X-Out") != "1" {
		t.Errorf("got status %d, headers %v, %s", res.StatusCode, res.Header, body)
	}
	if got := h.last(); got.Header.Get("X-From") != "the coprocessor" || got.Header.Get("X-Signed") != "yes" {
		t.Errorf("subgraph: got headers %v", got.Header)
	}
	list := c.take()
	if last := fmt.Sprint(list[len(list)-1]["context"]); !strings.Contains(last, "mine:1") {
		t.Errorf("last stage: got context %s", last)
	}
}

func TestCoprocessorBreakEndsTheRequest(t *testing.T) {
	end := func(status int, body any) func(map[string]any) {
		return func(m map[string]any) {
			m["control"] = map[string]any{"break": status}
			m["body"] = body
			m["headers"] = map[string]any{"x-why": []string{"because"}}
		}
	}
	list := map[string]any{"errors": []any{map[string]any{"message": "No.", "extensions": map[string]any{"code": "NO", "a": 1}}}}
	for _, stage := range []string{"RouterRequest", "SupergraphRequest", "ExecutionRequest", "ExecutionResponse", "SupergraphResponse", "RouterResponse"} {
		for name, c := range map[string]struct {
			body any
			want string
		}{
			"object": {body: list, want: `{"errors":[{"message":"No.","extensions":{"a":1,"code":"NO"}}]}`},
			"text":   {body: "Not you.", want: `{"errors":[{"message":"Not you.","extensions":{"code":"UNAUTHENTICATED"}}]}`},
			"none":   {body: nil, want: `{"errors":[{"message":"Unauthorized","extensions":{"code":"UNAUTHENTICATED"}}]}`},
		} {
			t.Run(stage+" with "+name, func(t *testing.T) {
				co := newCoprocessor(t, map[string]func(map[string]any){stage: end(401, c.body)})
				h := newHooked(t, everything(co.URL, "open"), router.Extensions{}) // a break is not a failure
				res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
				// The echo of later stages may reorder members.
				var got, want any
				if err := errors.Join(json.Unmarshal([]byte(body), &got), json.Unmarshal([]byte(c.want), &want)); err != nil {
					t.Fatal(err)
				}
				if res.StatusCode != 401 || !reflect.DeepEqual(got, want) || res.Header.Get("X-Why") != "because" {
					t.Errorf("got status %d, headers %v, %s", res.StatusCode, res.Header, body)
				}
			})
		}
	}
	t.Run("SubgraphRequest", func(t *testing.T) {
		co := newCoprocessor(t, map[string]func(map[string]any){"SubgraphRequest": end(200, map[string]any{"data": map[string]any{"hello": "mocked"}})})
		h := newHooked(t, everything(co.URL, "closed"), router.Extensions{})
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); body != `{"data":{"hello":"mocked"}}` || h.asked() != 0 {
			t.Errorf("got %s, %d subgraph requests", body, h.asked())
		}
	})
	t.Run("SubgraphResponse", func(t *testing.T) {
		co := newCoprocessor(t, map[string]func(map[string]any){"SubgraphResponse": end(403, "Hidden.")})
		h := newHooked(t, everything(co.URL, "closed"), router.Extensions{})
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); !strings.Contains(body, "Hidden.") || !strings.Contains(body, `"hello":null`) {
			t.Errorf("got %s", body)
		}
	})
}

// A failing coprocessor fails the request at stages with the policy closed, and
// is ignored at stages with the policy open.
func TestCoprocessorFailureFollowsThePolicy(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"status":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) },
		"empty":         func(http.ResponseWriter, *http.Request) {},
		"not JSON":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"other version": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":2}`) },
		"other stage":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"stage":"Nowhere"}`) },
		"other id":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"x"}`) },
		"bad control":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"control":{"break":99}}`) },
		"bad body":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"body":7}`) },
		"too large":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"x":"%s"}`, strings.Repeat("x", 5000)) },
		"timeout":       func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() },
		"closed":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			defer server.CloseClientConnections()
			for policy, want := range map[string]struct {
				status int
				body   string
			}{
				"open":   {status: 200, body: `{"data":{"hello":"from "}}`},
				"closed": {status: 503, body: "COPROCESSOR_FAILED"},
			} {
				h := newHooked(t, func(c *config.Config) {
					c.Coprocessor.URL = server.URL
					c.Coprocessor.MaxResponseBytes = 4096
					c.Coprocessor.Timeout = 30 * time.Second
					if name == "timeout" {
						c.Coprocessor.Timeout = 20 * time.Millisecond
					}
					c.Coprocessor.Router.Request = config.CoprocessorStage{Headers: true, Body: true, OnFailure: policy}
				}, router.Extensions{})
				res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
				if res.StatusCode != want.status || !strings.Contains(body, want.body) || strings.Contains(body, "127.0.0.1") {
					t.Errorf("%s: got status %d, %s", policy, res.StatusCode, body)
				}
				w := httptest.NewRecorder()
				h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				if !strings.Contains(w.Body.String(), `souk_router_coprocessor_duration_seconds_count{result="failed",stage="RouterRequest"} 1`) {
					t.Errorf("%s: the metrics do not count the failure", policy)
				}
				if !strings.Contains(h.log.String(), `"dependency":"coprocessor/coprocessor"`) {
					t.Errorf("%s: the failure is not logged: %s", policy, h.log)
				}
			}
		})
	}
}

// Each stage has its own policy.
func TestCoprocessorStagesHaveTheirOwnFailurePolicy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer server.Close()
	h := newHooked(t, func(c *config.Config) {
		everything(server.URL, "open")(c)
		c.Coprocessor.Subgraph.All.Request.OnFailure = "closed"
	}, router.Extensions{})
	res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
	if res.StatusCode != 200 || !strings.Contains(body, "COPROCESSOR_FAILED") || !strings.Contains(body, `"hello":null`) || h.asked() != 0 {
		t.Errorf("got status %d, %s, %d subgraph requests", res.StatusCode, body, h.asked())
	}
}

func TestCoprocessorBoundsItsConnections(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		arrived <- struct{}{}
		<-release
		mu.Lock()
		now--
		mu.Unlock()
		fmt.Fprint(w, `{}`)
	}))
	defer server.Close()
	h := newHooked(t, func(c *config.Config) {
		c.Coprocessor.URL = server.URL
		c.Coprocessor.Timeout = time.Minute
		c.Coprocessor.MaxConnections = 2
		c.Coprocessor.Router.Request.Headers = true
	}, router.Extensions{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); body != `{"data":{"hello":"from "}}` {
				t.Errorf("got %s", body)
			}
		})
	}
	<-arrived
	<-arrived
	close(release)
	all.Wait()
	if most > 2 {
		t.Errorf("%d concurrent calls, want at most 2", most)
	}
}

func TestCoprocessorFollowsReloads(t *testing.T) {
	c := newCoprocessor(t, map[string]func(map[string]any){"RouterRequest": func(m map[string]any) { m["control"] = map[string]any{"break": 403} }})
	h := newHooked(t, nil, router.Extensions{})
	ask := func() int {
		res, _ := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
		return res.StatusCode
	}
	if got := ask(); got != 200 {
		t.Errorf("without a coprocessor: got status %d", got)
	}
	with := h.config
	everything(c.URL, "closed")(&with)
	if err := h.Reconfigure(t.Context(), with, nil); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != 403 {
		t.Errorf("with a coprocessor: got status %d", got)
	}
	if err := h.Reconfigure(t.Context(), h.config, nil); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != 200 {
		t.Errorf("after removing it: got status %d", got)
	}
	useless := h.config
	useless.Coprocessor.URL = c.URL
	if err := h.Reconfigure(t.Context(), useless, nil); err == nil || !strings.Contains(err.Error(), "no stage") {
		t.Errorf("coprocessor without stages: got error %v", err)
	}
}

func TestProfilesAreOffByDefault(t *testing.T) {
	for on, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		h := newHooked(t, func(c *config.Config) { c.Admin.Pprof = on }, router.Extensions{})
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
			w := httptest.NewRecorder()
			h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != want {
				t.Errorf("pprof %t: %s on the admin port: got status %d", on, path, w.Code)
			}
			if res, _ := h.do(t, "GET", path, ""); res.StatusCode != http.StatusNotFound {
				t.Errorf("pprof %t: %s on the public port: got status %d", on, path, res.StatusCode)
			}
		}
	}
}
