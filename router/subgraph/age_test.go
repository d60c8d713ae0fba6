package subgraph_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/operation"
	"souk/router/subgraph"
)

// A change of the host's address is detected although the connections are never
// idle. No request fails during the change, and the old connections are closed.
func TestConnectionAgeFollowsTheAddress(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		var atNew atomic.Int64
		var opened, closed atomic.Int64
		first := listen(t, over, nil, func(state http.ConnState) {
			switch state {
			case http.StateNew:
				opened.Add(1)
			case http.StateClosed:
				closed.Add(1)
			}
		})
		second := listen(t, over, func() { atNew.Add(1) }, nil)
		var moved atomic.Bool
		s := subgraph.Subgraph{
			MaxConnectionAge: 30 * time.Millisecond, IdleTimeout: time.Hour,
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == first && moved.Load() {
					address = second
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		}
		if over.proxy && over.tls {
			t.Skip("the proxy resolves the name")
		}
		tr := over.dial(t, s, subgraph.Hooks{}, first)
		ask(t, tr, operation.Mutation, "{}")
		moved.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		defer busy.Wait()
		defer stop()
		for range 3 {
			busy.Go(func() {
				for {
					resp, err := tr.Send(ctx, request(operation.Mutation, "{}"))
					if ctx.Err() != nil {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					resp.Body.Release()
				}
			})
		}
		await(t, func() bool { return atNew.Load() > 0 && closed.Load() == opened.Load() })
	})
}

// listen serves responses over one kind of transport.
func listen(t *testing.T, over transportKind, asked func(), state func(http.ConnState)) (address string) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked != nil {
			asked()
		}
		answer(w, 200, "application/json", "{}")
	}))
	over.configure(server)
	if state != nil {
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) { state(s) }
	}
	over.start(server)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// Without a maximum age, a connection in use is kept.
func TestConnectionsAreKeptWithoutMaxAge(t *testing.T) {
	tr, connections := transportKinds[0].wire(t, subgraph.Subgraph{}, ok, ok, ok, ok)
	for range 4 {
		ask(t, tr, operation.Query, "{}")
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}
