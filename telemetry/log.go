package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"souk/internal/lines"
)

// logWait is how long a call that logs waits for the output of the log. If that hangs longer,
// lines wait in a buffer until it goes on, and those that do not fit are dropped.
const logWait = 2 * time.Second

// newOutput returns the output of the log, which nothing waits for without a bound.
func newOutput(o Options, dropped prometheus.Counter) *lines.Writer {
	var to io.Writer = os.Stderr
	if o.Writer != nil {
		to = o.Writer
	}
	return lines.New(lines.Options{To: to, Dropped: dropped.Inc, Wait: logWait})
}

func newLogger(o Options, w io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if o.LogLevel != "" {
		if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
			return nil, nil, fmt.Errorf("unknown log level %q: use debug, info, warn or error", o.LogLevel)
		}
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	switch o.LogFormat {
	case "", "json":
		handler = slog.NewJSONHandler(w, options)
	case "text":
		handler = slog.NewTextHandler(w, options)
	default:
		return nil, nil, fmt.Errorf("unknown log format %q: use json or text", o.LogFormat)
	}
	logger := slog.New(&traceHandler{handler})
	if o.ServiceName != "" {
		logger = logger.With("service", o.ServiceName)
	}
	return logger, level, nil
}

// traceHandler adds the trace and span IDs of the context to records.
type traceHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h *traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &traceHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *traceHandler) WithGroup(name string) slog.Handler {
	return &traceHandler{h.Handler.WithGroup(name)}
}

// leveledHandler passes on records of a level and above.
type leveledHandler struct {
	slog.Handler
	level slog.Leveler
}

// Enabled implements slog.Handler.
func (h *leveledHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level.Level() && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *leveledHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &leveledHandler{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup implements slog.Handler.
func (h *leveledHandler) WithGroup(name string) slog.Handler {
	return &leveledHandler{h.Handler.WithGroup(name), h.level}
}
