package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"souk/router/gateway"
	"souk/router/gateway/config"
)

func TestMain(m *testing.M) {
	// Idle client connections end shortly after their tests.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// eventually waits until a condition holds.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the condition did not become true")
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *lockedBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

const subscription = `{"query":"subscription { count(to: 3) }"}`

func TestServerSentEventsCarryOperations(t *testing.T) {
	_, url := start(t, &subgraph{}, nil)
	got := send(t, "POST", url+"/graphql", subscription, "Accept: text/event-stream")
	want := ":\n\n"
	for _, n := range []string{"1", "2", "3"} {
		want += "event: next\ndata: {\"data\":{\"count\":" + n + "}}\n\n"
	}
	want += "event: complete\ndata:\n\n"
	if got.status != 200 || got.header.Get("Content-Type") != "text/event-stream" || got.body != want {
		t.Errorf("got status %d, type %s\n%s", got.status, got.header.Get("Content-Type"), got.body)
	}
	got = send(t, "POST", url+"/graphql", query, "Accept: text/event-stream")
	if !strings.Contains(got.body, "event: next\ndata: {\"data\":{\"hello\":\"hi\"}}\n\nevent: complete") {
		t.Errorf("query as an event stream: got %s", got.body)
	}
	got = send(t, "POST", url+"/graphql", `{"query":"subscription { nope }"}`, "Accept: text/event-stream")
	if got.status != 422 || !strings.HasPrefix(got.header.Get("Content-Type"), "application/graphql-response+json") {
		t.Errorf("invalid subscription: got status %d, %s", got.status, got.body)
	}
}

func TestDrainEndsStreams(t *testing.T) {
	s := &subgraph{hold: make(chan struct{})}
	gw, url := start(t, s, func(c *config.Config, _ *gateway.Options) {
		c.Subscriptions.MaxConnections = 1
		c.Subscriptions.Heartbeat = time.Millisecond
		c.Subscriptions.DrainPeriod = time.Millisecond
	})
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/graphql", strings.NewReader(subscription))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	beats := 0
	last := ""
	for beats < 3 && lines.Scan() {
		if lines.Text() == ":" {
			beats++
		} else if lines.Text() != "" {
			last = lines.Text()
		}
	}
	if beats < 3 {
		t.Error("the stream ended without a heartbeat")
	}
	if got := send(t, "POST", url+"/graphql", subscription, "Accept: text/event-stream"); got.status != 503 {
		t.Errorf("stream beyond the limit: got status %d", got.status)
	}
	gw.Drain()
	for lines.Scan() {
		if lines.Text() != "" && lines.Text() != ":" {
			last = lines.Text()
		}
	}
	// There is no complete event, which would tell the client not to reconnect.
	if lines.Err() != nil || last != `data: {"data":{"count":3}}` {
		t.Errorf("the stream ended with %q, %v", last, lines.Err())
	}
}

// A socket is a client of graphql-transport-ws.
type socket struct {
	*testing.T
	conn *websocket.Conn
}

func dial(t *testing.T, url string, protocols ...string) *socket {
	t.Helper()
	return dialWith(t, url, nil, protocols...)
}

func dialWith(t *testing.T, url string, header http.Header, protocols ...string) *socket {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: protocols, HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	if response.Body != nil {
		t.Cleanup(func() { response.Body.Close() })
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &socket{T: t, conn: conn}
}

func (s *socket) send(text string) {
	s.Helper()
	if err := s.conn.Write(s.Context(), websocket.MessageText, []byte(text)); err != nil {
		s.Fatal(err)
	}
}

func (s *socket) want(text string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	_, got, err := s.conn.Read(ctx)
	if err != nil || string(got) != text {
		s.Errorf("got %s, err %v, want %s", got, err, text)
	}
}

// wantClose reads until the WebSocket is closed and returns the reason.
func (s *socket) wantClose(code int) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	for {
		_, _, err := s.conn.Read(ctx)
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			if int(closed.Code) != code {
				s.Errorf("closed with %d %s, want %d", closed.Code, closed.Reason, code)
			}
			return closed.Reason
		}
		if err != nil {
			s.Errorf("closed with %v, want %d", err, code)
			return ""
		}
	}
}

const protocol = "graphql-transport-ws"

func TestWebSocketCarriesOperations(t *testing.T) {
	_, url := start(t, &subgraph{}, nil)
	s := dial(t, url+"/graphql", protocol)
	s.send(`{"type":"ping"}`)
	s.want(`{"type":"pong"}`)
	s.send(`{"type":"connection_init"}`)
	s.want(`{"type":"connection_ack"}`)
	s.send(`{"id":"1","type":"subscribe","payload":` + subscription + `}`)
	for _, n := range []string{"1", "2", "3"} {
		s.want(`{"id":"1","type":"next","payload":{"data":{"count":` + n + `}}}`)
	}
	s.want(`{"id":"1","type":"complete"}`)
	s.send(`{"id":"1","type":"subscribe","payload":` + query + `}`)
	s.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hi"}}}`)
	s.want(`{"id":"1","type":"complete"}`)
	s.send(`{"id":"2","type":"subscribe","payload":{"query":"{ nope }"}}`)
	s.want(`{"id":"2","type":"error","payload":[{"message":"Cannot query field \"nope\" on type \"Query\".","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`)
	s.send(`{"id":"3","type":"complete"}`)
	s.send(`{"type":"ping","payload":{"a":1}}`)
	s.want(`{"type":"pong","payload":{"a":1}}`)
}

// RFC 6455 spells the headers this way, and some clients compare names case-sensitively.
func TestHandshakeHeadersHaveTheirRFCSpelling(t *testing.T) {
	_, url := start(t, &subgraph{}, nil)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /graphql HTTP/1.1\r\nHost: souk\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var head []string
	for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
		head = append(head, lines.Text())
	}
	all := strings.Join(head, "\n")
	if !slices.Contains(head, "Sec-WebSocket-Protocol: graphql-transport-ws") || !strings.Contains(all, "\nSec-WebSocket-Accept: ") || strings.Contains(all, "Sec-Websocket") {
		t.Errorf("got handshake response\n%s", all)
	}
}

func TestProtocolViolationClosesTheWebSocket(t *testing.T) {
	_, url := start(t, &subgraph{hold: make(chan struct{})}, nil)
	const start, subscribe = `{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":` + subscription + `}`
	for name, c := range map[string]struct {
		messages []string
		code     int
	}{
		"not JSON":        {messages: []string{`{`}, code: 4400},
		"unknown type":    {messages: []string{start, `{"type":"start"}`}, code: 4400},
		"no id":           {messages: []string{start, `{"type":"subscribe","payload":{}}`}, code: 4400},
		"not initialised": {messages: []string{subscribe}, code: 4401},
		"duplicate id":    {messages: []string{start, subscribe, subscribe}, code: 4409},
		"second init":     {messages: []string{start, start}, code: 4429},
	} {
		t.Run(name, func(t *testing.T) {
			s := dial(t, url+"/graphql", protocol)
			for _, m := range c.messages {
				s.send(m)
			}
			s.wantClose(c.code)
		})
	}
	dial(t, url+"/graphql", "graphql-ws").wantClose(4406)
	dial(t, url+"/graphql").wantClose(4406)
}

// The reason of a close frame is written for client developers.
func TestCloseReasonDescribesTheInvalidMessage(t *testing.T) {
	_, url := start(t, &subgraph{hold: make(chan struct{})}, nil)
	for message, want := range map[string]string{
		`[1]`:                         "Invalid message: it must be a JSON object",
		`"ping"`:                      "Invalid message: it must be a JSON object",
		`{"type":1}`:                  "Invalid message: its type must be a string",
		`{"type":"subscribe","id":1}`: "Invalid message: its id must be a string",
		`{"type":`:                    "Invalid message: unexpected end of JSON input",
	} {
		s := dial(t, url+"/graphql", protocol)
		s.send(message)
		if got := s.wantClose(4400); got != want {
			t.Errorf("%s: close reason %q, want %q", message, got, want)
		}
	}
}

func TestWebSocketClosesAfterTheInitTimeout(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Subscriptions.InitTimeout = time.Millisecond })
	dial(t, url+"/graphql", protocol).wantClose(4408)
}

func TestDrainClosesWebSockets(t *testing.T) {
	gw, url := start(t, &subgraph{hold: make(chan struct{})}, func(c *config.Config, _ *gateway.Options) { c.Subscriptions.DrainPeriod = time.Millisecond })
	s := dial(t, url+"/graphql", protocol)
	s.send(`{"type":"connection_init"}`)
	s.want(`{"type":"connection_ack"}`)
	s.send(`{"id":"1","type":"subscribe","payload":` + subscription + `}`)
	s.want(`{"id":"1","type":"next","payload":{"data":{"count":1}}}`)
	gw.Drain()
	s.wantClose(1001)
}

// A subscription that is valid in the new supergraph continues.
func TestReloadEndsOnlyStaleSubscriptions(t *testing.T) {
	gw, url := start(t, &subgraph{hold: make(chan struct{})}, func(c *config.Config, _ *gateway.Options) { c.Subscriptions.ReloadJitter = time.Millisecond })
	s := dial(t, url+"/graphql", protocol)
	s.send(`{"type":"connection_init"}`)
	s.want(`{"type":"connection_ack"}`)
	s.send(`{"id":"1","type":"subscribe","payload":` + subscription + `}`)
	for _, n := range []string{"1", "2", "3"} {
		s.want(`{"id":"1","type":"next","payload":{"data":{"count":` + n + `}}}`)
	}
	set := func(sdl string) {
		t.Helper()
		if err := gw.SetSupergraph(sdl); err != nil {
			t.Fatal(err)
		}
	}
	set(strings.Replace(sdl, "long: String", "long: String fresh: Int", 1))
	s.send(`{"type":"ping"}`)
	s.want(`{"type":"pong"}`)
	set(strings.Replace(sdl, "count(to: Int!)", "count(from: Int)", 1))
	s.want(`{"id":"1","type":"error","payload":[{"message":"The schema has changed and this subscription is no longer valid. Subscribe again with an operation that is valid for the new schema.","extensions":{"code":"SUBSCRIPTION_SCHEMA_RELOAD"}}]}`)
}

// Headers in the payload of connection_init reach the authentication middleware.
func TestInitPayloadPassesThroughTheMiddleware(t *testing.T) {
	_, url := start(t, &subgraph{}, func(_ *config.Config, o *gateway.Options) {
		o.Middleware = append(o.Middleware, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer good" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
	})
	for payload, ok := range map[string]bool{
		`{"Authorization":"Bearer good"}`:             true,
		`{"headers":{"authorization":"Bearer good"}}`: true,
		`{"Authorization":"Bearer bad"}`:              false,
		`null`:                                        false,
	} {
		s := dial(t, url+"/graphql", protocol)
		message, err := json.Marshal(map[string]any{"type": "connection_init", "payload": json.RawMessage(payload)})
		if err != nil {
			t.Fatal(err)
		}
		s.send(string(message))
		if ok {
			s.want(`{"type":"connection_ack"}`)
		} else {
			s.wantClose(4403)
		}
	}
}
