package router_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/internal/detach/detachtest"
	"souk/router/gateway/config"
)

// callbackSDL is a supergraph with a subscription.
var callbackSDL = strings.Replace(supergraphHead, "{ query: Query }", "{ query: Query subscription: Subscription }", 1) + `type Query @join__type(graph: A) { hello: String }
type Subscription @join__type(graph: A) { ticks: Int }
`

// A registration is what a subgraph gets for a subscription by HTTP callback.
type registration struct {
	Query      string
	Extensions struct {
		Subscription struct {
			CallbackURL         string `json:"callbackUrl"`
			SubscriptionID      string `json:"subscriptionId"`
			Verifier            string
			HeartbeatIntervalMs int `json:"heartbeatIntervalMs"`
		}
	}
	accept string
}

// An emitter is a subgraph that is told by the test what to send. It checks each subscription
// unless silent is set.
type emitter struct {
	t      *testing.T
	router string // the URL of the router
	// registered receives each registration.
	registered chan registration
	silent     bool
}

func (e *emitter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var got registration
	if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
		e.t.Error(err)
	}
	got.accept = r.Header.Get("Accept")
	if !e.silent {
		if status := e.send(got, "check", ""); status != http.StatusNoContent {
			e.t.Errorf("check: status %d", status)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"data":null}`)
	e.registered <- got
}

// send sends a message with further members, and returns the status.
func (e *emitter) send(to registration, action, more string) int {
	of := to.Extensions.Subscription
	return e.post(to, fmt.Sprintf(`{"kind":"subscription","action":%q,"id":%q,"verifier":%q%s}`, action, of.SubscriptionID, of.Verifier, more))
}

func (e *emitter) post(to registration, body string) int {
	of := to.Extensions.Subscription
	_, path, _ := strings.Cut(of.CallbackURL, "http://router.invalid")
	response, err := http.Post(e.router+path, "application/json", strings.NewReader(body))
	if err != nil {
		e.t.Error(err)
		return 0
	}
	defer response.Body.Close()
	if got := response.Header.Get("Subscription-Protocol"); got != "callback/1.0" {
		e.t.Errorf("Subscription-Protocol: %q", got)
	}
	return response.StatusCode
}

// serveCallbacks serves a router whose subgraph is an emitter.
func serveCallbacks(t *testing.T, change func(*config.Config)) *emitter {
	t.Helper()
	e := &emitter{t: t, registered: make(chan registration, 10)}
	e.router = serveRouter(t, callbackSDL, nil, e.ServeHTTP, func(c *config.Config) {
		c.Subscriptions.All.Protocol = "callback"
		c.Subscriptions.All.Interval = time.Millisecond
		c.Subscriptions.Callback.PublicURL = "http://router.invalid/callback/"
		c.Subscriptions.Callback.Heartbeat = 0
		c.IncludeErrors.All = true
		if change != nil {
			change(c)
		}
	})
	return e
}

// listen subscribes and returns the lines of the stream.
func (e *emitter) listen(t *testing.T) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "POST", e.router+"/graphql", strings.NewReader(`{"query":"subscription { ticks }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan string, 100)
	go func() {
		defer close(events)
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		for _, part := range strings.Split(string(text), "\n\n") {
			if _, data, ok := strings.Cut(part, "\ndata: "); ok && data != "" {
				events <- data
			}
		}
	}()
	return events
}

func TestCallbackSendsWhatTheProtocolNeeds(t *testing.T) {
	e := serveCallbacks(t, func(c *config.Config) { c.Subscriptions.Callback.Heartbeat = 7 * time.Second })
	events := e.listen(t)
	got := <-e.registered
	of := got.Extensions.Subscription
	if got.accept != "application/json;callbackSpec=1.0" || of.HeartbeatIntervalMs != 7000 || len(of.Verifier) < 26 || of.CallbackURL != "http://router.invalid/callback/"+of.SubscriptionID || got.Query != "subscription{ticks}" {
		t.Errorf("got %+v", got)
	}
	for _, m := range []struct{ action, more string }{{"next", `,"payload":{"data":{"ticks":1}}`}, {"next", `,"payload":{"data":{"ticks":2}}`}, {"check", ""}, {"complete", `,"errors":null`}} {
		if status := e.send(got, m.action, m.more); status != 204 {
			t.Errorf("%s: status %d", m.action, status)
		}
	}
	if a, b, rest := <-events, <-events, <-events; a != `{"data":{"ticks":1}}` || b != `{"data":{"ticks":2}}` || rest != "" {
		t.Errorf("got %s, %s, %s", a, b, rest)
	}
	if status := e.send(got, "next", `,"payload":{"data":{"ticks":3}}`); status != 404 {
		t.Errorf("after the end: status %d", status)
	}
}

// A message that is not from whom the router has asked does not reach the client.
func TestCallbackRefusesMessages(t *testing.T) {
	e := serveCallbacks(t, func(c *config.Config) { c.Subscriptions.Callback.MaxMessageBytes = 1000 })
	events := e.listen(t)
	got := <-e.registered
	of := got.Extensions.Subscription
	message := func(kind, action, id, verifier, more string) string {
		return fmt.Sprintf(`{"kind":%q,"action":%q,"id":%q,"verifier":%q%s}`, kind, action, id, verifier, more)
	}
	const payload = `,"payload":{"data":{"ticks":666}}`
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"wrong verifier":      {message("subscription", "next", of.SubscriptionID, "guess", payload), 401},
		"no verifier":         {message("subscription", "complete", of.SubscriptionID, "", ""), 401},
		"id of another":       {message("subscription", "next", "other", of.Verifier, payload), 400},
		"unknown kind":        {message("other", "next", of.SubscriptionID, of.Verifier, payload), 400},
		"unknown action":      {message("subscription", "stop", of.SubscriptionID, of.Verifier, payload), 400},
		"no payload":          {message("subscription", "next", of.SubscriptionID, of.Verifier, ""), 400},
		"payload is a list":   {message("subscription", "next", of.SubscriptionID, of.Verifier, `,"payload":[]`), 400},
		"errors are no list":  {message("subscription", "complete", of.SubscriptionID, of.Verifier, `,"errors":1`), 400},
		"not JSON":            {"{", 400},
		"longer than allowed": {message("subscription", "next", of.SubscriptionID, of.Verifier, `,"payload":{"data":{"ticks":`+strings.Repeat(" ", 1000)+`1}}`), 413},
	} {
		if status := e.post(got, c.body); status != c.status {
			t.Errorf("%s: status %d, want %d", name, status, c.status)
		}
	}
	unknown := got
	unknown.Extensions.Subscription.CallbackURL = "http://router.invalid/callback/GUESSEDGUESSEDGUESSEDGUESS"
	if status := e.send(unknown, "check", ""); status != 404 {
		t.Errorf("unknown ID: status %d", status)
	}
	if status := e.send(got, "complete", `,"errors":[{"message":"over","extensions":{"code":"OVER"}}]`); status != 204 {
		t.Errorf("complete: status %d", status)
	}
	if first := <-events; !strings.Contains(first, `"over"`) || !strings.Contains(first, `"OVER"`) {
		t.Errorf("got %s", first)
	}
}

// A client that sends all of a message before it reads the response sees why it is refused, with
// and without a Content-Length.
func TestCallbackRefusesMessagesThatAreFarTooLong(t *testing.T) {
	e := serveCallbacks(t, func(c *config.Config) { c.Subscriptions.Callback.MaxMessageBytes = 1000 })
	e.listen(t)
	got := <-e.registered
	path := strings.TrimPrefix(got.Extensions.Subscription.CallbackURL, "http://router.invalid")
	const size = 20 << 20 // more than the buffers of a connection
	for name, c := range map[string]struct{ header, before, after string }{
		"with a length":    {fmt.Sprintf("Content-Length: %d", size), "", ""},
		"without a length": {"Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n", size), "\r\n0\r\n\r\n"},
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(e.router, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + c.header + "\r\n\r\n" + c.before
		if _, err := io.Copy(conn, io.MultiReader(strings.NewReader(head), strings.NewReader(strings.Repeat(" ", size)), strings.NewReader(c.after))); err != nil {
			t.Errorf("%s: sending: %v", name, err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
		_ = response.Body.Close()
		_ = conn.Close()
	}
}

// Without heartbeats, the router opens the subscription again, with another ID. It also does if the
// subgraph has not confirmed the subscription.
func TestCallbackNeedsHeartbeats(t *testing.T) {
	e := serveCallbacks(t, func(c *config.Config) {
		c.Subscriptions.Callback.Heartbeat = 300 * time.Millisecond
		c.Subscriptions.All.MaxReconnects = 1
	})
	events := e.listen(t)
	first := <-e.registered
	if status := e.send(first, "next", `,"payload":{"data":{"ticks":1}}`); status != 204 {
		t.Fatalf("status %d", status)
	}
	second := <-e.registered
	if second.Extensions.Subscription.SubscriptionID == first.Extensions.Subscription.SubscriptionID || second.Extensions.Subscription.Verifier == first.Extensions.Subscription.Verifier {
		t.Error("the subscription has the same ID or verifier again")
	}
	if status := e.send(first, "next", `,"payload":{"data":{"ticks":666}}`); status != 404 {
		t.Errorf("for the lost subscription: status %d", status)
	}
	if a, b := <-events, <-events; a != `{"data":{"ticks":1}}` || !strings.Contains(b, "SUBREQUEST_HTTP_ERROR") {
		t.Errorf("got %s, %s", a, b)
	}
}

func TestCallbackNeedsConfirmation(t *testing.T) {
	e := serveCallbacks(t, func(c *config.Config) {
		c.Subscriptions.All.ConnectTimeout = 50 * time.Millisecond
		c.Subscriptions.All.ConnectAttempts = 1
	})
	e.silent = true
	if got := <-e.listen(t); !strings.Contains(got, "did not accept the subscription within 50ms") {
		t.Errorf("got %s", got)
	}
}

func TestCallbacksAreBounded(t *testing.T) {
	e := serveCallbacks(t, func(c *config.Config) {
		c.Subscriptions.Callback.MaxSubscriptions = 1
		c.Subscriptions.Deduplicate = false
	})
	first := e.listen(t)
	got := <-e.registered
	if refused := <-e.listen(t); !strings.Contains(refused, "too many are open by HTTP callback") {
		t.Errorf("got %s", refused)
	}
	e.send(got, "complete", "")
	if event := <-first; event != "" {
		t.Errorf("got %s", event)
	}
}

func TestCallbackEndpointExistsIfNeeded(t *testing.T) {
	server := detachtest.NewServer(openRouter(t, callbackSDL, nil, hello, nil))
	defer server.Close()
	r, err := http.Post(server.URL+"/callback/x", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 404 || r.Header.Get("Subscription-Protocol") != "" {
		t.Errorf("status %d, header %v", r.StatusCode, r.Header)
	}
	c := config.Default()
	c.Supergraph.File = "x"
	c.Subscriptions.Subgraphs = map[string]config.SubgraphStream{"a": {Protocol: "callback"}}
	if err := c.Check(nil); err == nil || !strings.Contains(err.Error(), "subscriptions.callback.public_url is empty") {
		t.Errorf("error %v", err)
	}
}
