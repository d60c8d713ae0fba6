package telemetry

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	base "souk/telemetry"
)

// A ToolResult is the result of a call of a tool by an agent.
type ToolResult string

// The results of calls: data, data with errors, and no data.
const (
	ToolOK      ToolResult = "ok"
	ToolPartial ToolResult = "partial"
	ToolFailed  ToolResult = "failed"
)

// maxTools bounds the time series of calls.
const maxTools = 200

// tools are the metrics of the endpoint for agents.
type tools struct {
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec

	mu    sync.RWMutex
	known map[string]bool
}

func newTools(r prometheus.Registerer) *tools {
	return &tools{calls: mcpCalls.NewCounter(r), durations: mcpDuration.NewHistogram(r), known: map[string]bool{}}
}

// SetTools sets which tools have time series of their own: the first maxTools by name. Their time
// series exist from then on, and those of others no longer.
func (m *Metrics) SetTools(names []string) {
	t := m.tools
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(names)
	names = names[:min(len(names), maxTools)]
	for name := range t.known {
		if !slices.Contains(names, name) {
			delete(t.known, name)
			t.calls.DeletePartialMatch(prometheus.Labels{"tool": name})
		}
	}
	for _, name := range names {
		t.known[name] = true
	}
	for _, result := range []ToolResult{ToolOK, ToolPartial, ToolFailed} {
		t.durations.WithLabelValues(string(result))
		for _, name := range append(names, other) {
			t.calls.WithLabelValues(name, string(result))
		}
	}
}

// ToolCalled counts a call of a tool, whose name a client has chosen.
func (m *Metrics) ToolCalled(name string, result ToolResult, took time.Duration) {
	t := m.tools
	t.durations.WithLabelValues(string(result)).Observe(took.Seconds())
	t.mu.RLock() // until it is counted: a time series that is removed must not come back
	defer t.mu.RUnlock()
	if !t.known[name] {
		name = other
	}
	t.calls.WithLabelValues(name, string(result)).Inc()
}

var (
	mcpCalls = base.Metric{
		Name: "souk_router_mcp_calls_total", Kind: base.Counter,
		Help:   "Calls of tools by agents (mcp), by tool and result: ok, partial (data with errors) or failed (no data). The first 200 tools by name have time series of their own. Others, and tools that do not exist, are counted as _other.",
		Labels: []string{"tool", "result"},
	}
	mcpDuration = base.Metric{
		Name: "souk_router_mcp_call_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of a call of a tool by an agent (mcp), by result: ok, partial or failed.",
		Labels: []string{"result"},
	}
)
