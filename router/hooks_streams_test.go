package router_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"souk/router"
	"souk/router/auth"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/operation"
)

// A connection runs operations, one after the other, on one long-lived connection. run
// returns the messages up to the end of the operation, or the errors that reject it.
type connection interface {
	run(t *testing.T, payload string) string
}

// connections opens a connection for each carrier of several operations.
var connections = map[hook.Carrier]func(t *testing.T, h *hookedRouter, headers ...string) connection{
	hook.WebSocket:   openHookedSocket,
	hook.EventStream: openReservation,
}

// overConnections runs a test for each kind of connection.
func overConnections(t *testing.T, test func(t *testing.T, carrier hook.Carrier, open func(t *testing.T, h *hookedRouter, headers ...string) connection)) {
	t.Helper()
	for carrier, open := range connections {
		t.Run(string(carrier), func(t *testing.T) { test(t, carrier, open) })
	}
}

type socketConnection struct {
	conn *websocket.Conn
	last int
}

func openHookedSocket(t *testing.T, h *hookedRouter, headers ...string) connection {
	t.Helper()
	header := http.Header{}
	for _, field := range headers {
		name, value, _ := strings.Cut(field, ": ")
		header.Set(name, value)
	}
	conn, res, err := websocket.Dial(t.Context(), h.url+"/graphql", &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		res.Body.Close()
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	s := &socketConnection{conn: conn}
	s.write(t, `{"type":"connection_init"}`)
	if got := s.read(t); got != `{"type":"connection_ack"}` {
		t.Fatalf("connection_init is answered %s", got)
	}
	return s
}

func (s *socketConnection) write(t *testing.T, message string) {
	t.Helper()
	if err := s.conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func (s *socketConnection) read(t *testing.T) string {
	t.Helper()
	_, message, err := s.conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

func (s *socketConnection) run(t *testing.T, payload string) string {
	t.Helper()
	s.last++
	s.write(t, fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":%s}`, s.last, payload))
	all := ""
	for {
		message := s.read(t)
		all += message + "\n"
		if strings.Contains(message, `"type":"complete"`) || strings.Contains(message, `"type":"error"`) {
			return all
		}
	}
}

// A reservedConnection is an event stream in the single connection mode.
type reservedConnection struct {
	h       *hookedRouter
	headers []string
	lines   *bufio.Scanner
	last    int
}

func openReservation(t *testing.T, h *hookedRouter, headers ...string) connection {
	t.Helper()
	res, token := h.do(t, http.MethodPut, "/graphql", "", headers...)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("a reservation is answered %d %s", res.StatusCode, token)
	}
	headers = append(slices.Clone(headers), "X-GraphQL-Event-Stream-Token: "+token)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for _, field := range headers {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Set(name, value)
	}
	stream, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Body.Close() })
	if stream.StatusCode != http.StatusOK {
		t.Fatalf("the stream is answered %d", stream.StatusCode)
	}
	return &reservedConnection{h: h, headers: headers, lines: bufio.NewScanner(stream.Body)}
}

// send sends an operation and returns the response to its request.
func (c *reservedConnection) send(t *testing.T, payload string) (*http.Response, string) {
	t.Helper()
	c.last++
	body := fmt.Sprintf(`%s,"extensions":{"operationId":"%d"}}`, strings.TrimSuffix(payload, "}"), c.last)
	return c.h.do(t, http.MethodPost, "/graphql", body, c.headers...)
}

func (c *reservedConnection) run(t *testing.T, payload string) string {
	t.Helper()
	res, body := c.send(t, payload)
	if res.StatusCode != http.StatusAccepted {
		return fmt.Sprintf("%d %s", res.StatusCode, body)
	}
	return c.events(t)
}

// events returns the events up to the end of an operation.
func (c *reservedConnection) events(t *testing.T) string {
	t.Helper()
	all, ends := "", false
	for c.lines.Scan() {
		line := c.lines.Text()
		ends = ends || line == "event: complete"
		if ends && line == "" {
			return all
		}
		all += line + "\n"
	}
	t.Fatalf("the stream ended after %q: %v", all, c.lines.Err())
	return ""
}

func TestHooksRunOnConnections(t *testing.T) {
	overConnections(t, func(t *testing.T, _ hook.Carrier, open func(*testing.T, *hookedRouter, ...string) connection) {
		var r recorder
		h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{r.hooks("1"), r.hooks("2")}})
		c := open(t, h)
		if got := r.take(); got != "" {
			t.Errorf("opening a connection runs hooks: %s", got)
		}
		in := "1.request 2.request 1.operation 2.operation 1.plan 2.plan 1.subgraph-request 2.subgraph-request"
		for range 2 { // the second operation is cached
			if got := c.run(t, `{"query":"{ hello }"}`); !strings.Contains(got, `"hello":"from "`) {
				t.Errorf("the query is answered %s", got)
			}
			if got, want := r.take(), in+" 2.subgraph-response 1.subgraph-response 2.response 1.response"; got != want {
				t.Errorf("for a query the hooks ran as\n%s\nwant\n%s", got, want)
			}
		}
		if got := c.run(t, `{"query":"subscription { ticks }"}`); !strings.Contains(got, `"ticks":1`) || !strings.Contains(got, `"ticks":2`) {
			t.Errorf("the subscription is answered %s", got)
		}
		got, ok := strings.CutPrefix(r.take(), in+" ")
		// Two goroutines bring events and send responses, so only their order within
		// each is certain.
		var events, responses []string
		for call := range strings.FieldsSeq(got) {
			if strings.HasSuffix(call, ".response") {
				responses = append(responses, call)
			} else {
				events = append(events, call)
			}
		}
		if !ok || !slices.Equal(events, strings.Fields("2.subgraph-response 1.subgraph-response 2.subgraph-response 1.subgraph-response")) ||
			!slices.Equal(responses, strings.Fields("2.response 1.response 2.response 1.response")) {
			t.Errorf("for a subscription the hooks ran as %s", got)
		}
		if got := c.run(t, `{"query":"{ none }"}`); !strings.Contains(got, "none") {
			t.Errorf("the invalid query is answered %s", got)
		}
		if got, want := r.take(), "1.request 2.request 2.response 1.response"; got != want {
			t.Errorf("for an invalid query the hooks ran as\n%s\nwant\n%s", got, want)
		}
	})
}

type seenKey struct{}

// Each hook has what the documentation says is known at its point.
func TestHooksSeeOperationsOnConnections(t *testing.T) {
	overConnections(t, func(t *testing.T, carrier hook.Carrier, open func(*testing.T, *hookedRouter, ...string) connection) {
		var r recorder
		say := func(wrong bool, format string, args ...any) {
			if wrong {
				r.add(fmt.Sprintf(format, args...))
			}
		}
		hooks := hook.Hooks{
			Request: func(ctx context.Context, q *hook.Request) error {
				say(q.Carrier != carrier || hook.FromContext(ctx) != q.Exchange, "request: carrier %s, exchange %p", q.Carrier, hook.FromContext(ctx))
				say(q.HTTP == nil || q.HTTP.Header.Get("X-Client") != "c", "request: the HTTP request is %v", q.HTTP)
				say(q.ClientHeader.Get("X-Client") != "c" || q.Query == "" || q.Operation != nil || q.SDL != hookSDL || q.Supergraph == "", "request: %+v", q)
				q.Set(seenKey{}, q.ID)
				return nil
			},
			Operation: func(_ context.Context, e *hook.Exchange) error {
				say(e.Operation == nil || e.Operation.Name != "Q" || len(e.Operation.Variables) != 1 && e.Operation.Kind == operation.Query || e.Plan != nil || e.Value(seenKey{}) != e.ID, "operation: %+v", e.Operation)
				return nil
			},
			Plan: func(_ context.Context, e *hook.Exchange) error {
				say(e.Plan == nil || e.Value(seenKey{}) != e.ID, "plan: %v", e.Plan)
				return nil
			},
			SubgraphRequest: func(ctx context.Context, q *hook.SubgraphRequest) error {
				say(hook.FromContext(ctx) != q.Exchange || q.Value(seenKey{}) != q.Exchange.ID, "subgraph request: another exchange")
				say(q.Subgraph != "a" || q.URL == "" || q.Kind != q.Operation.Kind || len(q.Body) == 0 || q.Header == nil, "subgraph request: %+v", q)
				return nil
			},
			SubgraphResponse: func(ctx context.Context, a *hook.SubgraphResponse) error {
				say(hook.FromContext(ctx) != a.Exchange || a.Value(seenKey{}) != a.Exchange.ID, "subgraph response: another exchange")
				say(a.Subgraph != "a" || a.Status != 200 || a.Err != nil || !strings.Contains(string(a.Body), `"data"`), "subgraph response: %+v", a)
				return nil //nolint:nilerr // the recorder has it
			},
			Response: func(ctx context.Context, a *hook.Response) error {
				say(hook.FromContext(ctx) != a.Exchange || a.Value(seenKey{}) != a.ID, "response: another exchange")
				say(!a.Executed || a.Status != 200 || a.Errors != 0 || a.Duration <= 0 || !strings.Contains(string(a.Body), `"data"`), "response: %s executed %t", a.Body, a.Executed)
				return nil
			},
		}
		h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{hooks}})
		c := open(t, h, "X-Client: c")
		for _, document := range []string{"query Q($v: Boolean = true) { hello @include(if: $v) }", "subscription Q { ticks }"} {
			got := c.run(t, `{"query":"`+document+`"}`)
			if wrong := r.take(); wrong != "" || strings.Contains(got, "errors") {
				t.Errorf("%s is answered %s\n%s", document, got, wrong)
			}
		}
	})
}

// What a hook changes takes effect as it does over HTTP.
func TestHooksChangeOperationsOnConnections(t *testing.T) {
	overConnections(t, func(t *testing.T, _ hook.Carrier, open func(*testing.T, *hookedRouter, ...string) connection) {
		h := newHooked(t, func(c *config.Config) { c.Headers.All.Propagate = []string{"X-From"} }, router.Extensions{Hooks: []hook.Hooks{{
			Request: func(_ context.Context, r *hook.Request) error {
				r.ClientHeader.Set("X-From", "a hook")
				r.Query = strings.ReplaceAll(r.Query, "greet", "hello")
				r.Caller = &auth.Caller{Subject: "ada", Policies: []string{"vault", "night"}}
				return nil
			},
			SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error {
				r.Header.Set("X-Tenant", "t1")
				r.Body = []byte(strings.Replace(string(r.Body), "{", `{"extensions":{"a":1},`, 1))
				return nil
			},
			SubgraphResponse: func(_ context.Context, r *hook.SubgraphResponse) error {
				r.Body = []byte(strings.NewReplacer("from", "via", `"ticks":`, `"ticks":10`).Replace(string(r.Body)))
				return nil
			},
			Response: func(_ context.Context, r *hook.Response) error {
				r.Body = []byte(strings.Replace(string(r.Body), "via", "by", 1))
				return r.SetExtension("hooked", r.Caller.Subject)
			},
		}}})
		c := open(t, h)
		for _, q := range []struct{ document, want string }{
			{document: "{ greet }", want: `{"data":{"hello":"by a hook"},"extensions":{"hooked":"ada"}}`},
			{document: "{ secret }", want: `{"data":{"secret":"s"},"extensions":{"hooked":"ada"}}`},
			{document: "subscription { ticks }", want: `{"data":{"ticks":101},"extensions":{"hooked":"ada"}}`},
			{document: "subscription { ticks }", want: `{"data":{"ticks":102},"extensions":{"hooked":"ada"}}`},
		} {
			if got := c.run(t, `{"query":"`+q.document+`"}`); !strings.Contains(got, `"payload":`+q.want) {
				t.Errorf("%s is answered %s\nwant %s", q.document, got, q.want)
			}
			if got := h.last(); got.Header.Get("X-Tenant") != "t1" || got.Header.Get("X-From") != "a hook" {
				t.Errorf("%s: the subgraph got the header %v", q.document, got.Header)
			}
			if body := h.bodies[len(h.bodies)-1]; !strings.HasPrefix(body, `{"extensions":{"a":1},`) {
				t.Errorf("%s: the subgraph got %s", q.document, body)
			}
		}
	})
}

// atEachPoint has hooks that fail at one point for operations named Fails.
func atEachPoint(fail func() error) map[string]hook.Hooks {
	failing := func(e *hook.Exchange) error {
		if e.Operation != nil && e.Operation.Name == "Fails" {
			return fail()
		}
		return nil
	}
	return map[string]hook.Hooks{
		"request": {Name: "x", Request: func(_ context.Context, r *hook.Request) error {
			if r.OperationName == "Fails" {
				return fail()
			}
			return nil
		}},
		"operation":         {Name: "x", Operation: func(_ context.Context, e *hook.Exchange) error { return failing(e) }},
		"plan":              {Name: "x", Plan: func(_ context.Context, e *hook.Exchange) error { return failing(e) }},
		"subgraph request":  {Name: "x", SubgraphRequest: func(_ context.Context, r *hook.SubgraphRequest) error { return failing(r.Exchange) }},
		"subgraph response": {Name: "x", SubgraphResponse: func(_ context.Context, r *hook.SubgraphResponse) error { return failing(r.Exchange) }},
		"response":          {Name: "x", Response: func(_ context.Context, r *hook.Response) error { return failing(r.Exchange) }},
	}
}

// failAtEachPoint runs operations whose hooks fail, and checks that the failure says
// want and that the connection goes on.
func failAtEachPoint(t *testing.T, fail func() error, want, hidden string) {
	overConnections(t, func(t *testing.T, carrier hook.Carrier, open func(*testing.T, *hookedRouter, ...string) connection) {
		for point, hooks := range atEachPoint(fail) {
			t.Run(point, func(t *testing.T) {
				var watch recorder
				h := newHooked(t, nil, router.Extensions{Hooks: []hook.Hooks{hooks, {Response: watch.hooks("1").Response}}})
				c := open(t, h)
				for _, document := range []string{"query Fails { hello }", "subscription Fails { ticks }"} {
					got := c.run(t, `{"query":"`+document+`","operationName":"Fails"}`)
					if !strings.Contains(got, want) || strings.Contains(got, `"ticks":`+"1") || strings.Contains(got, `"hello":"`) {
						t.Errorf("%s is answered %s\nwant %s", document, got, want)
					}
					if hidden != "" && (strings.Contains(got, hidden) || !strings.Contains(h.log.String(), hidden) || !strings.Contains(h.log.String(), `"hook":"x"`)) {
						t.Errorf("%s is answered %s\nthe log says %s", document, got, h.log)
					}
					if ran := watch.take(); !strings.HasPrefix(ran, "1.response") {
						t.Errorf("%s: the Response hook was not called", document)
					}
				}
				if got := c.run(t, `{"query":"{ hello }"}`); !strings.Contains(got, `"hello":"from "`) {
					t.Errorf("after the failures, a query on the same %s is answered %s", carrier, got)
				}
			})
		}
	})
}

func TestHooksRejectOnConnections(t *testing.T) {
	failAtEachPoint(t, func() error {
		return &hook.Rejection{Status: 451, Errors: []hook.Error{{Message: "Not here.", Code: "LEGAL", Extensions: map[string]json.RawMessage{"country": json.RawMessage(`"xx"`)}}}}
	}, `"code":"LEGAL","country":"xx"`, "")
}

func TestHooksFailOnConnections(t *testing.T) {
	t.Run("error", func(t *testing.T) {
		failAtEachPoint(t, func() error { return errors.New("hidden") }, "INTERNAL_SERVER_ERROR", "hidden")
	})
	t.Run("panic", func(t *testing.T) {
		failAtEachPoint(t, func() error { panic("hidden") }, "INTERNAL_SERVER_ERROR", "hidden")
	})
}

// An operation on a reserved stream outlives its request, so that its hooks must not
// touch the header of the response to that request.
func TestHooksOfReservedStreamsLeaveTheResponseToTheRequestAlone(t *testing.T) {
	received := make(chan struct{})
	var late sync.Map
	h := newHooked(t, nil, router.Extensions{
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				if r.Method == http.MethodPost {
					<-received // the operation has ended
					late.Store("header", w.Header().Clone())
				}
			})
		}},
		Hooks: []hook.Hooks{{
			Request: func(_ context.Context, r *hook.Request) error {
				r.ResponseHeader.Set("X-Early", "1")
				return nil
			},
			Response: func(_ context.Context, r *hook.Response) error {
				r.ResponseHeader.Set("X-Late", "1")
				return nil
			},
		}},
	})
	c, _ := openReservation(t, h).(*reservedConnection)
	accepted := make(chan *http.Response, 1)
	go func() {
		res, _ := c.send(t, `{"query":"{ hello }"}`)
		accepted <- res
	}()
	if got := c.events(t); !strings.Contains(got, `"hello":"from "`) {
		t.Errorf("the stream says %s", got)
	}
	close(received)
	if res := <-accepted; res.StatusCode != http.StatusAccepted || res.Header.Get("X-Early") != "1" {
		t.Errorf("the request is answered %d %v", res.StatusCode, res.Header)
	}
	if header, ok := late.Load("header"); !ok || header.(http.Header).Get("X-Late") != "" {
		t.Errorf("a hook of the operation changed the header %v of a response that is over", header)
	}
}
