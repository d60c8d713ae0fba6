package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// signals are the providers that the environment turns on. Those that are off are nil. They are
// interfaces, because packages that use Telemetry would compile a part of the SDK each: it takes a
// second of CPU for each of them.
type signals struct {
	traces interface {
		trace.TracerProvider
		ender
	}
	metrics ender
	logs    interface {
		log.LoggerProvider
		ender
	}
}

// An ender sends what remains of a signal.
type ender interface{ Shutdown(context.Context) error }

// A signal is one of traces, metrics and logs, with the variables that turn it on.
type signal struct {
	name, exporter, endpoint, protocol string
	// general is set if OTEL_EXPORTER_OTLP_ENDPOINT turns the signal on.
	general bool
}

var (
	traceSignal  = signal{"traces", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", true}
	metricSignal = signal{"metrics", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", false}
	logSignal    = signal{"logs", "OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", false}
)

// wanted reports whether the environment turns the signal on.
func (s signal) wanted(getenv func(string) string) bool {
	switch getenv(s.exporter) {
	case "":
		return getenv(s.endpoint) != "" || s.general && getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != ""
	case "none":
		return false
	}
	return true
}

// failed adds the variables that select the exporter to an error.
func (s signal) failed(err error, getenv func(string) string) error {
	for _, name := range []string{s.protocol, "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch protocol := getenv(name); protocol {
		case "":
			continue
		case "grpc", "http/protobuf":
		default:
			return fmt.Errorf("%s=%s is not supported: use grpc (usually port 4317) or http/protobuf (usually port 4318)", name, protocol)
		}
		break
	}
	if exporter := getenv(s.exporter); exporter != "" {
		return fmt.Errorf("creating the exporter of %s that %s=%s selects: %w", s.name, s.exporter, exporter, err)
	}
	return fmt.Errorf("creating the exporter of %s: %w", s.name, err)
}

// setUp creates the providers of the signals that are on.
func (s *signals) setUp(ctx context.Context, o Options, logger *slog.Logger, t *Telemetry, getenv func(string) string) error {
	if getenv("OTEL_SDK_DISABLED") == "true" {
		return nil
	}
	traces := traceSignal.wanted(getenv) && !o.WithoutTraces
	metrics, logs := metricSignal.wanted(getenv), logSignal.wanted(getenv)
	if !traces && !metrics && !logs {
		return nil
	}
	res, err := newResource(ctx, o)
	if err != nil {
		return err
	}
	// The SDK reports errors in the background only to this global handler. Its messages are
	// not exported: with a collector that is away, each would cause another.
	limit := &rate{every: failureInterval, now: time.Now}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if ok, skipped := limit.allow(); ok {
			logger.Warn("sending telemetry failed", "error", err, "skipped", skipped)
		}
	}))
	lost := newLosses(t.Registry)
	if traces {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return traceSignal.failed(err, getenv)
		}
		gate := lost.gate("traces", queueSize(getenv, "OTEL_BSP_MAX_QUEUE_SIZE"))
		batches := sdktrace.NewBatchSpanProcessor(&countedSpans{textSpanExporter{exporter}, gate}, sdktrace.WithMaxQueueSize(int(gate.size)))
		s.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithSpanProcessor(&boundedSpans{batches, gate}))
	}
	switch {
	case metrics && getenv(metricSignal.exporter) == "prometheus":
		server, err := servePrometheus(ctx, t.Handler(), logger, getenv)
		if err != nil {
			return metricSignal.failed(err, getenv)
		}
		s.metrics = server
	case metrics:
		reader, err := newMetricReader(ctx, t)
		if err != nil {
			return metricSignal.failed(err, getenv)
		}
		s.metrics = metric.NewMeterProvider(metric.WithResource(res), metric.WithReader(reader))
	}
	if logs {
		exporter, err := autoexport.NewLogExporter(ctx)
		if err != nil {
			return logSignal.failed(err, getenv)
		}
		gate := lost.gate("logs", queueSize(getenv, "OTEL_BLRP_MAX_QUEUE_SIZE"))
		batches := sdklog.NewBatchProcessor(&countedLogs{textLogExporter{exporter}, gate}, sdklog.WithMaxQueueSize(int(gate.size)))
		s.logs = sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(&boundedLogs{batches, gate}))
	}
	return nil
}

// failureInterval bounds the messages about exports that fail, to one in this time.
const failureInterval = 10 * time.Second

func newResource(ctx context.Context, o Options) (*resource.Resource, error) {
	// Later detectors take precedence: the environment overrides the program.
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName(o.ServiceName), semconv.ServiceVersion(o.ServiceVersion)),
		resource.WithFromEnv(),
	)
	// A partial resource is good enough.
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("detecting the resource attributes: %w", err)
	}
	if !areValid(res.Attributes()) {
		res = resource.NewWithAttributes(res.SchemaURL(), validAttributes(res.Attributes())...)
	}
	return res, nil
}

// readers serializes newMetricReader: autoexport keeps the producer for its next reader in a
// variable of the package.
var readers sync.Mutex

// newMetricReader returns a reader that sends metrics.
func newMetricReader(ctx context.Context, from prometheus.Gatherer) (metric.Reader, error) {
	readers.Lock()
	defer readers.Unlock()
	autoexport.WithFallbackMetricProducer(func(context.Context) (metric.Producer, error) {
		return binaryExemplars{prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(from))}, nil
	})
	return autoexport.NewMetricReader(ctx)
}

// queueSize returns the number of items that a batch processor keeps.
func queueSize(getenv func(string) string, name string) int64 {
	if n, err := strconv.ParseInt(getenv(name), 10, 32); err == nil && n > 0 {
		return n
	}
	return 2048 // the default of the OpenTelemetry specification
}

// tracer returns the provider of traces, which does nothing if they are off.
func (s *signals) tracer(off trace.TracerProvider) trace.TracerProvider {
	if s.traces == nil {
		return off
	}
	return s.traces
}

// logger returns a logger that writes to another one, and exports what it writes if logs are on.
func (s *signals) logger(to *slog.Logger, level slog.Leveler) *slog.Logger {
	if s.logs == nil {
		return to
	}
	exported := otelslog.NewHandler(scopeName, otelslog.WithLoggerProvider(s.logs))
	return slog.New(slog.NewMultiHandler(to.Handler(), &leveledHandler{exported, level}))
}

// heedWithin is how long an exporter may take to notice that it has no more time.
const heedWithin = time.Second

// shutdown sends what remains of all signals, at the same time, until ctx is done.
func (s *signals) shutdown(ctx context.Context) error {
	var ends []func() error
	add := func(name string, end func(context.Context) error) {
		ends = append(ends, func() error {
			if err := end(ctx); err != nil {
				return fmt.Errorf("sending the remaining %s: %w", name, err)
			}
			return nil
		})
	}
	if s.traces != nil {
		add("traces", s.traces.Shutdown)
	}
	if s.metrics != nil {
		add("metrics", s.metrics.Shutdown)
	}
	if s.logs != nil {
		add("logs", s.logs.Shutdown)
	}
	// Exporters heed ctx, but for those that write to a standard output that hangs.
	ended := make(chan error, len(ends))
	for _, end := range ends {
		go func() { ended <- end() }()
	}
	hangs, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(heedWithin, cancel) })()
	var errs []error
	for range ends {
		select {
		case err := <-ended:
			errs = append(errs, err)
		case <-hangs.Done():
			return errors.Join(append(errs, fmt.Errorf("sending the remaining telemetry: %w", ctx.Err()))...)
		}
	}
	return errors.Join(errs...)
}
