package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// A feed is a subgraph whose subscriptions send the events that a test provides.
type feed struct {
	subgraph
	mu   sync.Mutex
	open []*upstream
}

// An upstream is one open subscription to a feed.
type upstream struct {
	request execute.SubgraphRequest
	events  chan string
	end     chan error
	closed  chan struct{}
}

func (f *feed) Subscribe(ctx context.Context, r *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	u := &upstream{request: *r, events: make(chan string), end: make(chan error), closed: make(chan struct{})}
	defer close(u.closed)
	f.mu.Lock()
	f.open = append(f.open, u)
	f.mu.Unlock()
	for {
		select {
		case text := <-u.events:
			if err := event(response(text)); err != nil {
				return err
			}
		case err := <-u.end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// upstream waits for subscription n, counted from 0.
func (f *feed) upstream(t *testing.T, n int) *upstream {
	t.Helper()
	var u *upstream
	eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if n < len(f.open) {
			u = f.open[n]
		}
		return u != nil
	})
	return u
}

func (f *feed) upstreams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}

func (u *upstream) send(t *testing.T, count string) {
	t.Helper()
	select {
	case u.events <- `{"data":{"count":` + count + `}}`:
	case <-u.closed:
		t.Error("the subscription to the subgraph has ended")
	}
}

// startFeed starts a gateway with a feed as its subgraph.
func startFeed(t *testing.T, configure func(*config.Config, *gateway.Options)) (*feed, *gateway.Gateway, string) {
	t.Helper()
	f := &feed{}
	gw, url := start(t, &f.subgraph, func(c *config.Config, o *gateway.Options) {
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return f, func() {}, nil }
		if configure != nil {
			configure(c, o)
		}
	})
	return f, gw, url + "/graphql"
}

// An eventStream is a client of a stream over HTTP.
type eventStream struct {
	*testing.T
	response *http.Response
	lines    *bufio.Scanner
}

func openStream(t *testing.T, url, body string, headers ...string) *eventStream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 4<<20)
	return &eventStream{T: t, response: response, lines: lines}
}

// want reads lines up to the next that is not empty.
func (s *eventStream) want(lines ...string) {
	s.Helper()
	for _, want := range lines {
		got, ok := s.next()
		if !ok || got != want {
			s.Fatalf("got line %q, err %v, want %q", got, s.lines.Err(), want)
		}
	}
}

func (s *eventStream) next() (string, bool) {
	for s.lines.Scan() {
		if line := s.lines.Text(); line != "" && line != ":" {
			return line, true
		}
	}
	return "", false
}

func (s *eventStream) wantEnd() {
	s.Helper()
	if line, ok := s.next(); ok || s.lines.Err() != nil {
		s.Errorf("got line %q, err %v, want the end of the stream", line, s.lines.Err())
	}
}

// initialised opens a WebSocket and completes the init handshake.
func initialised(t *testing.T, url, payload string) *socket {
	t.Helper()
	s := dial(t, url, protocol)
	s.send(`{"type":"connection_init","payload":` + payload + `}`)
	s.want(`{"type":"connection_ack"}`)
	return s
}

func (s *socket) subscribe(id string) {
	s.Helper()
	s.send(`{"id":"` + id + `","type":"subscribe","payload":` + subscription + `}`)
}
