package subgraph_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// A subgraph that switches protocols without being asked to, and keeps the
// connection open, fails the request at once: the body has no deadline.
func TestProtocolSwitchFailsAtOnce(t *testing.T) {
	overHTTP1(t, func(t *testing.T, w transportKind) {
		tr := w.transport(t, subgraph.Subgraph{Timeout: time.Minute}, subgraph.Hooks{}, switchProtocol(t))
		failsAtOnce(t, func() error {
			_, err := tr.Send(t.Context(), request(operation.Mutation, `{}`))
			return err
		})
	})
}

// The same holds for a stream of server-sent events.
func TestProtocolSwitchFailsSubscription(t *testing.T) {
	s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: "sse", ConnectTimeout: time.Minute, ConnectAttempts: 1}}
	tr := transport(t, s, subgraph.Hooks{}, switchProtocol(t))
	failsAtOnce(t, func() error {
		return tr.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
	})
}

// switchProtocol responds with status 101 and leaves the connection open until the
// test ends.
func switchProtocol(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
	}
}

// failsAtOnce expects a TransportError long before any timeout of the subgraph.
func failsAtOnce(t *testing.T, send func() error) {
	t.Helper()
	failed := make(chan error, 1)
	go func() { failed <- send() }()
	select {
	case err := <-failed:
		var e *execute.TransportError
		if !errors.As(err, &e) || e.Code != execute.CodeHTTP {
			t.Errorf("got error %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the request waited for the subgraph")
	}
}
