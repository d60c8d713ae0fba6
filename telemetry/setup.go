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

// Options say who reports, and how logs look.
type Options struct {
	// ServiceName is the resource attribute service.name, unless the
	// environment has OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES.
	ServiceName    string
	ServiceVersion string
	// LogLevel is debug, info (the default), warn or error.
	LogLevel string
	// LogFormat is json (the default) or text.
	LogFormat string
	// Writer is where logs go: standard error if nil.
	Writer io.Writer
}

// Telemetry is what a service reports by.
type Telemetry struct {
	// Logger writes records with the trace_id and span_id of their context.
	Logger *slog.Logger
	// Level is the lowest level that Logger writes; it may be changed at any time.
	Level *slog.LevelVar
	// TracerProvider does nothing when traces are off.
	TracerProvider trace.TracerProvider
	// Propagator is W3C Trace Context and Baggage.
	Propagator propagation.TextMapPropagator
	// Registry holds the service's metrics.
	Registry *prometheus.Registry

	traces   bool
	tracer   trace.Tracer
	server   *serverMetrics
	client   *clientMetrics
	shutdown func(context.Context) error
}

// tracerName is the instrumentation scope of spans made here.
const tracerName = "souk/telemetry"

// Setup makes a Telemetry. Traces go to the OTLP endpoint (http/protobuf) of
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and are off
// without one, with OTEL_TRACES_EXPORTER=none, or with OTEL_SDK_DISABLED=true;
// OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_RESOURCE_ATTRIBUTES and
// OTEL_BSP_* mean what the OpenTelemetry specification says. Shutdown must be
// called at the end, so that no span is lost.
func Setup(ctx context.Context, o Options) (*Telemetry, error) {
	logger, level, err := newLogger(o)
	if err != nil {
		return nil, err
	}
	provider, shutdown, err := newTracerProvider(ctx, o, logger, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
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

// Traces says whether spans are recorded at all.
func (t *Telemetry) Traces() bool { return t.traces }

// Handler serves the metrics in Prometheus' text format or as OpenMetrics.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Shutdown sends what has not been sent yet, as long as ctx allows.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t.shutdown == nil {
		return nil
	}
	if err := t.shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
