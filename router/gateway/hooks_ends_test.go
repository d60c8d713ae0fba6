package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/router/coprocessor"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/supergraph"
)

// withCoprocessor calls a coprocessor for each response, which marks the errors it gets.
func withCoprocessor(t *testing.T, o *gateway.Options) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Version int             `json:"version"`
			Stage   string          `json:"stage"`
			Control string          `json:"control"`
			Body    json.RawMessage `json:"body"`
		}
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Error(err)
		}
		m.Body = json.RawMessage(strings.Replace(string(m.Body), `"errors":[{"message":"`, `"errors":[{"message":"Seen: `, 1))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m)
	}))
	t.Cleanup(server.Close)
	c := coprocessor.New(coprocessor.Options{
		URL: server.URL, Timeout: time.Minute, MaxConnections: 4, MaxResponseBytes: 1 << 20,
		Stages: map[coprocessor.Stage]coprocessor.Include{coprocessor.SupergraphResponse: {Body: true}},
	})
	t.Cleanup(func() { _ = c.Close() })
	o.Hooks = []hook.Hooks{c.Hooks()}
}

// What ends a stream also ends its context. The coprocessor still sees the error for the client.
func TestCoprocessorSeesTheErrorsThatEndStreams(t *testing.T) {
	const stale = `[{"message":"Seen: The schema has changed and this subscription is no longer valid. Subscribe again with an operation that is valid for the new schema.","extensions":{"code":"SUBSCRIPTION_SCHEMA_RELOAD"}}]`
	seen := strings.Replace(expired, "The access", "Seen: The access", 1)
	for name, c := range map[string]struct {
		errors string
		code   int // that closes a WebSocket; 0 if it stays open
		reload bool
	}{
		"expired token": {errors: seen, code: 4403},
		"new schema":    {errors: stale, reload: true},
	} {
		open := func(t *testing.T) (*feed, string, func()) {
			t.Helper()
			end := make(chan struct{})
			f, gw, url := startFeed(t, func(into *config.Config, o *gateway.Options) {
				identities(end)(into, o)
				into.Subscriptions.ReloadJitter = time.Millisecond
				withCoprocessor(t, o)
			})
			return f, url, func() {
				if !c.reload {
					close(end)
				} else if err := gw.SetSupergraph(strings.Replace(sdl, "count(to: Int!)", "count(from: Int)", 1)); err != nil {
					t.Error(err)
				}
			}
		}
		t.Run(name+", WebSocket", func(t *testing.T) {
			f, url, end := open(t)
			s := initialised(t, url, `null`)
			s.subscribe("1")
			f.upstream(t, 0).send(t, "1")
			s.want(`{"id":"1","type":"next","payload":{"data":{"count":1}}}`)
			end()
			s.want(`{"id":"1","type":"error","payload":` + c.errors + `}`)
			if c.code != 0 {
				s.wantClose(c.code)
			}
		})
		t.Run(name+", server-sent events", func(t *testing.T) {
			f, url, end := open(t)
			s := openStream(t, url, subscription)
			f.upstream(t, 0).send(t, "1")
			s.want("event: next", `data: {"data":{"count":1}}`)
			end()
			s.want("event: next", `data: {"errors":`+c.errors+`}`, "event: complete", "data:")
			s.wantEnd()
		})
		t.Run(name+", multipart", func(t *testing.T) {
			f, url, end := open(t)
			s := openStream(t, url, subscription, acceptParts)
			f.upstream(t, 0).send(t, "1")
			s.want("--graphql", partType, `{"payload":{"data":{"count":1}}}`)
			end()
			s.want("--graphql", partType, `{"payload":null,"errors":`+c.errors+`}`, "--graphql--")
			s.wantEnd()
		})
	}
}

// A heldSubgraph does not answer.
type heldSubgraph struct {
	subgraph
	called chan struct{}
}

func (s *heldSubgraph) Send(ctx context.Context, _ *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	close(s.called)
	<-ctx.Done()
	return nil, ctx.Err()
}

// It is the same for a query that ends because the router shuts down.
func TestCoprocessorSeesThatTheRouterShutsDown(t *testing.T) {
	s := &heldSubgraph{called: make(chan struct{})}
	gw, _ := start(t, &s.subgraph, func(_ *config.Config, o *gateway.Options) {
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return s, func() {}, nil }
		withCoprocessor(t, o)
	})
	ctx, cut := context.WithCancelCause(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		gw.Handler().ServeHTTP(w, r)
	}()
	<-s.called
	cut(execute.ErrShuttingDown)
	<-done
	if got := w.Body.String(); !strings.Contains(got, "SHUTTING_DOWN") || !strings.Contains(got, "Seen: ") {
		t.Errorf("got status %d, %s", w.Code, got)
	}
}
