// Package otlptest is an OTLP collector for tests, by gRPC and by HTTP.
//
// collector.go is all of it.
package otlptest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// A Collector keeps what it receives.
type Collector struct {
	// HTTP and GRPC are the values of OTEL_EXPORTER_OTLP_ENDPOINT for the two protocols.
	HTTP, GRPC string

	mu      sync.Mutex
	spans   []*trace.Span
	metrics map[string]*metrics.Metric
	logs    []*logs.LogRecord
}

// Start starts a collector, which ends with the test.
func Start(t *testing.T) *Collector {
	t.Helper()
	c := &Collector{metrics: map[string]*metrics.Metric{}}
	over := httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(over.Close)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, traceService{c: c})
	collectormetrics.RegisterMetricsServiceServer(server, metricsService{c: c})
	collectorlogs.RegisterLogsServiceServer(server, logsService{c: c})
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Errorf("the collector failed: %v", err)
		}
	})
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	c.HTTP, c.GRPC = over.URL, "http://"+listener.Addr().String()
	return c
}

// Spans returns the spans received.
func (c *Collector) Spans() []*trace.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*trace.Span(nil), c.spans...)
}

// Metric returns the latest state of a metric, or nil.
func (c *Collector) Metric(name string) *metrics.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metrics[name]
}

// Logs returns the log records received.
func (c *Collector) Logs() []*logs.LogRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*logs.LogRecord(nil), c.logs...)
}

// serve is OTLP over HTTP.
func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var request proto.Message
	receive := map[string]func(){
		"/v1/traces": func() {
			m := new(collectortrace.ExportTraceServiceRequest)
			request, err = m, proto.Unmarshal(body, m)
			c.addSpans(m)
		},
		"/v1/metrics": func() {
			m := new(collectormetrics.ExportMetricsServiceRequest)
			request, err = m, proto.Unmarshal(body, m)
			c.addMetrics(m)
		},
		"/v1/logs": func() {
			m := new(collectorlogs.ExportLogsServiceRequest)
			request, err = m, proto.Unmarshal(body, m)
			c.addLogs(m)
		},
	}[r.URL.Path]
	if receive == nil {
		http.NotFound(w, r)
		return
	}
	if receive(); err != nil || request == nil {
		http.Error(w, "the body is not OTLP", http.StatusBadRequest)
	}
}

type (
	traceService struct {
		collectortrace.UnimplementedTraceServiceServer
		c *Collector
	}
	metricsService struct {
		collectormetrics.UnimplementedMetricsServiceServer
		c *Collector
	}
	logsService struct {
		collectorlogs.UnimplementedLogsServiceServer
		c *Collector
	}
)

// Export implements collectortrace.TraceServiceServer.
func (s traceService) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	s.c.addSpans(r)
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

// Export implements collectormetrics.MetricsServiceServer.
func (s metricsService) Export(_ context.Context, r *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	s.c.addMetrics(r)
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// Export implements collectorlogs.LogsServiceServer.
func (s logsService) Export(_ context.Context, r *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	s.c.addLogs(r)
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

func (c *Collector) addSpans(r *collectortrace.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

func (c *Collector) addMetrics(r *collectormetrics.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			for _, m := range scope.Metrics {
				c.metrics[m.Name] = m
			}
		}
	}
}

func (c *Collector) addLogs(r *collectorlogs.ExportLogsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			c.logs = append(c.logs, scope.LogRecords...)
		}
	}
}
