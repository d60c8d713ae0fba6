package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
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
}

// Telemetry has the logger, tracer and metrics of a service.
type Telemetry struct {
	// Logger writes records with the trace_id and span_id of their context.
	Logger *slog.Logger
	// Level is the minimum level of Logger. It can be changed at any time.
	Level *slog.LevelVar
	// TracerProvider is a no-op if traces are off.
	TracerProvider trace.TracerProvider
	// Propagator propagates W3C Trace Context and Baggage.
	Propagator propagation.TextMapPropagator
	// Registry holds the service's metrics.
	Registry *prometheus.Registry

	traces   bool
	tracer   trace.Tracer
	server   *serverMetrics
	client   *clientMetrics
	shutdown func(context.Context) error
}

// tracerName is the instrumentation scope of the spans of this package.
const tracerName = "souk/telemetry"

// Setup returns the telemetry of a service. Traces are sent to the OTLP endpoint
// (http/protobuf) in OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
// They are off without an endpoint, with OTEL_TRACES_EXPORTER=none and with
// OTEL_SDK_DISABLED=true. OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
// OTEL_RESOURCE_ATTRIBUTES and OTEL_BSP_* have the meaning of the OpenTelemetry
// specification. Call Shutdown before exiting, so that no spans are lost.
func Setup(ctx context.Context, o Options) (*Telemetry, error) {
	logger, level, err := newLogger(o)
	if err != nil {
		return nil, err
	}
	provider, shutdown, err := newTracerProvider(ctx, o, logger, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	t := &Telemetry{
		Logger:         logger,
		Level:          level,
		TracerProvider: provider,
		Propagator:     propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		Registry:       registry,
		traces:         shutdown != nil,
		tracer:         provider.Tracer(tracerName),
		server:         newServerMetrics(registry),
		client:         newClientMetrics(registry),
		shutdown:       shutdown,
	}
	return t, nil
}

// Traces reports whether spans are recorded.
func (t *Telemetry) Traces() bool { return t.traces }

// Handler serves the metrics in the Prometheus text format or as OpenMetrics.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Shutdown sends the remaining spans, until ctx is done.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t.shutdown == nil {
		return nil
	}
	if err := t.shutdown(ctx); err != nil {
		return fmt.Errorf("sending the remaining traces: %w", err)
	}
	return nil
}
