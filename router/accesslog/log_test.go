package accesslog

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"souk/internal/lines"
	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/operation"
)

// serve logs requests that handler serves, and returns the lines.
func serve(t *testing.T, c config.AccessLog, random float64, handler func(*Log) http.HandlerFunc, requests ...*http.Request) (lines []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	l := New(Options{
		Config: c, Output: &out, Skip: func(path string) bool { return path == "/healthz" },
		Address: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
	})
	l.random = func() float64 { return random }
	mux := http.NewServeMux()
	mux.HandleFunc("/", handler(l))
	for _, r := range requests {
		l.Middleware(mux).ServeHTTP(httptest.NewRecorder(), r)
	}
	for line := range strings.Lines(out.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, one)
	}
	return lines
}

func ended(carrier, name string) *record.Operation {
	o := record.NewDetached(record.TraceID{1}, "web", "1.2", "")
	o.Carrier, o.Cost = carrier, 12
	o.Document = record.NewInvalid("hash", name, "", operation.Query)
	o.Fetches = []execute.FetchStatistics{{Subgraph: "products", Sent: 10, Looked: 2, Found: 1}, {Subgraph: "products", Sent: 5}}
	return o
}

func defaults() config.AccessLog {
	c := config.Default().Telemetry.AccessLog
	c.Enabled = true
	return c
}

func TestLineHasTheOperationAndNoSecrets(t *testing.T) {
	r := httptest.NewRequest("POST", "/graphql?variables=secret", strings.NewReader(`{"variables":{"password":"secret"}}`))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("User-Agent", "secret")
	lines := serve(t, defaults(), 0, func(l *Log) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "12345")
			l.Report(r.Context(), ended("http", "Cart"))
		}
	}, r)
	if len(lines) != 1 {
		t.Fatalf("lines %v", lines)
	}
	for name, want := range map[string]any{
		"method": "POST", "route": "/", "status": 202.0, "response_bytes": 5.0, "request_bytes": 35.0, "operation_name": "Cart", "operation_type": "query",
		"operation_hash": "hash", "client_name": "web", "client_version": "1.2", "cost_estimated": 12.0, "entity_cache": "partial", "fetches": 2.0, "trace_id": "01000000000000000000000000000000",
	} {
		if lines[0][name] != want {
			t.Errorf("%s is %v, want %v", name, lines[0][name], want)
		}
	}
	if text, _ := json.Marshal(lines); strings.Contains(string(text), "secret") || strings.Contains(string(text), "192.0.2.7") {
		t.Errorf("the line has what it must not have: %s", text)
	}
}

func TestFieldsAreSelectable(t *testing.T) {
	c := defaults()
	c.Fields = []string{"client_address", "user_agent", "path", "subgraphs"}
	r := httptest.NewRequest("GET", "/api/users/7?q=1", nil)
	r.Header.Set("User-Agent", "curl/8")
	lines := serve(t, c, 0, func(l *Log) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { l.Report(r.Context(), ended("rest", "User")) }
	}, r)
	delete(lines[0], "time")
	if text, _ := json.Marshal(lines); string(text) != `[{"client_address":"192.0.2.7","level":"INFO","msg":"request","path":"/api/users/7","subgraphs":["products"],"user_agent":"curl/8"}]` {
		t.Errorf("got %s", text)
	}
	for name := range fields {
		c.Fields = []string{name}
		loaded := config.Default()
		loaded.Telemetry.AccessLog = c
		if err := loaded.Check(nil); err != nil {
			t.Errorf("the configuration does not know %s: %v", name, err)
		}
	}
	for _, name := range defaults().Fields {
		if fields[name] == nil {
			t.Errorf("%s is a default, but there is no such field", name)
		}
	}
}

// Operations that share a request have lines of their own, besides that of the request.
func TestOperationsOfABatchHaveTheirOwnLines(t *testing.T) {
	lines := serve(t, defaults(), 0, func(l *Log) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			l.Report(r.Context(), ended("batch", "A"))
			l.Report(r.Context(), ended("batch", "B"))
		}
	}, httptest.NewRequest("POST", "/graphql", nil))
	if len(lines) != 3 || lines[0]["operation_name"] != "A" || lines[1]["operation_name"] != "B" || lines[2]["operation_name"] != nil || lines[0]["response_bytes"] != nil {
		t.Errorf("got %v", lines)
	}
}

func TestSampleKeepsRequestsWithErrors(t *testing.T) {
	c := defaults()
	c.Sample = 0.5
	handler := func(l *Log) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/errors":
				o := ended("http", "Cart")
				o.Errors, o.Codes = 1, []string{"A", "A"}
				l.Report(r.Context(), o)
			case "/refused":
				w.WriteHeader(http.StatusBadRequest)
			}
		}
	}
	requests := []*http.Request{}
	for _, path := range []string{"/fine", "/errors", "/refused", "/healthz"} {
		requests = append(requests, httptest.NewRequest("GET", path, nil))
	}
	if lines := serve(t, c, 0.7, handler, requests...); len(lines) != 2 {
		t.Errorf("not in the sample: %v", lines)
	}
	if lines := serve(t, c, 0.3, handler, requests...); len(lines) != 3 {
		t.Errorf("in the sample: %v", lines)
	}
}

func TestPanicIsLogged(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the panic has ended here")
		}
	}()
	var out bytes.Buffer
	l := New(Options{Config: defaults(), Output: &out, Skip: func(string) bool { return false }})
	defer func() {
		if !strings.Contains(out.String(), `"status":500`) {
			t.Errorf("got %s", &out)
		}
	}()
	l.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

// An operation of a single connection may end after its request, or at the same time.
func TestOperationMayOutliveItsRequest(t *testing.T) {
	var out bytes.Buffer
	w := lines.New(lines.Options{To: &out, Dropped: func() { t.Error("a line was dropped") }})
	l := New(Options{Config: defaults(), Output: w, Skip: func(string) bool { return false }})
	var running sync.WaitGroup
	for range 50 {
		l.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			running.Go(func() { l.Report(r.Context(), ended("http", "Late")) })
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/graphql", nil))
	}
	running.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), `"operation_name":"Late"`); n != 50 {
		t.Errorf("%d lines have the operation, want 50", n)
	}
}
