package telemetry_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"souk/telemetry"
	"souk/telemetry/otlptest"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// clearEnvironment unsets the variables that affect a test.
func clearEnvironment(t *testing.T) {
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_SERVICE_NAME",
		"OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
		"OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
		"OTEL_PROPAGATORS", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_SCHEDULE_DELAY",
	} {
		t.Setenv(name, "")
	}
}

func setup(t *testing.T, o telemetry.Options) *telemetry.Telemetry {
	t.Helper()
	if o.Writer == nil {
		o.Writer = io.Discard
	}
	tel, err := telemetry.Setup(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func metrics(t *testing.T, tel *telemetry.Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestMiddlewareCountsByRouteAndStatus(t *testing.T) {
	clearEnvironment(t)
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, _ *http.Request) {
		if !strings.Contains(metrics(t, tel), `http_server_active_requests{http_request_method="GET"} 1`) {
			t.Error("the current request is not counted as active")
		}
		w.WriteHeader(http.StatusTeapot)
	})
	mux.HandleFunc("POST /things", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "made") })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(tel.Middleware(nil)(mux))
	defer server.Close()

	for _, request := range []string{"GET /things/1", "GET /things/2", "POST /things", "BREW /nowhere", "GET /panic"} {
		method, path, _ := strings.Cut(request, " ")
		r, _ := http.NewRequest(method, server.URL+path, nil)
		if res, err := server.Client().Do(r); err == nil {
			_ = res.Body.Close()
		}
	}

	text := metrics(t, tel)
	for _, want := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="418",http_route="/things/{id}"} 2`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/things"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="404",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="500",http_route="/panic"}`,
		`http_server_active_requests{http_request_method="GET"} 0`,
		"go_goroutines ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// A caller that leaves does not count as a failed connection, whatever the cause of the cancellation.
func TestCancelledRequestsAreNoFailedConnections(t *testing.T) {
	clearEnvironment(t)
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	ctx, cancel := context.WithCancelCause(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel(errors.New("another call failed"))
		<-r.Context().Done()
	}))
	defer server.Close()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if res, err := (&http.Client{Transport: tel.Transport(nil)}).Do(r); err == nil {
		_ = res.Body.Close()
		t.Fatal("a cancelled request got a response")
	}
	if text := metrics(t, tel); !strings.Contains(text, `error_type="canceled"`) || strings.Contains(text, `error_type="connection"`) {
		t.Error(text)
	}
}

func TestMiddlewareSupportsStreaming(t *testing.T) {
	clearEnvironment(t)
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	sent := make(chan struct{})
	server := httptest.NewServer(tel.Middleware(nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-sent // closed when the client has received the first part
	})))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	part := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != "first" {
		t.Fatalf("read %q: %v", part, err)
	}
	close(sent)
}

// A stream that lasts for an hour is no slow request. Its duration is the time until it began.
func TestStreamsAreMeasuredUntilTheyBegin(t *testing.T) {
	clearEnvironment(t)
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, telemetry.Options{ServiceName: "shop"})
		begins := map[string]func(http.ResponseWriter){
			"/events": func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/event-stream")
				w.WriteHeader(http.StatusOK)
			},
			"/flushed": func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "Text/Event-Stream; charset=utf-8")
				w.(http.Flusher).Flush()
			},
			"/parts": func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", `multipart/mixed;boundary="-"`)
				_, _ = io.WriteString(w, "---")
			},
			"/socket": func(w http.ResponseWriter) { w.WriteHeader(http.StatusSwitchingProtocols) },
			"/hijacked": func(w http.ResponseWriter) {
				if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
					t.Error(err)
				}
			},
			"/download": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "a") },
		}
		mux := http.NewServeMux()
		for path, begin := range begins {
			mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(2 * time.Second)
				begin(w)
				time.Sleep(time.Hour)
				if !strings.Contains(metrics(t, tel), `http_server_active_requests{http_request_method="GET"} 1`) {
					t.Errorf("%s is not active while it lasts", path)
				}
			})
		}
		handler := tel.Middleware(nil)(mux)
		for path := range begins {
			handler.ServeHTTP(hijackable{httptest.NewRecorder()}, httptest.NewRequest("GET", path, http.NoBody))
		}
		text := metrics(t, tel)
		for path, want := range map[string]string{
			"200/events": "2", "200/flushed": "2", "200/parts": "2", "101/socket": "2", "101/hijacked": "2", "200/download": "3602",
		} {
			status, route, _ := strings.Cut(path, "/")
			series := fmt.Sprintf(`http_server_request_duration_seconds_sum{http_request_method="GET",http_response_status_code=%q,http_route=%q} %s`, status, "/"+route, want)
			if !strings.Contains(text, series+"\n") {
				t.Errorf("metrics lack %s", series)
			}
		}
		if !strings.Contains(text, `http_server_active_requests{http_request_method="GET"} 0`) {
			t.Error("streams that ended are active")
		}
		if t.Failed() {
			t.Log(text)
		}
	})
}

// hijackable is a response whose connection a handler can take over.
type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func TestContextIsPropagatedWithoutTraces(t *testing.T) {
	clearEnvironment(t)
	var logs bytes.Buffer
	tel := setup(t, telemetry.Options{ServiceName: "front", Writer: &logs})
	var got http.Header
	back := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }))
	defer back.Close()
	client := &http.Client{Transport: tel.Transport(nil)}
	front := tel.Middleware(nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		tel.Logger.InfoContext(r.Context(), "asking")
		req, _ := http.NewRequestWithContext(r.Context(), "GET", back.URL, nil)
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		_ = res.Body.Close()
		if len(req.Header) != 0 {
			t.Errorf("the caller's request was changed: %v", req.Header)
		}
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Traceparent", parent)
	r.Header.Set("Baggage", "tenant=7")
	front.ServeHTTP(httptest.NewRecorder(), r)

	if got.Get("Traceparent") != parent || got.Get("Baggage") != "tenant=7" {
		t.Errorf("propagated %v", got)
	}
	var line struct {
		Msg, Service string
		TraceID      string `json:"trace_id"`
	}
	if err := json.Unmarshal(logs.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.TraceID != "0af7651916cd43dd8448eb211c80319c" || line.Service != "front" {
		t.Errorf("logged %s", logs.String())
	}
}

// Baggage that is not valid is ignored. It is a mistake of the client, which no log reports, and no
// failure of an exporter. The library reports only the first one of a process.
func TestInvalidBaggageIsIgnored(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlptest.Start(t).HTTP)
	var logs bytes.Buffer
	tel := setup(t, telemetry.Options{ServiceName: "front", Writer: &logs})
	for _, values := range [][]string{
		{"no member"}, {"tenant=7,no member"}, {"tenant=7", "=8"}, {"a=%zz"}, {"a=\x00"}, {","},
		{"a=" + strings.Repeat("b", 10_000)}, {"a=" + strings.Repeat("b", 5000), "c=" + strings.Repeat("d", 5000)},
		{strings.Repeat("a=1,", 100) + "b"},
	} {
		ctx := tel.Extract(context.Background(), http.Header{"Traceparent": {parent}, "Baggage": values})
		sent := http.Header{}
		if tel.Inject(ctx, sent); sent.Get("Traceparent") != parent || sent.Get("Baggage") != "" {
			t.Errorf("%.50q: propagated %v", values, sent)
		}
	}
	sent := http.Header{}
	tel.Inject(tel.Extract(context.Background(), http.Header{"Baggage": {"tenant=7", "user=%20x;p=1"}}), sent)
	if got := sent.Get("Baggage"); got != "tenant=7,user=%20x;p=1" && got != "user=%20x;p=1,tenant=7" {
		t.Errorf("propagated the valid baggage as %q", got)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if logs.Len() > 0 {
		t.Errorf("logged %s", logs.String())
	}
}

// An exporter is an OTLP endpoint that records the spans it receives.
type exporter struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
	names []string
}

func newExporter(t *testing.T) *exporter {
	e := new(exporter)
	e.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, a := range resource.Resource.Attributes {
				if a.Key == "service.name" {
					e.names = append(e.names, a.Value.GetStringValue())
				}
			}
			for _, scope := range resource.ScopeSpans {
				e.spans = append(e.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(e.Close)
	return e
}

func TestServerSpanIsChildOfClientSpan(t *testing.T) {
	clearEnvironment(t)
	e := newExporter(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", e.URL)
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	back := httptest.NewServer(tel.Middleware(nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	})))
	defer back.Close()
	ctx := tel.Extract(context.Background(), http.Header{"Traceparent": {parent}})
	r, _ := http.NewRequestWithContext(ctx, "GET", back.URL, nil)
	res, err := (&http.Client{Transport: tel.Transport(nil)}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	back.Close()
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}

	if len(e.spans) != 2 {
		t.Fatalf("%d spans: %v", len(e.spans), e.spans)
	}
	kinds := map[tracepb.Span_SpanKind]*tracepb.Span{}
	for _, s := range e.spans {
		kinds[s.Kind] = s
		if s.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("after a 502, span %s has status %v", s.Name, s.Status)
		}
	}
	client, server := kinds[tracepb.Span_SPAN_KIND_CLIENT], kinds[tracepb.Span_SPAN_KIND_SERVER]
	if client == nil || server == nil || !bytes.Equal(server.ParentSpanId, client.SpanId) || !bytes.Equal(server.TraceId, client.TraceId) {
		t.Errorf("server span %v is not a child of client span %v", server, client)
	}
	if len(e.names) == 0 || e.names[0] != "shop" {
		t.Errorf("service.name %v", e.names)
	}
}

func TestEnvironmentControlsTraces(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		on   bool
		err  string
	}{
		{name: "nothing", env: nil, on: false, err: ""},
		{name: "endpoint", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, on: true, err: ""},
		{name: "traces endpoint", env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, on: true, err: ""},
		{name: "disabled", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, on: false, err: ""},
		{name: "none", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, on: false, err: ""},
		{name: "grpc", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, on: true, err: ""},
		{name: "json", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, on: false, err: "OTEL_EXPORTER_OTLP_PROTOCOL=http/json is not supported: use grpc"},
		{name: "zipkin", env: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, on: false, err: "OTEL_TRACES_EXPORTER=zipkin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clearEnvironment(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			tel, err := telemetry.Setup(context.Background(), telemetry.Options{ServiceName: "x", Writer: io.Discard})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tel.Traces() != tt.on {
				t.Errorf("traces %v, want %v", tel.Traces(), tt.on)
			}
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEnvironmentSelectsSampler(t *testing.T) {
	clearEnvironment(t)
	e := newExporter(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", e.URL)
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0")
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	h := tel.Middleware(nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/unsampled", nil))
	r := httptest.NewRequest("GET", "/sampled", nil)
	r.Header.Set("Traceparent", parent)
	h.ServeHTTP(httptest.NewRecorder(), r)
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(e.spans) != 1 {
		t.Errorf("%d spans were sent, want only the one with a sampled parent", len(e.spans))
	}
}

func TestLogLevelAndFormatAreConfigurable(t *testing.T) {
	clearEnvironment(t)
	for _, o := range []telemetry.Options{{LogLevel: "loud"}, {LogFormat: "xml"}} {
		if _, err := telemetry.Setup(context.Background(), o); err == nil || !strings.Contains(err.Error(), ": use ") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	var logs bytes.Buffer
	tel := setup(t, telemetry.Options{Writer: &logs, LogLevel: "warn", LogFormat: "text"})
	tel.Logger.Info("quiet")
	tel.Logger.Warn("heard")
	if s := logs.String(); strings.Contains(s, "quiet") || !strings.Contains(s, "msg=heard") {
		t.Errorf("logged %q", s)
	}
}

func TestRequestWithoutTracesDoesNotAllocate(t *testing.T) {
	clearEnvironment(t)
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	h := tel.Middleware(func(*http.Request) string { return "/graphql" })(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/graphql", nil)
	if n := testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) }); n > 0 {
		t.Errorf("%v allocations per request", n)
	}
}
