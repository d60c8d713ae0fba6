package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/trace"
)

func newLogger(o Options) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if o.LogLevel != "" {
		if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
			return nil, nil, fmt.Errorf("unknown log level %q: use debug, info, warn or error", o.LogLevel)
		}
	}
	var w io.Writer = os.Stderr
	if o.Writer != nil {
		w = o.Writer
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
