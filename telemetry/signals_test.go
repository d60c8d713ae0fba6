package telemetry_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/trace"

	"souk/telemetry"
	"souk/telemetry/otlptest"
)

const parentTrace = "0af7651916cd43dd8448eb211c80319c"

// sampled is a context with the trace of parent.
func sampled(tel *telemetry.Telemetry) context.Context {
	return tel.Extract(context.Background(), http.Header{"Traceparent": {parent}})
}

func TestTracesMetricsAndLogsAreSentByBothProtocols(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			clearEnvironment(t)
			c := otlptest.Start(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", map[string]string{"grpc": c.GRPC, "http/protobuf": c.HTTP}[protocol])
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
			t.Setenv("OTEL_LOGS_EXPORTER", "otlp")
			var local bytes.Buffer
			tel := setup(t, telemetry.Options{ServiceName: "shop", Writer: &local})
			tel.Middleware(nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				tel.Logger.DebugContext(r.Context(), "hidden")
				tel.Logger.With("part", "cart").InfoContext(r.Context(), "sold", "count", 3)
			})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(sampled(tel), "GET", "/", nil))
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			spans, logs := c.Spans(), c.Logs()
			if len(spans) != 1 || hex.EncodeToString(spans[0].TraceId) != parentTrace {
				t.Errorf("received the spans %v", spans)
			}
			if len(logs) != 1 || logs[0].Body.GetStringValue() != "sold" || hex.EncodeToString(logs[0].TraceId) != parentTrace || len(logs[0].Attributes) != 2 {
				t.Errorf("received the logs %v", logs)
			}
			if !strings.Contains(local.String(), `"msg":"sold"`) || !strings.Contains(local.String(), parentTrace) {
				t.Errorf("the local log is %s", local.String())
			}
			duration := c.Metric("http_server_request_duration_seconds")
			if points := duration.GetHistogram().GetDataPoints(); len(points) != 1 || points[0].Count != 1 || len(points[0].Exemplars) != 1 || hex.EncodeToString(points[0].Exemplars[0].TraceId) != parentTrace {
				t.Errorf("received the metric %v", duration)
			}
		})
	}
}

func TestOnlyTracesFollowTheGeneralEndpoint(t *testing.T) {
	clearEnvironment(t)
	c := otlptest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.HTTP)
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	tel.Logger.Info("local")
	_, span := tel.TracerProvider.Tracer("test").Start(context.Background(), "one")
	span.End()
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(c.Spans()) != 1 || len(c.Logs()) != 0 || c.Metric("go_goroutines") != nil {
		t.Errorf("received %d spans, %d logs and the metric %v", len(c.Spans()), len(c.Logs()), c.Metric("go_goroutines"))
	}
}

// With a collector that is away, spans and logs are dropped and counted, and the end of the
// program does not wait for it longer than it is told to.
func TestLossesAreBoundedAndCounted(t *testing.T) {
	clearEnvironment(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", gone.URL)
	t.Setenv("OTEL_LOGS_EXPORTER", "otlp")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
	t.Setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "4")
	t.Setenv("OTEL_BLRP_SCHEDULE_DELAY", "3600000")
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	tracer := tel.TracerProvider.Tracer("test")
	for range 20 {
		_, span := tracer.Start(context.Background(), "lost")
		span.End()
		tel.Logger.Info("lost")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tel.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v", err)
	}
	text := metrics(t, tel)
	// All are lost but what a queue may hold at the end. A full queue is exported at once, so the
	// reason of each loss depends on the scheduler.
	for signal, queue := range map[string]int{"traces": 8, "logs": 4} {
		lost := 0
		for _, m := range regexp.MustCompile(`souk_telemetry_dropped_total\{reason="(?:queue_full|export_failed)",signal="`+signal+`"\} (\d+)`).FindAllStringSubmatch(text, -1) {
			n, _ := strconv.Atoi(m[1])
			lost += n
		}
		if lost < 20-queue || lost > 20 {
			t.Errorf("%s: %d of 20 items are counted as lost, and the queue holds %d", signal, lost, queue)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestFailedExportsAreCounted(t *testing.T) {
	clearEnvironment(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer refusing.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", refusing.URL)
	t.Setenv("OTEL_LOGS_EXPORTER", "otlp")
	var local bytes.Buffer
	tel := setup(t, telemetry.Options{ServiceName: "shop", Writer: &local})
	for range 3 {
		_, span := tel.TracerProvider.Tracer("test").Start(context.Background(), "lost")
		span.End()
		tel.Logger.Info("lost")
	}
	_ = tel.Shutdown(context.Background()) // it may report the failed exports
	text := metrics(t, tel)
	for _, signal := range []string{"traces", "logs"} {
		if want := `souk_telemetry_dropped_total{reason="export_failed",signal="` + signal + `"} 3`; !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s:\n%s", want, text)
		}
	}
	if n := strings.Count(local.String(), "sending telemetry failed"); n != 1 {
		t.Errorf("%d messages about failed exports, want one:\n%s", n, local.String())
	}
}

func TestPropagatorsAreConfigurable(t *testing.T) {
	clearEnvironment(t)
	const b3 = parentTrace + "-b7ad6b7169203331-1"
	t.Setenv("OTEL_PROPAGATORS", "b3, jaeger")
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	for name, value := range map[string]string{"B3": b3, "Uber-Trace-Id": parentTrace + ":b7ad6b7169203331:0:1"} {
		ctx := tel.Extract(context.Background(), http.Header{name: {value}})
		if sc := trace.SpanContextFromContext(ctx); sc.TraceID().String() != parentTrace || !sc.IsSampled() {
			t.Errorf("from %s: %v", name, sc)
		}
		out := http.Header{}
		if tel.Inject(ctx, out); out.Get("B3") != b3 || out.Get("Traceparent") != "" {
			t.Errorf("sent %v", out)
		}
	}
	t.Setenv("OTEL_PROPAGATORS", "pigeon")
	if _, err := telemetry.Setup(context.Background(), telemetry.Options{}); err == nil || !strings.Contains(err.Error(), "OTEL_PROPAGATORS=pigeon") {
		t.Errorf("error %v", err)
	}
}

// OpenMetrics has exemplars, the text format of Prometheus has none. A parser reads both.
func TestExemplarsAreServedToClientsThatAcceptOpenMetrics(t *testing.T) {
	clearEnvironment(t)
	c := otlptest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.HTTP)
	tel := setup(t, telemetry.Options{ServiceName: "shop", Buckets: []float64{60}})
	defer func() { _ = tel.Shutdown(context.Background()) }()
	tel.Middleware(nil)(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(sampled(tel), "GET", "/", nil))
	scrape := func(accept string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest("GET", "/metrics", nil), httptest.NewRecorder()
		r.Header.Set("Accept", accept)
		tel.Handler().ServeHTTP(w, r)
		return w
	}
	open := scrape("application/openmetrics-text;version=1.0.0")
	if got := open.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") {
		t.Errorf("Content-Type %s", got)
	}
	if want := `le="60.0"} 1 # {trace_id="` + parentTrace + `"}`; !strings.Contains(open.Body.String(), want) {
		t.Errorf("no %s in\n%s", want, open.Body)
	}
	if !strings.HasSuffix(open.Body.String(), "# EOF\n") {
		t.Error("OpenMetrics must end with # EOF")
	}
	plain := scrape("text/plain;version=0.0.4")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(plain.Body)
	if err != nil {
		t.Fatal(err)
	}
	buckets := families["http_server_request_duration_seconds"].GetMetric()[0].GetHistogram().GetBucket()
	if len(buckets) != 2 || buckets[0].GetUpperBound() != 60 { // and +Inf
		t.Errorf("buckets %v", buckets)
	}
}

// OTEL_METRICS_EXPORTER=prometheus serves all metrics at a port of its own.
func TestMetricsAreServedAtAPortOfTheirOwn(t *testing.T) {
	clearEnvironment(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", host)
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
	_, err = telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "shop"})
	if err == nil || !strings.Contains(err.Error(), "OTEL_METRICS_EXPORTER=prometheus") || !strings.Contains(err.Error(), "set OTEL_EXPORTER_PROMETHEUS_HOST and") {
		t.Errorf("a port that is in use: got %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	tel := setup(t, telemetry.Options{ServiceName: "shop"})
	tel.Middleware(nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	url := "http://" + net.JoinHostPort(host, port) + "/metrics"
	text := get(t, url)
	for _, want := range []string{"http_server_request_duration_seconds_count{", "go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s:\n%s", want, text)
		}
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if again, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, port)); err != nil {
		t.Errorf("the port is not free after Shutdown: %v", err)
	} else {
		_ = again.Close()
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got status %d, %v", response.StatusCode, err)
	}
	return string(text)
}
