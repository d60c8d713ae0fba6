package router_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"souk/router/gateway/config"
)

const ticksSDL = supergraphHead + `type Query @join__type(graph: A) { hello: String }
type Subscription @join__type(graph: A) { ticks: Int }
`

// A subscription that was opened with a signed token ends when the token expires
// and says so in the terms of its protocol.
func TestStreamsEndWhenTheTokenExpires(t *testing.T) {
	// Long enough to open a stream on a busy machine.
	const lifetime = 10 * time.Second
	i := newTokenIssuer(t)
	var open atomic.Int64 // streams from the subgraph
	url := serveRouter(t, ticksSDL, nil, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not see that the router disconnects
		open.Add(1)
		defer open.Add(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: next\ndata: {\"data\":{\"ticks\":1}}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
		c.Authentication.JWT.Leeway = 0
		c.Subscriptions.Subgraphs = map[string]config.SubgraphStream{"a": {Protocol: "sse"}}
	})
	const expired = `{"message":"The access token has expired. Subscribe again with a new one.","extensions":{"code":"SUBSCRIPTION_JWT_EXPIRED"}}`
	const body = `{"query":"subscription { ticks }"}`
	over := func(t *testing.T, accept string) string {
		t.Helper()
		response, got := ask(t, http.MethodPost, url+"/graphql", body, "Content-Type: application/json", "Accept: "+accept, "Authorization: Bearer "+i.token(t, lifetime))
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: got status %d, %s", accept, response.StatusCode, got)
		}
		return got
	}
	// All run at once, however few processors there are: they only wait.
	var streams sync.WaitGroup
	run := func(name string, test func(*testing.T)) { streams.Go(func() { t.Run(name, test) }) }
	run("WebSocket", func(t *testing.T) {
		s := openSocket(t, url)
		s.write(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + i.token(t, lifetime) + `"}}`)
		s.write(`{"id":"1","type":"subscribe","payload":` + body + `}`)
		for _, want := range []string{
			`{"type":"connection_ack"}`,
			`{"id":"1","type":"next","payload":{"data":{"ticks":1}}}`,
			`{"id":"1","type":"error","payload":[` + expired + `]}`,
		} {
			if got := s.read(); got != want {
				t.Fatalf("WebSocket: got %s, want %s", got, want)
			}
		}
		_, _, err := s.conn.Read(t.Context())
		var end websocket.CloseError
		if !errors.As(err, &end) || end.Code != 4403 {
			t.Errorf("WebSocket: closed with %v", err)
		}
	})
	run("event stream", func(t *testing.T) {
		got := over(t, "text/event-stream")
		want := "event: next\ndata: {\"data\":{\"ticks\":1}}\n\nevent: next\ndata: {\"errors\":[" + expired + "]}\n\nevent: complete\ndata:\n\n"
		if withoutComments(got) != want {
			t.Errorf("event stream: got\n%s\nwant\n%s", got, want)
		}
	})
	run("multipart", func(t *testing.T) {
		got := over(t, "multipart/mixed;subscriptionSpec=1.0")
		first, last := strings.Index(got, `{"payload":{"data":{"ticks":1}}}`), strings.Index(got, `{"payload":null,"errors":[`+expired+`]}`)
		if first < 0 || last < first || !strings.HasSuffix(strings.TrimSpace(got), "--graphql--") {
			t.Errorf("multipart: got\n%s", got)
		}
	})
	streams.Wait()
	eventually(t, func() bool { return open.Load() == 0 })
}

// withoutComments removes the heartbeat comments from an event stream.
func withoutComments(stream string) string {
	var kept []string
	for event := range strings.SplitSeq(stream, "\n\n") {
		if !strings.HasPrefix(event, ":") {
			kept = append(kept, event)
		}
	}
	return strings.Join(kept, "\n\n")
}
