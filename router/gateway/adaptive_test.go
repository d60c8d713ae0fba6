package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/router/adaptive"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/rest"
	"souk/router/supergraph"
)

// A clock passes when something of the test takes time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A slowBody is a request body of which each read takes time.
type slowBody struct {
	io.Reader
	clock *clock
}

func (b slowBody) Read(p []byte) (int, error) {
	b.clock.pass(10 * time.Second)
	return b.Reader.Read(p)
}

// A slowReader is the connection to a client that takes its time to read.
type slowReader struct {
	*httptest.ResponseRecorder
	clock *clock
}

func (w slowReader) Write(p []byte) (int, error) {
	w.clock.pass(10 * time.Second)
	return w.ResponseRecorder.Write(p)
}

// readingRoutes is a REST route that reads the request.
type readingRoutes struct{ restRoutes }

func (h readingRoutes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	h.restRoutes.ServeHTTP(w, r)
}

// What a client's connection takes is no latency: slow clients do not shrink the adaptive limit, a
// slow subgraph does.
func TestSlowClientsDoNotShrinkTheLimit(t *testing.T) {
	const operation, deferred = `{"query":"{ hello }"}`, `{"query":"{ hello ... @defer { long } }"}`
	upload := func(text string) string {
		return strings.ReplaceAll("--b\nContent-Disposition: form-data; name=\"operations\"\n\n"+text+"\n--b\nContent-Disposition: form-data; name=\"map\"\n\n{}\n--b--\n", "\n", "\r\n")
	}
	for name, c := range map[string]struct {
		path, body, contentType, accept string
		slow                            bool // the subgraph is
		status                          int
	}{
		"a request":             {"/graphql", operation, "application/json", "", false, 200},
		"a batch":               {"/graphql", "[" + operation + "]", "application/json", "", false, 200},
		"a refused body":        {"/graphql", strings.Repeat(" ", 5000), "application/json", "", false, 413},
		"an upload":             {"/graphql", upload(operation), "multipart/form-data; boundary=b", "", false, 200},
		"an event stream":       {"/graphql", operation, "application/json", "text/event-stream", false, 200},
		"a multipart response":  {"/graphql", deferred, "application/json", "multipart/mixed", false, 200},
		"a subscription":        {"/graphql", `{"query":"subscription { count(to: 3) }"}`, "application/json", "text/event-stream", false, 200},
		"a REST route":          {"/api/hello", operation, "application/json", "", false, 200},
		"a slow subgraph":       {"/graphql", operation, "application/json", "", true, 200},
		"a slow subgraph, REST": {"/api/hello", operation, "application/json", "", true, 200},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &clock{now: time.Unix(1e9, 0)}
			var limits []int
			s := &slowSubgraph{clock: clock, takes: 20 * time.Millisecond}
			gw, _ := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
				withEveryCarrier(c, o)
				c.FileUploads.Enabled, c.Limits.MaxBodyBytes, c.TrafficShaping.Router.Deduplicate = true, 4000, new(false)
				o.Transport = s.transport
				o.REST = func(_ string, graph rest.Executor) (gateway.RESTHandler, error) {
					return readingRoutes{restRoutes{graph}}, nil
				}
				o.Limiter = adaptive.New(adaptive.Options{Min: 1, Max: 100, Initial: 100, Now: clock.Now, Limit: func(limit int) { limits = append(limits, limit) }})
			})
			ask := func(path, body, contentType, accept string, slow bool) *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
				r.Header.Set("Content-Type", contentType)
				r.Header.Set("GraphQL-Require-Preflight", "1")
				if accept != "" {
					r.Header.Set("Accept", accept)
				}
				if slow {
					r.Body = io.NopCloser(slowBody{bytes.NewReader([]byte(body)), clock})
					gw.Handler().ServeHTTP(slowReader{w, clock}, r)
				} else {
					gw.Handler().ServeHTTP(w, r)
				}
				return w
			}
			for range 20 { // the baseline
				ask("/graphql", operation, "application/json", "", false)
			}
			if fmt.Sprint(limits) != "[100]" {
				t.Fatalf("limits %v", limits)
			}
			if c.slow {
				s.takes = 10 * time.Second
			}
			for range 20 {
				if w := ask(c.path, c.body, c.contentType, c.accept, !c.slow); w.Code != c.status || c.status == 200 && !strings.Contains(w.Body.String(), "hello") && !strings.Contains(w.Body.String(), "count") {
					t.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
			if shrunk := len(limits) > 1; shrunk != c.slow {
				t.Errorf("limits %v", limits)
			}
		})
	}
}

// A slowSubgraph is a subgraph whose responses take time.
type slowSubgraph struct {
	subgraph
	clock *clock
	takes time.Duration
}

func (s *slowSubgraph) transport(*supergraph.Model) (execute.Transport, func(), error) {
	return s, func() {}, nil
}

func (s *slowSubgraph) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	s.clock.pass(s.takes)
	return s.subgraph.Send(ctx, r)
}
