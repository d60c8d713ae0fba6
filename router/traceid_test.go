package router_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// A tracing router exports its spans.
type tracing struct {
	url   string
	spans func() []*tracev1.Span // ends the export
}

// newTracing starts a router whose spans a collector receives.
func newTracing(t *testing.T, subgraph http.HandlerFunc, o router.Options, configure func(*config.Config)) tracing {
	t.Helper()
	var mu sync.Mutex
	var got []*tracev1.Span
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unpacked, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unpacked
		}
		text, err := io.ReadAll(body)
		var request collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(text, &request) != nil {
			t.Error("no export request", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				got = append(got, scope.Spans...)
			}
		}
	}))
	t.Cleanup(receiver.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(subgraph)
	t.Cleanup(upstream.Close)
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {upstream.URL}}
	configure(&c)
	o.Supergraph, o.Telemetry = smallSDL, tel
	r, err := router.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	return tracing{url: server.URL, spans: func() []*tracev1.Span {
		server.Close()
		if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return got
	}}
}

// Every response names the trace that is exported, and pages may read it.
func TestResponsesHaveTheIDOfTheirTrace(t *testing.T) {
	at := newTracing(t, hello, router.Options{Routes: smallRoutes}, func(c *config.Config) {
		c.Telemetry.TraceIDHeader.Name = "x-trace-id"
		c.CORS.AllowOrigins = []string{"https://shop.example"}
	})
	ids := map[string]bool{}
	for _, request := range [][]string{
		{"POST", "/graphql", `{"query":"{ hello }"}`}, {"POST", "/graphql", `{"query":"{"}`}, {"GET", "/api/hello", ""}, {"GET", "/nowhere", ""},
	} {
		response, body := ask(t, request[0], at.url+request[1], request[2], posts, "Origin: https://shop.example")
		id := response.Header.Get("X-Trace-Id")
		if len(id) != 32 || ids[id] {
			t.Errorf("%s %s: the ID is %q\n%s", request[0], request[1], id, body)
		}
		if exposed := strings.Join(response.Header.Values("Access-Control-Expose-Headers"), ","); request[1] == "/graphql" && !strings.Contains(strings.ToLower(exposed), "x-trace-id") {
			t.Errorf("exposed %s", exposed)
		}
		ids[id] = true
	}
	for _, span := range at.spans() {
		if span.Kind == tracev1.Span_SPAN_KIND_SERVER {
			delete(ids, hex.EncodeToString(span.TraceId))
		}
	}
	if len(ids) > 0 {
		t.Errorf("no spans of the traces %v", ids)
	}
}

// The ID has several forms.
func TestTraceIDsHaveFormats(t *testing.T) {
	const parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for format, want := range map[string]string{
		"hexadecimal":   "0af7651916cd43dd8448eb211c80319c",
		"uuid":          "0af76519-16cd-43dd-8448-eb211c80319c",
		"decimal":       "14576827793038113322513871894673895836",
		"datadog":       "9532127138774266268",
		"traceresponse": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	} {
		at := serveRouter(t, smallSDL, nil, hello, func(c *config.Config) {
			c.Telemetry.TraceIDHeader = config.TraceIDHeader{Name: "Traceresponse", Format: format}
		})
		response, _ := ask(t, "POST", at+"/graphql", `{"query":"{ hello }"}`, posts, parent)
		if got := response.Header.Get("Traceresponse"); got != want {
			t.Errorf("%s: got %s, want %s", format, got, want)
		}
		if response, _ = ask(t, "POST", at+"/graphql", `{"query":"{ hello }"}`, posts); len(response.Header["Traceresponse"]) > 0 {
			t.Error("a request without a trace has an ID")
		}
	}
}
