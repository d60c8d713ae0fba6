package apollo_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// byCallback makes the subgraph send events to the router's public port.
func byCallback(c *config.Config) {
	c.Subscriptions.All.Protocol = "callback"
	c.Subscriptions.Callback.PublicURL = "http://" + c.Listen + "/callback"
	c.Subscriptions.Callback.Heartbeat = 200 * time.Millisecond
	c.IncludeErrors.All = true
}

// A stream is a client's subscription over server-sent events.
type stream struct {
	body  io.Closer
	lines *bufio.Scanner
}

func subscribe(t *testing.T, at *served, query string) *stream {
	t.Helper()
	text, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at.url+"/graphql", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return &stream{response.Body, bufio.NewScanner(response.Body)}
}

// next returns the data of the next event, "complete" at the end, or "" if the stream has broken.
func (s *stream) next() string {
	name := ""
	for s.lines.Scan() {
		line := s.lines.Text()
		if event, ok := strings.CutPrefix(line, "event: "); ok {
			name = event
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			if name == "complete" {
				return name
			}
			return strings.TrimSpace(data)
		}
	}
	return ""
}

func query(t *testing.T, url, query string) string {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(fmt.Sprintf(`{"query":%q}`, query)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal(what)
}

func TestApolloServerSendsEventsByCallback(t *testing.T) {
	dir := install(t)
	subgraph, kill := startSubgraph(t, dir)
	at := serve(t, subgraph, byCallback)

	t.Run("events and completion", func(t *testing.T) {
		s := subscribe(t, at, "subscription { count(to: 3) }")
		for _, want := range []string{`{"data":{"count":1}}`, `{"data":{"count":2}}`, `{"data":{"count":3}}`, "complete"} {
			if got := s.next(); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
	t.Run("completion with errors", func(t *testing.T) {
		s := subscribe(t, at, "subscription { count(to: 1, fail: true) }")
		first, second, last := s.next(), s.next(), s.next()
		if first != `{"data":{"count":1}}` || !strings.Contains(second, "the counter broke") || !strings.Contains(second, `"BROKEN"`) || last != "complete" {
			t.Errorf("got %s, %s, %s", first, second, last)
		}
	})
	t.Run("refusal", func(t *testing.T) {
		s := subscribe(t, at, "subscription { refused }")
		if got := s.next(); !strings.Contains(got, "not today") || !strings.Contains(got, `"FORBIDDEN"`) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("heartbeats keep it, and the client ends it", func(t *testing.T) {
		s := subscribe(t, at, "subscription { count(to: 0) }")
		for range 60 { // longer than three heartbeats
			if got := s.next(); !strings.HasPrefix(got, `{"data":{"count":`) {
				t.Fatalf("got %s", got)
			}
		}
		_ = s.body.Close()
		eventually(t, "the subgraph still sends events", func() bool { return strings.Contains(query(t, subgraph, "{ open }"), `"open":0`) })
	})
	t.Run("reload", func(t *testing.T) {
		s := subscribe(t, at, "subscription { count(to: 0) }")
		if got := s.next(); got != `{"data":{"count":1}}` {
			t.Fatalf("got %s", got)
		}
		at.config.Limits.MaxDepth++
		if err := at.Reconfigure(t.Context(), at.config, nil); err != nil {
			t.Fatal(err)
		}
		after := subscribe(t, at, "subscription { count(to: 2) }")
		for _, want := range []string{`{"data":{"count":1}}`, `{"data":{"count":2}}`, "complete"} {
			if got := after.next(); got != want {
				t.Errorf("after the reload: got %s, want %s", got, want)
			}
		}
		for s.next() != "" { // the router drains it
		}
		eventually(t, "the subgraph still sends events", func() bool { return strings.Contains(query(t, subgraph, "{ open }"), `"open":0`) })
	})
	t.Run("lost heartbeats", func(t *testing.T) {
		at.config.Subscriptions.All.MaxReconnects = 1
		if err := at.Reconfigure(t.Context(), at.config, nil); err != nil {
			t.Fatal(err)
		}
		s := subscribe(t, at, "subscription { count(to: 0) }")
		if got := s.next(); got != `{"data":{"count":1}}` {
			t.Fatalf("got %s", got)
		}
		kill()
		for {
			got := s.next()
			if strings.HasPrefix(got, `{"data":{"count":`) {
				continue
			}
			if !strings.Contains(got, "SUBREQUEST_HTTP_ERROR") {
				t.Errorf("got %s", got)
			}
			break
		}
	})
}
