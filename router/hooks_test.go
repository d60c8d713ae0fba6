package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
)

const onceThrough = "1.request 1.operation 1.plan 1.subgraph-request 1.subgraph-response 1.response"

func TestHooksRunInOrderAndResponseHooksInReverse(t *testing.T) {
	var r recorder
	h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{r.hooks("1"), r.hooks("2")}})
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); body != `{"data":{"hello":"from "}}` {
		t.Errorf("got %s", body)
	}
	want := "1.request 2.request 1.operation 2.operation 1.plan 2.plan 1.subgraph-request 2.subgraph-request " +
		"2.subgraph-response 1.subgraph-response 2.response 1.response"
	if got := r.take(); got != want {
		t.Errorf("got hook calls\n%s\nwant\n%s", got, want)
	}
}

// Every protocol calls the same hooks.
func TestHooksRunForEveryProtocol(t *testing.T) {
	var (
		r       recorder
		carrier hook.Carrier
	)
	watch := r.hooks("1")
	watch.Operation = func(_ context.Context, e *hook.Exchange) error {
		carrier = e.Carrier
		r.add("1.operation")
		return nil
	}
	h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{watch}})
	for _, c := range []struct {
		name string
		send func() string
		via  hook.Carrier
		want string
		says string
	}{
		{name: "POST", via: hook.HTTP, want: onceThrough, says: "from ", send: func() string {
			_, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
			return body
		}},
		{name: "GET", via: hook.HTTP, want: onceThrough, says: "from ", send: func() string {
			_, body := h.do(t, "GET", "/graphql?query={hello}", "", "Apollo-Require-Preflight: 1")
			return body
		}},
		{name: "a batch of one", via: hook.Batch, want: onceThrough, says: "from ", send: func() string {
			_, body := h.do(t, "POST", "/graphql", `[{"query":"{ hello }"}]`)
			return body
		}},
		{name: "multipart", via: hook.HTTP, want: onceThrough, says: "from ", send: func() string {
			_, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "Accept: multipart/mixed")
			return body
		}},
		{name: "query as an event stream", via: hook.HTTP, want: onceThrough, says: "from ", send: func() string {
			_, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "Accept: text/event-stream")
			return body
		}},
		{name: "subscription as an event stream", via: hook.HTTP, says: `"ticks":2`,
			want: "1.request 1.operation 1.plan 1.subgraph-request 1.subgraph-response 1.response 1.subgraph-response 1.response", send: func() string {
				_, body := h.do(t, "POST", "/graphql", `{"query":"subscription { ticks }"}`, "Accept: text/event-stream")
				return body
			}},
		{name: "subscription as multipart", via: hook.HTTP, says: `"ticks":2`,
			want: "1.request 1.operation 1.plan 1.subgraph-request 1.subgraph-response 1.response 1.subgraph-response 1.response", send: func() string {
				_, body := h.do(t, "POST", "/graphql", `{"query":"subscription { ticks }"}`, "Accept: multipart/mixed;subscriptionSpec=1.0")
				return body
			}},
		{name: "WebSocket", via: hook.WebSocket, want: onceThrough, says: "from ", send: func() string { return h.socket(t, `{"query":"{ hello }"}`) }},
		{name: "REST", via: hook.REST, want: onceThrough, says: "from ", send: func() string {
			_, body := h.do(t, "GET", "/api/hello", "")
			return body
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.take()
			if body := c.send(); !strings.Contains(body, c.says) {
				t.Errorf("got %s", body)
			}
			// Two goroutines run the hooks of a subscription's events and responses, in any order.
			sorted := func(text string) string {
				words := strings.Fields(text)
				slices.Sort(words)
				return strings.Join(words, " ")
			}
			if got := r.take(); sorted(got) != sorted(c.want) || carrier != c.via {
				t.Errorf("carrier %s: got hook calls\n%s\nwant\n%s", carrier, got, c.want)
			}
		})
	}
}

func TestHooksSeeEachOperationOfABatch(t *testing.T) {
	h := newHooked(t, func(c *config.Config) { c.Headers.All.Propagate = []string{"X-From"} }, router.Extensions{Hooks: []hook.Hooks{{
		Request: func(_ context.Context, r *hook.Request) error {
			r.ClientHeader.Set("X-From", r.OperationName)
			return nil
		},
	}}})
	_, body := h.do(t, "POST", "/graphql", `[{"query":"query A { hello }","operationName":"A"},{"query":"query B { hello }","operationName":"B"}]`)
	if body != `[{"data":{"hello":"from A"}},{"data":{"hello":"from B"}}]` {
		t.Errorf("batch: got %s", body)
	}
}

type tenantKey struct{}

func TestHooksModifyRequestsAndResponses(t *testing.T) {
	for _, client := range []string{"direct", "standard"} {
		t.Run(client, func(t *testing.T) {
			var seen hook.Response
			h := newHooked(t, func(c *config.Config) {
				c.TrafficShaping.All.HTTPClient = client
				c.Headers.All.Propagate = []string{"X-From"}
			}, router.Extensions{Hooks: []hook.Hooks{{
				Request: func(_ context.Context, r *hook.Request) error {
					r.ClientHeader.Set("X-From", "a hook")
					r.ResponseHeader.Set("X-Hook", "request")
					r.Query = strings.ReplaceAll(r.Query, "greet", "hello")
					r.Set(tenantKey{}, "t1")
					return nil
				},
				SubgraphRequest: func(ctx context.Context, r *hook.SubgraphRequest) error {
					if hook.FromContext(ctx) != r.Exchange {
						return errors.New("the context has a different exchange")
					}
					r.Header.Set("User-Agent", "changed")
					r.Header.Set("X-Tenant", r.Value(tenantKey{}).(string))
					r.Body = []byte(strings.Replace(string(r.Body), "{", `{"extensions":{"a":1},`, 1))
					return nil
				},
				SubgraphResponse: func(_ context.Context, r *hook.SubgraphResponse) error {
					r.Body = []byte(strings.Replace(string(r.Body), "from", r.Header.Get("X-Subgraph")+" from", 1))
					return r.SetExtension("subgraph", r.Subgraph)
				},
				Response: func(_ context.Context, r *hook.Response) error {
					seen = *r //nolint:govet // its lock is not held
					seen.Body = slices.Clone(r.Body)
					r.Status = http.StatusAccepted
					r.ResponseHeader.Set("X-Errors", fmt.Sprint(r.Errors))
					return r.SetExtension("tenant", r.Value(tenantKey{}))
				},
			}}})
			res, body := h.do(t, "POST", "/graphql", `{"query":"query Q { greet }"}`)
			if want := `{"data":{"hello":"a from a hook"},"extensions":{"subgraph":"a","tenant":"t1"}}`; body != want || res.StatusCode != http.StatusAccepted {
				t.Errorf("got status %d, %s\nwant %s", res.StatusCode, body, want)
			}
			if res.Header.Get("X-Hook") != "request" || res.Header.Get("X-Errors") != "0" {
				t.Errorf("got response headers %v", res.Header)
			}
			if got := h.last(); got.Header.Get("X-Tenant") != "t1" || !slices.Equal(got.Header["User-Agent"], []string{"changed"}) {
				t.Errorf("subgraph: got headers %v", got.Header)
			}
			if !strings.HasPrefix(h.bodies[0], `{"extensions":{"a":1},"query":`) {
				t.Errorf("subgraph: got %s", h.bodies[0])
			}
			op := seen.Operation
			if op.Name != "Q" || op.Kind.String() != "query" || len(op.Hash) != 64 || len(seen.Fetches) != 1 || seen.Duration <= 0 || seen.Supergraph == "" {
				t.Errorf("response hook: got %+v of %+v", &seen, op)
			}
		})
	}
}

// A rejection has the status and errors that the hook returns, at every hook and
// over every protocol.
func TestHookRejectionReachesTheClient(t *testing.T) {
	reject := func() error {
		return &hook.Rejection{Status: 451, Header: http.Header{"X-Why": {"law"}}, Errors: []hook.Error{
			{Message: "Not here.", Code: "LEGAL", Extensions: map[string]json.RawMessage{"country": json.RawMessage(`"xx"`)}}}}
	}
	const list = `[{"message":"Not here.","extensions":{"code":"LEGAL","country":"xx"}}]`
	for point, hooks := range map[string]hook.Hooks{
		"request":   {Request: func(context.Context, *hook.Request) error { return reject() }},
		"operation": {Operation: func(context.Context, *hook.Exchange) error { return reject() }},
		"plan":      {Plan: func(context.Context, *hook.Exchange) error { return reject() }},
		"response":  {Response: func(context.Context, *hook.Response) error { return reject() }},
	} {
		t.Run(point, func(t *testing.T) {
			var watch recorder
			h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{hooks, {Response: watch.hooks("1").Response}}})
			res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
			if res.StatusCode != 451 || body != `{"errors":`+list+`}` || res.Header.Get("X-Why") != "law" {
				t.Errorf("HTTP: got status %d, headers %v, %s", res.StatusCode, res.Header, body)
			}
			if got := watch.take(); got != "1.response" {
				t.Errorf("the response hook was called: %q", got)
			}
			if res, body := h.do(t, "POST", "/graphql", `[{"query":"{ hello }"}]`); res.StatusCode != 200 || body != `[{"errors":`+list+`}]` {
				t.Errorf("batch: got status %d, %s", res.StatusCode, body)
			}
			if res, body := h.do(t, "GET", "/api/hello", ""); res.StatusCode != 451 || !strings.Contains(body, `"code":"LEGAL"`) {
				t.Errorf("REST: got status %d, %s", res.StatusCode, body)
			}
			if point == "response" {
				return // on a WebSocket the response replaces an event
			}
			if got := h.socket(t, `{"query":"{ hello }"}`); !strings.Contains(got, `"type":"error","payload":`+list) {
				t.Errorf("WebSocket: got %s", got)
			}
			if n := h.asked(); n != 0 {
				t.Errorf("%d subgraph requests, want 0", n)
			}
		})
	}
}

func TestSubgraphHookRejectionIsAFieldError(t *testing.T) {
	h := newHooked(t, func(c *config.Config) { c.IncludeErrors.All = false }, router.Extensions{Hooks: []hook.Hooks{{
		SubgraphRequest: func(context.Context, *hook.SubgraphRequest) error {
			return hook.Reject(0, "TENANT_BLOCKED", "The tenant is blocked.")
		},
	}}})
	const want = `{"message":"The tenant is blocked.","path":["hello"],"extensions":{"code":"TENANT_BLOCKED","service":"a"}}`
	if res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); res.StatusCode/100 != 2 || !strings.Contains(body, `"code":"TENANT_BLOCKED"`) || !strings.Contains(body, `"The tenant is blocked."`) {
		t.Errorf("got status %d, %s\nwant the error %s", res.StatusCode, body, want)
	}
	if got := h.socket(t, `{"query":"subscription { ticks }"}`); !strings.Contains(got, "TENANT_BLOCKED") {
		t.Errorf("WebSocket: got %s", got)
	}
	if n := h.asked(); n != 0 {
		t.Errorf("%d subgraph requests, want 0", n)
	}
	// The subgraph has not failed: it got no request.
	if _, body := h.do(t, "GET", "/readyz", ""); strings.Contains(body, "DOWN") {
		t.Errorf("readiness: got %s", body)
	}
}

func TestHooksRespondInPlaceOfASubgraph(t *testing.T) {
	h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{{
		SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error {
			if r.ClientHeader.Get("X-Mode") == "mock" {
				r.Answer = &hook.Answer{Body: []byte(`{"data":{"hello":"mocked"}}`)}
			}
			return nil
		},
		SubgraphResponse: func(_ context.Context, r *hook.SubgraphResponse) error {
			if r.Err != nil {
				r.Err, r.Body = nil, []byte(`{"data":{"hello":"fallback"}}`)
			}
			return nil
		},
	}}})
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`, "X-Mode: mock"); body != `{"data":{"hello":"mocked"}}` || h.asked() != 0 {
		t.Errorf("got %s, %d subgraph requests", body, h.asked())
	}
	c := h.config
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {"http://127.0.0.1:1"}}
	if err := h.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); body != `{"data":{"hello":"fallback"}}` {
		t.Errorf("without the subgraph: got %s", body)
	}
}

// A hook cannot set headers that change the framing of a request.
func TestHooksCannotChangeFraming(t *testing.T) {
	for _, header := range []string{"Content-Length", "Transfer-Encoding", "Connection", "X-Line"} {
		h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{{
			SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error {
				r.Header[header] = []string{"1\r\nEvil: 1"}
				return nil
			},
		}}})
		if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); !strings.Contains(body, "SUBREQUEST_HTTP_ERROR") || h.asked() != 0 {
			t.Errorf("%s: got %s, %d subgraph requests", header, body, h.asked())
		}
	}
}

// An error that is not a rejection, and a panic, are internal errors. Clients see
// nothing of them.
func TestHookFailureIsAnInternalError(t *testing.T) {
	fail := func(how string) error {
		if how == "panic" {
			panic("hidden")
		}
		return errors.New("hidden")
	}
	for _, how := range []string{"panic", "error"} {
		for point, hooks := range map[string]hook.Hooks{
			"request":           {Name: "x", Request: func(context.Context, *hook.Request) error { return fail(how) }},
			"operation":         {Name: "x", Operation: func(context.Context, *hook.Exchange) error { return fail(how) }},
			"plan":              {Name: "x", Plan: func(context.Context, *hook.Exchange) error { return fail(how) }},
			"subgraph request":  {Name: "x", SubgraphRequest: func(context.Context, *hook.SubgraphRequest) error { return fail(how) }},
			"subgraph response": {Name: "x", SubgraphResponse: func(context.Context, *hook.SubgraphResponse) error { return fail(how) }},
			"response":          {Name: "x", Response: func(context.Context, *hook.Response) error { return fail(how) }},
		} {
			t.Run(how+" at "+point, func(t *testing.T) {
				h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{hooks}})
				res, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
				status := http.StatusInternalServerError
				if strings.HasPrefix(point, "subgraph") {
					status = http.StatusOK
				}
				if res.StatusCode != status || !strings.Contains(body, "INTERNAL_SERVER_ERROR") || strings.Contains(body, "hidden") {
					t.Errorf("got status %d, %s", res.StatusCode, body)
				}
				if log := h.log.String(); !strings.Contains(log, `"hook":"x"`) || !strings.Contains(log, "hidden") {
					t.Errorf("got log %s", log)
				}
			})
		}
	}
}

// Hooks keep running after a change of the configuration, and all hooks of a
// request in progress see the same supergraph.
func TestHooksSurviveReload(t *testing.T) {
	planned, goOn := make(chan string, 1), make(chan struct{})
	ended := make(chan string, 1)
	h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{{
		Plan: func(_ context.Context, e *hook.Exchange) error {
			if e.Operation.Name == "Waits" {
				planned <- e.Supergraph
				<-goOn
			}
			return nil
		},
		Response: func(_ context.Context, r *hook.Response) error {
			if r.Operation.Name == "Waits" {
				ended <- r.Supergraph
			}
			return r.SetExtension("hooked", true)
		},
	}}})
	underWay := make(chan string, 1)
	go func() {
		_, body := h.do(t, "POST", "/graphql", `{"query":"query Waits { hello }"}`)
		underWay <- body
	}()
	first := <-planned
	if err := h.Reconfigure(t.Context(), h.config, nil); err != nil {
		t.Fatal(err)
	}
	if _, body := h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`); !strings.Contains(body, `"hooked":true`) {
		t.Errorf("after the reload: got %s", body)
	}
	close(goOn)
	if body := <-underWay; !strings.Contains(body, `"hooked":true`) || <-ended != first {
		t.Errorf("request in progress: got %s", body)
	}
}
