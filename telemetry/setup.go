package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"souk/internal/lines"
)

// Options configure Setup.
type Options struct {
	// ServiceName is the resource attribute service.name. OTEL_SERVICE_NAME and
	// OTEL_RESOURCE_ATTRIBUTES take precedence.
	ServiceName    string
	ServiceVersion string
	// LogLevel is debug, info (the default), warn or error.
	LogLevel string
	// LogFormat is json (the default) or text.
	LogFormat string
	// Writer receives the logs: standard error if nil.
	Writer io.Writer
	// WithoutTraces turns traces off, whatever the environment says.
	WithoutTraces bool
	// Buckets are the upper bounds of the histograms of request durations, in seconds:
	// DurationBuckets if empty.
	Buckets []float64
}

// Telemetry has the logger, tracer and metrics of a service.
type Telemetry struct {
	// Logger writes records with the trace_id and span_id of their context. It exports them,
	// too, if the environment turns logs on.
	Logger *slog.Logger
	// Level is the minimum level of Logger. It can be changed at any time.
	Level *slog.LevelVar
	// TracerProvider is a no-op if traces are off.
	TracerProvider trace.TracerProvider
	// Propagator propagates W3C Trace Context and Baggage, or what OTEL_PROPAGATORS says.
	Propagator propagation.TextMapPropagator
	// Registry holds the service's metrics.
	Registry *prometheus.Registry

	output *lines.Writer // of Logger
	others *otherMetrics
	// carriers are the headers that may carry a trace context, in canonical form.
	carriers []string
	tracer   trace.Tracer
	server   *serverMetrics
	client   *clientMetrics
	signals  signals
}

// scopeName is the instrumentation scope of the spans and logs of this package.
const scopeName = "souk/telemetry"

// Setup returns the telemetry of a service. The standard variables of OpenTelemetry say what
// is exported, where and how: OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and
// OTEL_LOGS_EXPORTER turn signals on (otlp, console, for metrics also prometheus) and off (none). If they are not set, an
// endpoint turns traces on, and the endpoint of metrics or logs those. OTEL_SDK_DISABLED=true
// turns all off. docs/environment.md lists the others.
//
// What waits for its export is bounded, and what does not fit is dropped and counted. Call
// Shutdown before exiting, so that the last of it is sent.
func Setup(ctx context.Context, o Options) (*Telemetry, error) {
	registry := prometheus.NewRegistry()
	output := newOutput(o, logDropped.NewCounter(registry).WithLabelValues())
	logger, level, err := newLogger(o, output)
	if err != nil {
		return nil, err
	}
	propagator, carriers, err := newPropagator(os.Getenv)
	if err != nil {
		return nil, err
	}
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	t := &Telemetry{
		Level:      level,
		Propagator: propagator,
		Registry:   registry,
		output:     output,
		others:     &otherMetrics{},
		carriers:   carriers,
		server:     newServerMetrics(registry, o.Buckets),
		client:     newClientMetrics(registry, o.Buckets),
	}
	if err := t.signals.setUp(ctx, o, logger, t, os.Getenv); err != nil {
		return nil, errors.Join(fmt.Errorf("setting up the export of telemetry: %w", err), t.signals.shutdown(ctx))
	}
	t.Logger = t.signals.logger(logger, level)
	t.TracerProvider = t.signals.tracer(noop.NewTracerProvider())
	t.tracer = t.TracerProvider.Tracer(scopeName)
	return t, nil
}

// Traces reports whether spans are recorded.
func (t *Telemetry) Traces() bool { return t.signals.traces != nil }

// Handler serves the metrics in the Prometheus text format, or as OpenMetrics, which has
// exemplars, to clients that accept it.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// ExportLog exports a log record with a body, if the environment turns logs on. It is not in
// the local log.
func (t *Telemetry) ExportLog(ctx context.Context, event, body string) {
	if t.signals.logs == nil {
		return
	}
	var r log.Record
	r.SetEventName(event)
	r.SetTimestamp(time.Now())
	r.SetSeverity(log.SeverityInfo)
	r.SetBody(attribute.StringValue(body))
	t.signals.logs.Logger(scopeName).Emit(ctx, r)
}

// Shutdown sends the spans, metrics and logs that remain, and writes the last lines of the local
// log, until ctx is done.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	return errors.Join(t.signals.shutdown(ctx), t.output.Flush(ctx))
}
