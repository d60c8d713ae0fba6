package router_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/telemetry"
)

// BeginStage records the stages in the order in which they end.
func (r *recorder) BeginStage(ctx context.Context, s hook.Stage) (context.Context, func(error)) {
	return ctx, func(err error) {
		name := string(s.Name)
		if s.Subgraph != "" {
			name += "(" + s.Subgraph + ")"
		}
		if err != nil {
			name += "!"
		}
		r.add(name)
	}
}

func TestObserverSeesEveryStage(t *testing.T) {
	var r recorder
	h := newHooked(t, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"hello"}, Shared: true}}
	}, router.Extensions{Observer: &r})
	for _, c := range []struct{ name, query, want string }{
		{name: "cold", query: "{ hello }", want: "graphql.parse graphql.validate graphql.normalize graphql.plan graphql.cache.lookup(a) graphql.subgraph.operation(a) graphql.project graphql.execute"},
		{name: "cached", query: "{ hello }", want: "graphql.cache.lookup(a) graphql.project graphql.execute"},
		{name: "syntax error", query: "{", want: "graphql.parse!"},
		{name: "validation error", query: "{ none }", want: "graphql.parse graphql.validate!"},
	} {
		h.do(t, "POST", "/graphql", `{"query":"`+c.query+`"}`)
		if got := r.take(); got != c.want {
			t.Errorf("%s: got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// With traces enabled, each stage has a span with its name.
func TestStagesHaveSpans(t *testing.T) {
	var (
		mu    sync.Mutex
		names []string
	)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Error(err)
				return
			}
		}
		text, err := io.ReadAll(body)
		var request v1.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(text, &request) != nil {
			t.Error("no export request", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					names = append(names, span.Name)
				}
			}
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data":{"hello":"x"}}`)
	}))
	defer subgraph.Close()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	request := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
	request.Header.Set("Content-Type", "application/json")
	r.Handler().ServeHTTP(httptest.NewRecorder(), request)
	if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(names)
	want := []string{"POST /graphql", "graphql.execute", "graphql.normalize", "graphql.parse", "graphql.plan", "graphql.project", "graphql.subgraph.operation", "graphql.validate"}
	if !slices.Equal(names, want) {
		t.Errorf("got spans %q, want %q", names, want)
	}
}
