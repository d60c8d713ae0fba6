package subgraph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// serveSocket is a graphql-transport-ws server. For each subscription it calls
// stream with a function that sends a message.
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

func TestWebSocketDeliversEvents(t *testing.T) {
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, _ *websocket.Conn, payload string, send func(string)) {
		if payload != subscribeBody {
			t.Errorf("got payload %s", payload)
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

// A rejection is a request error with the subgraph's reasons (GraphQL, section
// 6.2.3.1), in every form that subgraphs use.
func TestSubscriptionIsRefusedWithReasons(t *testing.T) {
	socket := func(messages ...string) http.HandlerFunc {
		return serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
			for _, m := range messages {
				send(m)
			}
		})
	}
	over := func(status int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, media, body) }
	}
	const reasons = `{"errors":[{"message":"no"}]}`
	for name, c := range map[string]struct {
		protocol string
		handler  http.HandlerFunc
	}{
		"error message":                {protocol: "ws", handler: socket(`{"id":"1","type":"error","payload":[{"message":"no"}]}`)},
		"next without data":            {protocol: "ws", handler: socket(`{"id":"1","type":"next","payload":`+reasons+`}`, `{"id":"1","type":"complete"}`)},
		"next with null":               {protocol: "ws", handler: socket(`{"id":"1","type":"next","payload":{"errors":[{"message":"no"}],"data":null}}`)},
		"handshake with status 400":    {protocol: "ws", handler: over(400, "application/json", reasons)},
		"400":                          {protocol: "sse", handler: over(400, "application/json", reasons)},
		"200 with JSON":                {protocol: "sse", handler: over(200, "application/json", reasons)},
		"200 with null":                {protocol: "sse", handler: over(200, "application/graphql-response+json; charset=utf-8", `{"data":null,"errors":[{"message":"no"}]}`)},
		"503 with reasons":             {protocol: "sse", handler: over(503, "application/json", reasons)},
		"event without data":           {protocol: "sse", handler: over(200, "text/event-stream", "event: next\ndata: "+reasons+"\n\nevent: complete\ndata:\n\n")},
		"event with reasons, no event": {protocol: "sse", handler: over(200, "text/event-stream", "data: "+reasons+"\n\n")},
	} {
		t.Run(name, func(t *testing.T) {
			s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: c.protocol, Interval: time.Millisecond}}
			tr := transport(t, s, subgraph.Hooks{}, c.handler)
			err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), func(*execute.SubgraphResponse) error {
				t.Error("the rejection arrived as an event")
				return nil
			})
			var refused *execute.RequestError
			if !errors.As(err, &refused) || string(refused.Errors) != `[{"message":"no"}]` {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// An event whose null propagates to the root is still an event.
func TestEventWithNullDataIsNoRefusal(t *testing.T) {
	const failed = `{"data":null,"errors":[{"message":"no","path":["a"]}]}`
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
		send(`{"id":"1","type":"next","payload":` + failed + `}`)
		send(`{"id":"1","type":"next","payload":{"data":{"a":1}}}`)
		send(`{"id":"1","type":"complete"}`)
	}))
	var events []string
	if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events)); err != nil {
		t.Error(err)
	}
	if got := strings.Join(events, " "); got != failed+` {"data":{"a":1}}` {
		t.Error(got)
	}
}

// Messages for an operation that the connection does not have do not reach this
// subscriber.
func TestWebSocketMessageOfAnotherOperation(t *testing.T) {
	for _, message := range []string{
		`{"id":"2","type":"next","payload":{"data":{"a":"somebody else's"}}}`,
		`{"type":"next","payload":{"data":{"a":1}}}`,
		`{"id":"2","type":"error","payload":[{"message":"no"}]}`,
		`{"id":"2","type":"complete"}`,
	} {
		tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
			send(message)
		}))
		var events []string
		err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events))
		var e *execute.TransportError
		if !errors.As(err, &e) || e.Code != execute.CodeMalformed || len(events) != 0 {
			t.Errorf("%s: got error %v, events %v", message, err, events)
		}
	}
}

// When the client disconnects, the subscription ends at the subgraph.
func TestCancelCompletesTheWebSocketOperation(t *testing.T) {
	completed := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(ctx context.Context, conn *websocket.Conn, _ string, send func(string)) {
		send(`{"id":"1","type":"next","payload":{"data":{"a":1}}}`)
		_, text, err := conn.Read(ctx)
		if err != nil || string(text) != `{"id":"1","type":"complete"}` {
			t.Errorf("got %s, err %v", text, err)
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

// A silent subgraph is pinged, and its connection is closed without a pong.
func TestSilentWebSocketIsPingedAndClosed(t *testing.T) {
	var pings, streams atomic.Int32
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{PingInterval: 5 * time.Millisecond, ConnectAttempts: 2, Interval: time.Millisecond}}
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
	if !errors.As(err, &e) || e.Message != "stopped responding before the first event of the subscription" {
		t.Errorf("err = %v", err)
	}
	if pings.Load() < 2 || streams.Load() != 2 {
		t.Errorf("got %d pings, %d streams", pings.Load(), streams.Load())
	}
}

// A stream that breaks before the first event was still connected.
func TestStreamCutBeforeItsFirstEventWasReached(t *testing.T) {
	cutStream := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "text/event-stream", body) }
	}
	const early = "ended the subscription stream early, before its first event was complete"
	for _, c := range []struct {
		name, protocol string
		handler        http.HandlerFunc
		want           string
	}{
		{name: "SSE ends inside the first event", protocol: "sse", handler: cutStream("event: next\ndata: {\"data\":{\"a\""), want: early},
		{name: "SSE ends after its name", protocol: "sse", handler: cutStream(": hello\n\nevent: next\n"), want: early},
		{name: "SSE connection breaks inside the first event", protocol: "sse", want: early, handler: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, "text/event-stream", "event: next\ndata: {")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{name: "SSE connection breaks before an event", protocol: "sse", want: early, handler: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, "text/event-stream", ": hello\n\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{name: "WebSocket breaks after subscribe", protocol: "ws", want: early, handler: serveSocket(t, func(_ context.Context, conn *websocket.Conn, _ string, _ func(string)) {
			_ = conn.CloseNow()
		})},
		{name: "WebSocket breaks before connection_ack", protocol: "ws", want: "closed the WebSocket before it acknowledged the connection", handler: func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-transport-ws"}})
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.CloseNow()
		}},
		{name: "no response", protocol: "sse", want: "could not be reached for a subscription: the connection was closed before a response arrived", handler: func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: c.protocol, ConnectAttempts: 2, Interval: time.Millisecond}}
			err := transport(t, s, subgraph.Hooks{}, c.handler).Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Message != c.want || e.Code != execute.CodeHTTP {
				t.Errorf("err = %v, want %s", err, c.want)
			}
		})
	}
}

func TestLostSubscriptionIsReopened(t *testing.T) {
	var streams, reconnected atomic.Int32
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Interval: time.Millisecond, Resume: true}}
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
		t.Errorf("got %d events, %d reconnects", len(events), reconnected.Load())
	}
}

func TestRefusedUpgradeReportsTheStatus(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		tr := transport(t, subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: protocol}}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 403, "text/plain", "no")
		})
		err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
		var e *execute.TransportError
		if !errors.As(err, &e) || e.Message != "refused the subscription with status 403" {
			t.Errorf("%s: got error %v", protocol, err)
		}
	}
}

func TestWebSocketCloseCodeIsReported(t *testing.T) {
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, conn *websocket.Conn, _ string, _ func(string)) {
		_ = conn.Close(4403, "forbidden")
	}))
	err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
	var e *execute.TransportError
	if !errors.As(err, &e) || e.Message != "closed the subscription with code 4403" {
		t.Error(err)
	}
}

func TestSSEDeliversEventsAndResumes(t *testing.T) {
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", Interval: time.Millisecond, Resume: true}}
	var streams atomic.Int32
	tr := transport(t, s, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != subscribeBody || r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("got request %s, headers %v", body, r.Header)
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
		t.Errorf("got %q", got)
	}
}

// Lines of an event stream end in LF, CR LF or CR (HTML standard, section 9.2.5),
// wherever the stream is split. An event that ends in CR is delivered without
// waiting for the next byte.
func TestSSEAcceptsEveryLineEnding(t *testing.T) {
	const events = "\ufeffevent: next\ndata: {\"data\":\ndata: 1}\n\n: comment\nid: 7\nevent: next\ndata: {\"data\":2}\n\nevent: complete\ndata:\n\n"
	for name, end := range map[string]string{"LF": "\n", "CR": "\r", "CRLF": "\r\n"} {
		for _, part := range []int{1, 2, 7, 1 << 10} {
			t.Run(fmt.Sprintf("%s, %d bytes at a time", name, part), func(t *testing.T) {
				s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", ConnectAttempts: 1}}
				tr := transport(t, s, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					for text := strings.ReplaceAll(events, "\n", end); text != ""; {
						n := min(part, len(text))
						_, _ = io.WriteString(w, text[:n])
						_ = http.NewResponseController(w).Flush()
						text = text[n:]
					}
				})
				var got []string
				if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&got)); err != nil {
					t.Error(err)
				}
				if list := strings.Join(got, " "); list != "{\"data\":\n1} {\"data\":2}" {
					t.Errorf("got %q", list)
				}
			})
		}
	}
	t.Run("at once", func(t *testing.T) {
		received := make(chan struct{})
		s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", ConnectAttempts: 1}}
		tr := transport(t, s, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			answer(w, 200, "text/event-stream", "event: next\rdata: {\"data\":1}\r\r")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-received:
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "\nevent: complete\r\n\r\n")
		})
		if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), func(r *execute.SubgraphResponse) error {
			r.Body.Release()
			close(received)
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
}

// graphql-transport-ws uses text messages; clients of the graphql-ws library
// reject others.
func TestBinaryWebSocketMessagesAreRefused(t *testing.T) {
	tr := transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, serveSocket(t, func(ctx context.Context, conn *websocket.Conn, _ string, _ func(string)) {
		_ = conn.Write(ctx, websocket.MessageBinary, []byte(`{"id":"1","type":"next","payload":{"data":1}}`))
	}))
	var events []string
	err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events))
	var e *execute.TransportError
	if !errors.As(err, &e) || e.Code != execute.CodeMalformed || !strings.Contains(e.Message, "binary message") || len(events) != 0 {
		t.Errorf("got error %v, events %v", err, events)
	}
}

// A stream that the subgraph completes is not reopened: its events would be
// repeated.
func TestEndedStreamIsNotReopened(t *testing.T) {
	for name, c := range map[string]struct {
		protocol string
		handler  func(streams *atomic.Int32) http.HandlerFunc
	}{
		"event stream without complete": {protocol: "sse", handler: func(streams *atomic.Int32) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				streams.Add(1)
				answer(w, 200, "text/event-stream", "event: next\ndata: {\"data\":1}\n\n")
			}
		}},
		"WebSocket closed normally": {protocol: "ws", handler: func(streams *atomic.Int32) http.HandlerFunc {
			return serveSocket(t, func(_ context.Context, conn *websocket.Conn, _ string, send func(string)) {
				streams.Add(1)
				send(`{"id":"1","type":"next","payload":{"data":1}}`)
				_ = conn.Close(websocket.StatusNormalClosure, "")
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var streams atomic.Int32
			s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: c.protocol, Interval: time.Millisecond, Resume: true}}
			var events []string
			err := transport(t, s, subgraph.Hooks{}, c.handler(&streams)).Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Message != "ended the subscription without completing it" {
				t.Error(err)
			}
			if streams.Load() != 1 || len(events) != 1 {
				t.Errorf("got %d streams, events %v", streams.Load(), events)
			}
		})
	}
}

// A stream that breaks after each event is reopened a limited number of times, and
// only if resuming is enabled.
func TestReconnectsAreLimited(t *testing.T) {
	for _, c := range []struct {
		resume bool
		want   int32
	}{{resume: true, want: 4}, {resume: false, want: 1}} {
		var streams atomic.Int32
		s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Interval: time.Millisecond, MaxReconnects: 3, Resume: c.resume}}
		tr := transport(t, s, subgraph.Hooks{}, serveSocket(t, func(_ context.Context, conn *websocket.Conn, _ string, send func(string)) {
			streams.Add(1)
			send(`{"id":"1","type":"next","payload":{"data":1}}`)
			_ = conn.CloseNow()
		}))
		var events []string
		err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events))
		var e *execute.TransportError
		if !errors.As(err, &e) || e.Message != "lost the subscription" || streams.Load() != c.want {
			t.Errorf("resume %t: got error %v, %d streams", c.resume, err, streams.Load())
		}
	}
}

// A subgraph that cuts each stream soon after its first event has not recovered, however short
// MaxInterval is. One whose streams last has.
func TestShortStreamsCountAsFailures(t *testing.T) {
	for name, c := range map[string]struct {
		lasts, longest time.Duration
		want           int // streams
	}{
		"cut at once, short delays":         {lasts: 20 * time.Millisecond, longest: 10 * time.Millisecond, want: 11},
		"cut after seconds, short delays":   {lasts: 5 * time.Second, longest: 10 * time.Millisecond, want: 11},
		"cut after seconds, default delays": {lasts: 20 * time.Second, want: 11},
		"lasting, short delays":             {lasts: 11 * time.Second, longest: 10 * time.Millisecond, want: 100},
		"lasting, default delays":           {lasts: 31 * time.Second, want: 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				streams := 0
				s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", Interval: time.Millisecond, MaxInterval: c.longest, Resume: true}}
				tr := overPipes(t, s, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if streams++; streams == 100 {
						cancel()
						return
					}
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, "event: next\ndata: {\"data\":1}\n\n")
					_ = http.NewResponseController(w).Flush()
					time.Sleep(c.lasts) // of the synctest clock: how long the stream lasts
					panic(http.ErrAbortHandler)
				})
				var events []string
				err := tr.Subscribe(ctx, request(operation.Subscription, subscribeBody), collect(&events))
				if streams != c.want {
					t.Errorf("got %d streams, want %d (%v)", streams, c.want, err)
				}
				cancel()
			})
		})
	}
}

// Event IDs let a subgraph resume after the last event.
func TestNumberedEventsAreResumed(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", Interval: time.Millisecond, Resume: true}}
	tr := transport(t, s, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, r.Header.Get("Last-Event-ID"))
		if len(ids) == 1 {
			answer(w, 200, "text/event-stream", "retry: 1\n\nid: 7\nevent: next\ndata: {\"data\":1}\n\n")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	var events []string
	if err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), collect(&events)); err != nil {
		t.Error(err)
	}
	if len(ids) != 2 || ids[0] != "" || ids[1] != "7" || len(events) != 1 {
		t.Errorf("got Last-Event-ID %q, events %v", ids, events)
	}
}

// A subgraph that accepts connections but sends nothing times out, as does one that
// cannot be reached.
func TestUnansweredHandshakeTimesOut(t *testing.T) {
	for _, protocol := range []string{"sse", "ws"} {
		t.Run(protocol, func(t *testing.T) {
			var asked atomic.Int32
			s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{
				Protocol: protocol, ConnectTimeout: 20 * time.Millisecond, ConnectAttempts: 2, Interval: time.Millisecond}}
			tr := transport(t, s, subgraph.Hooks{}, func(_ http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			})
			err := tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Code != execute.CodeTimeout || e.Message != "did not accept the subscription within 20ms" {
				t.Error(err)
			}
			if asked.Load() > 2 {
				t.Errorf("got %d attempts", asked.Load())
			}
		})
	}
}

func TestReceiverErrorEndsTheStream(t *testing.T) {
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
			t.Errorf("%s: got error %v", protocol, err)
		}
	}
}
