package telemetry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// losses counts what is not exported.
type losses struct{ dropped *prometheus.CounterVec }

func newLosses(r prometheus.Registerer) losses { return losses{exportDropped.NewCounter(r)} }

// A gate bounds the items of one signal that wait for their export, and counts those that are
// lost. The batch processors of the SDK have the same bound, but do not tell what they drop.
type gate struct {
	size          int64
	waiting       atomic.Int64
	full, refused prometheus.Counter
}

func (l losses) gate(signal string, size int64) *gate {
	return &gate{size: size, full: l.dropped.WithLabelValues(signal, "queue_full"), refused: l.dropped.WithLabelValues(signal, "export_failed")}
}

// enter reports whether there is room for one more item.
func (g *gate) enter() bool {
	if g.waiting.Add(1) <= g.size {
		return true
	}
	g.waiting.Add(-1)
	g.full.Inc()
	return false
}

// leave removes items that were exported, or not because of err.
func (g *gate) leave(n int, err error) {
	g.waiting.Add(-int64(n))
	if err != nil {
		g.refused.Add(float64(n))
	}
}

// boundedSpans is a span processor behind a gate.
type boundedSpans struct {
	sdktrace.SpanProcessor
	gate *gate
}

// OnEnd implements sdktrace.SpanProcessor.
func (b *boundedSpans) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() && b.gate.enter() {
		b.SpanProcessor.OnEnd(s)
	}
}

// countedSpans is a span exporter that tells a gate what it has exported.
type countedSpans struct {
	sdktrace.SpanExporter
	gate *gate
}

// ExportSpans implements sdktrace.SpanExporter.
func (c *countedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.gate.leave(len(spans), err)
	return err
}

// boundedLogs is a log processor behind a gate.
type boundedLogs struct {
	sdklog.Processor
	gate *gate
}

// OnEmit implements sdklog.Processor.
func (b *boundedLogs) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if !b.gate.enter() {
		return nil
	}
	return b.Processor.OnEmit(ctx, r)
}

// countedLogs is a log exporter that tells a gate what it has exported.
type countedLogs struct {
	sdklog.Exporter
	gate *gate
}

// Export implements sdklog.Exporter.
func (c *countedLogs) Export(ctx context.Context, records []sdklog.Record) error {
	err := c.Exporter.Export(ctx, records)
	c.gate.leave(len(records), err)
	return err
}

// A rate allows one event in an interval and counts the others.
type rate struct {
	every time.Duration
	now   func() time.Time

	mu      sync.Mutex
	next    time.Time
	skipped int
}

// allow reports whether an event is allowed, and how many were not since the last one.
func (r *rate) allow() (ok bool, skipped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Before(r.next) {
		r.skipped++
		return false, 0
	}
	skipped, r.skipped, r.next = r.skipped, 0, now.Add(r.every)
	return true, skipped
}
