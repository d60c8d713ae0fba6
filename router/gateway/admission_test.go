package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/operation"
	"souk/router/rest"
)

// restRoutes runs one operation for each request, except those to /api/docs.
type restRoutes struct{ graph rest.Executor }

func (h restRoutes) RunsOperation(r *http.Request) bool { return r.URL.Path != "/api/docs" }

func (h restRoutes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.RunsOperation(r) {
		fmt.Fprint(w, `{"docs":true}`)
		return
	}
	answer, err := h.graph.Execute(r.Context(), w.Header(), r, "{ hello }", "", nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// protocols are the ways to send operations, with the number of operations each sends.
var carriers = []struct {
	name       string
	operations int
	// send returns the status, headers and body of the response. For a WebSocket
	// these are of the handshake and of the first message for the operation.
	send func(t *testing.T, url string) reply
}{
	{name: "POST", operations: 1, send: func(t *testing.T, url string) reply { return send(t, "POST", url+"/graphql", query) }},
	{name: "GET", operations: 1, send: func(t *testing.T, address string) reply {
		return send(t, "GET", address+"/graphql?query="+url.QueryEscape("{ hello }"), "", "GraphQL-Require-Preflight: 1")
	}},
	{name: "QUERY", operations: 1, send: func(t *testing.T, url string) reply {
		return send(t, "QUERY", url+"/graphql", query, "Content-Type: application/json")
	}},
	{name: "batch", operations: 3, send: func(t *testing.T, url string) reply {
		return send(t, "POST", url+"/graphql", "["+query+","+query+","+query+"]")
	}},
	{name: "server-sent events", operations: 1, send: func(t *testing.T, url string) reply {
		return send(t, "POST", url+"/graphql", query, "Accept: text/event-stream")
	}},
	{name: "multipart", operations: 1, send: func(t *testing.T, url string) reply {
		return send(t, "POST", url+"/graphql", query, "Accept: multipart/mixed")
	}},
	{name: "WebSocket", operations: 1, send: func(t *testing.T, url string) reply {
		s := dial(t, url+"/graphql", protocol)
		s.send(`{"type":"connection_init"}`)
		s.want(`{"type":"connection_ack"}`)
		s.send(`{"id":"1","type":"subscribe","payload":` + query + `}`)
		_, got, err := s.conn.Read(t.Context())
		if err != nil {
			t.Error(err)
		}
		return reply{body: string(got)}
	}},
	{name: "REST", operations: 1, send: func(t *testing.T, url string) reply { return send(t, "GET", url+"/api/hello", "") }},
}

func withEveryCarrier(c *config.Config, o *gateway.Options) {
	c.HTTP.QueryMethod = true
	c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 10}
	o.REST = func(_ string, graph rest.Executor) (gateway.RESTHandler, error) { return restRoutes{graph}, nil }
}

func TestOperationsAreAdmittedOnce(t *testing.T) {
	var admitted atomic.Int64
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		withEveryCarrier(c, o)
		o.Admission = []gateway.AdmissionCheck{func(_ *http.Request, header http.Header) *gateway.Refusal {
			header.Set("RateLimit", fmt.Sprint(admitted.Add(1)))
			return nil
		}}
	})
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			admitted.Store(0)
			got := c.send(t, url)
			if strings.Count(got.body, `"hello":"hi"`) != c.operations {
				t.Errorf("got status %d, %s", got.status, got.body)
			}
			if n := admitted.Load(); n != int64(c.operations) {
				t.Errorf("%d operations admitted, want %d", n, c.operations)
			}
			if want := fmt.Sprint(c.operations); got.header != nil && got.header.Get("RateLimit") != want {
				t.Errorf("RateLimit = %q, want %q", got.header.Get("RateLimit"), want)
			}
		})
	}
	admitted.Store(0)
	if got := send(t, "GET", url+"/api/docs", ""); got.status != 200 || admitted.Load() != 0 {
		t.Errorf("/api/docs: status %d, %d operations admitted", got.status, admitted.Load())
	}
}

// Each protocol has its own form for a rejection; status, code, message and
// headers are the same.
func TestRefusalsAreTheSameOverEveryProtocol(t *testing.T) {
	for _, status := range []int{401, 403, 429, 503} {
		_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
			withEveryCarrier(c, o)
			o.Admission = []gateway.AdmissionCheck{func(*http.Request, http.Header) *gateway.Refusal {
				code := map[int]string{401: "UNAUTHENTICATED", 403: "FORBIDDEN", 429: "RATE_LIMIT_EXCEEDED", 503: "OVERLOADED"}[status]
				return &gateway.Refusal{Status: status, Header: http.Header{"Retry-After": {"7"}, "Www-Authenticate": {"Bearer"}},
					Err: &operation.Error{Message: "Not now.", Code: code}}
			}}
		})
		for _, c := range carriers {
			t.Run(fmt.Sprint(status, " ", c.name), func(t *testing.T) {
				checkRefusal(t, c.name, c.send(t, url), status, "Not now.")
			})
		}
	}
}

// checkRefusal checks the form of one rejection.
func checkRefusal(t *testing.T, carrier string, got reply, status int, message string) {
	t.Helper()
	if !strings.Contains(got.body, message) || strings.Contains(got.body, `"hi"`) {
		t.Errorf("got status %d, %s", got.status, got.body)
	}
	if carrier == "WebSocket" {
		if !strings.HasPrefix(got.body, `{"id":"1","type":"error","payload":[{"message":`) {
			t.Errorf("got message %s", got.body)
		}
		return
	}
	if got.status != status || got.header.Get("Retry-After") == "" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got status %d, headers %v", got.status, got.header)
	}
	media := "application/json"
	switch carrier {
	case "REST":
		media = "application/problem+json"
	case "server-sent events", "multipart":
		media = "application/graphql-response+json"
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), media) {
		t.Errorf("Content-Type = %s, want %s", got.header.Get("Content-Type"), media)
	}
}

func TestInFlightLimitAppliesToEveryProtocol(t *testing.T) {
	s := &subgraph{hold: make(chan struct{})}
	_, url := start(t, s, func(c *config.Config, o *gateway.Options) {
		withEveryCarrier(c, o)
		c.TrafficShaping.Router.MaxInFlight, c.TrafficShaping.Router.Deduplicate = 2, new(false)
	})
	first := make(chan reply, 2)
	for range 2 {
		go func() { first <- send(t, "POST", url+"/graphql", query) }()
	}
	eventually(t, func() bool { return s.count() == 2 })
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			checkRefusal(t, c.name, c.send(t, url), http.StatusServiceUnavailable, "The router has reached its limit of operations in flight.")
		})
	}
	close(s.hold)
	for range 2 {
		if got := <-first; got.status != 200 {
			t.Errorf("operation in flight: got status %d", got.status)
		}
	}
	// Every slot is free again, including those of rejected operations.
	for range 3 {
		for _, c := range carriers {
			if c.operations > 2 {
				continue
			}
			eventually(t, func() bool { return strings.Contains(c.send(t, url).body, `"hi"`) })
		}
	}
}

// A batch runs as many of its operations as there are free slots and rejects
// the others.
func TestBatchCountsEachOperationInFlight(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		withEveryCarrier(c, o)
		left := 2
		o.Admission = []gateway.AdmissionCheck{func(*http.Request, http.Header) *gateway.Refusal {
			if left--; left >= 0 {
				return nil
			}
			return &gateway.Refusal{Status: 429, Err: &operation.Error{Message: "Too many.", Code: "RATE_LIMIT_EXCEEDED"}}
		}}
	})
	got := send(t, "POST", url+"/graphql", "["+query+","+query+","+query+"]")
	want := `[{"data":{"hello":"hi"}},{"data":{"hello":"hi"}},{"errors":[{"message":"Too many.","extensions":{"code":"RATE_LIMIT_EXCEEDED"}}]}]`
	if got.status != 200 || got.body != want {
		t.Errorf("got status %d, %s", got.status, got.body)
	}
}

// subscriptions.max_connections bounds open subscriptions. Only their start
// counts as in flight.
func TestSubscriptionDoesNotCountAsInFlight(t *testing.T) {
	s := &subgraph{hold: make(chan struct{})}
	_, url := start(t, s, func(c *config.Config, _ *gateway.Options) {
		c.TrafficShaping.Router.MaxInFlight = 1
		c.Subscriptions.Deduplicate = false // every subscription opens its own stream
	})
	socket := dial(t, url+"/graphql", protocol)
	socket.send(`{"type":"connection_init"}`)
	socket.want(`{"type":"connection_ack"}`)
	for _, id := range []string{"1", "2"} {
		socket.send(`{"id":"` + id + `","type":"subscribe","payload":` + subscription + `}`)
		for _, n := range []string{"1", "2", "3"} {
			socket.want(`{"id":"` + id + `","type":"next","payload":{"data":{"count":` + n + `}}}`)
		}
	}
	close(s.hold)
	if got := send(t, "POST", url+"/graphql", query); got.status != 200 {
		t.Errorf("query during two subscriptions: got status %d, %s", got.status, got.body)
	}
}
