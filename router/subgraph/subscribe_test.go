package subgraph_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// serveSocket answers as a graphql-transport-ws server: for each subscription
// it calls stream, with a function that sends a message.
func serveSocket(t *testing.T, stream func(ctx context.Context, conn *websocket.Conn, payload string, send func(string))) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-transport-ws"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		send := func(text string) { _ = conn.Write(r.Context(), websocket.MessageText, []byte(text)) }
		for {
			_, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			var m struct {
				Type    string
				Payload json.RawMessage
			}
			if err := json.Unmarshal(text, &m); err != nil {
				t.Error(err)
			}
			switch m.Type {
			case "connection_init":
				send(`{"type":"ping"}`)
				send(`{"type":"connection_ack"}`)
			case "subscribe":
				stream(r.Context(), conn, string(m.Payload), send)
			case "complete":
				return
			}
		}
	}
}

func collect(events *[]string) func(*execute.SubgraphResponse) error {
	return func(r *execute.SubgraphResponse) error {
		*events = append(*events, string(r.Body.B))
		r.Body.Release()
		return nil
	}
}

const subscribeBody = `{"query":"subscription{a}"}`

func TestWebSocket(t *testing.T) {
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, _ *websocket.Conn, payload string, send func(string)) {
		if payload != subscribeBody {
			t.Errorf("payload %s", payload)
		}
		send(`{"id":"1","type":"next","payload":{"data":{"a":1}}}`)
		send(`{"type":"ping"}`)
		send(`{"id":"1","type":"next","payload":{"data":{"a":2}}}`)
		send(`{"id":"1","type":"complete"}`)
	}))
	var events []string
	if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events)); err != nil {
		t.Error(err)
	}
	if got := strings.Join(events, " "); got != `{"data":{"a":1}} {"data":{"a":2}}` {
		t.Error(got)
	}
}

func TestWebSocketError(t *testing.T) {
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
		send(`{"id":"1","type":"error","payload":[{"message":"no"}]}`)
	}))
	var events []string
	if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events)); err != nil {
		t.Error(err)
	}
	if got := strings.Join(events, " "); got != `{"errors":[{"message":"no"}]}` {
		t.Error(got)
	}
}

// A client that goes away ends the subscription at the subgraph.
func TestWebSocketCancel(t *testing.T) {
	completed := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(ctx context.Context, conn *websocket.Conn, _ string, send func(string)) {
		send(`{"id":"1","type":"next","payload":{"data":{"a":1}}}`)
		_, text, err := conn.Read(ctx)
		if err != nil || string(text) != `{"id":"1","type":"complete"}` {
			t.Errorf("got %s, %v", text, err)
		}
		close(completed)
	}))
	err := tr.Subscribe(ctx, request(operation.Subscription, subscribeBody), func(r *execute.SubgraphResponse) error {
		r.Body.Release()
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-completed
}

// A silent subgraph is asked for a sign of life, and given up without one.
func TestWebSocketSilence(t *testing.T) {
	var pings, streams atomic.Int32
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{PingInterval: 5 * time.Millisecond, MaxReconnects: 1, Interval: time.Millisecond}}
	tr := transport(t, s, subgraph.Hooks{}, serveSocket(t, func(ctx context.Context, conn *websocket.Conn, _ string, _ func(string)) {
		streams.Add(1)
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return
			}
			if string(text) == `{"type":"ping"}` {
				pings.Add(1)
			}
		}
	}))
	err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
	var e *execute.TransportError
	if !errors.As(err, &e) || e.Message != "lost the subscription" {
		t.Errorf("err = %v", err)
	}
	if pings.Load() < 2 || streams.Load() != 2 {
		t.Errorf("%d pings, %d streams", pings.Load(), streams.Load())
	}
}

func TestReconnect(t *testing.T) {
	var streams, reconnected atomic.Int32
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Interval: time.Millisecond}}
	tr := transport(t, s, subgraph.Hooks{Reconnected: func(string) { reconnected.Add(1) }}, serveSocket(t, func(_ context.Context, conn *websocket.Conn, _ string, send func(string)) {
		if streams.Add(1) < 3 {
			send(`{"id":"1","type":"next","payload":{"data":1}}`)
			_ = conn.CloseNow()
			return
		}
		send(`{"id":"1","type":"complete"}`)
	}))
	var events []string
	if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events)); err != nil {
		t.Error(err)
	}
	if len(events) != 2 || reconnected.Load() != 2 {
		t.Errorf("%d events, %d times reconnected", len(events), reconnected.Load())
	}
}

func TestSubscribeRefused(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		tr := transport(t, subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: protocol}}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 403, "text/plain", "no")
		})
		err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
		var e *execute.TransportError
		if !errors.As(err, &e) || e.Message != "refused the subscription with status 403" {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}

func TestWebSocketCloseCode(t *testing.T) {
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, conn *websocket.Conn, _ string, _ func(string)) {
		_ = conn.Close(4403, "forbidden")
	}))
	err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
	var e *execute.TransportError
	if !errors.As(err, &e) || e.Message != "closed the subscription with code 4403" {
		t.Error(err)
	}
}

func TestSSE(t *testing.T) {
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", Interval: time.Millisecond}}
	var streams atomic.Int32
	tr := transport(t, s, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != subscribeBody || r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("sent %s, %v", body, r.Header)
		}
		if streams.Add(1) == 1 {
			answer(w, 200, "text/event-stream", ": hello\n\nevent: next\ndata: {\"data\":1}\n\nevent: next\ndata: {\"cut")
			return
		}
		answer(w, 200, "text/event-stream", "event: next\r\ndata: {\"data\":\r\ndata: 2}\r\n\r\nevent: complete\ndata: \n\n")
	})
	var events []string
	if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events)); err != nil {
		t.Error(err)
	}
	if got := strings.Join(events, " "); got != "{\"data\":1} {\"data\":\n2}" {
		t.Errorf("%q", got)
	}
}

func TestEventFails(t *testing.T) {
	want := errors.New("the client is gone")
	for _, protocol := range []string{"ws", "sse"} {
		handler := serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
			send(`{"id":"1","type":"next","payload":{"data":1}}`)
		})
		if protocol == "sse" {
			handler = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				answer(w, 200, "text/event-stream", "event: next\ndata: {}\n\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}
		}
		tr := transport(t, subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: protocol}}, subgraph.Hooks{}, handler)
		err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), func(r *execute.SubgraphResponse) error {
			r.Body.Release()
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}
