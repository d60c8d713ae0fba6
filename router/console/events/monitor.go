package events

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// interval is the time between two reports.
	interval = 5 * time.Second
	// reportTimeout bounds a report, and a retry.
	reportTimeout = 4 * time.Second
	// maxSamples bounds the history: an hour.
	maxSamples = int(time.Hour / interval)
)

// A Monitor polls a source. Requests to the console are answered from its last report, so
// they put no load on the services.
type Monitor struct {
	source Source
	now    func() time.Time
	logger *slog.Logger
	wake   chan struct{} // asks Run for a report at once

	mu       sync.Mutex
	last     Report
	reported bool      // there is a last report
	failure  error     // of the last report
	read     time.Time // when the last report was made; zero before the first
	history  []sample  // oldest first
}

// A sample is a point of the history.
type sample struct {
	time    time.Time
	known   bool    // whether every service reported
	lag     float64 // age in seconds of the oldest event that is not published
	pending int     // in all outboxes
	dead    int
}

// NewMonitor returns a monitor of a source. now is the clock, such as time.Now.
func NewMonitor(s Source, now func() time.Time, logger *slog.Logger) *Monitor {
	return &Monitor{source: s, now: now, logger: logger, wake: make(chan struct{}, 1)}
}

// Run polls the source until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		m.Poll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.wake:
		}
	}
}

// Poll asks the source for a report.
func (m *Monitor) Poll(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	report, err := m.source.Report(limited)
	if ctx.Err() != nil {
		return // the monitor ends
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && m.failure == nil {
		m.logger.WarnContext(ctx, "the console has no report about events", "error", err)
	}
	m.failure, m.read = err, m.now()
	if err == nil {
		report.Dead = slices.Clone(report.Dead)
		report.remember(m.last.Dead)
		m.last, m.reported = report, true
	}
	m.record(err == nil)
}

// record adds a sample. A retry causes an extra report, which does not extend the history
// beyond maxSamples.
func (m *Monitor) record(known bool) {
	s := sample{time: m.read, known: known}
	for _, o := range m.last.Outbox {
		s.known = s.known && o.Error == nil
		s.lag = max(s.lag, o.OldestAge)
		s.pending += o.Pending
	}
	s.dead = len(m.last.Dead)
	if len(m.history) >= maxSamples {
		m.history = slices.Delete(m.history, 0, 1)
	}
	m.history = append(m.history, s)
}

// retry publishes a dead letter again and removes it from the last report.
func (m *Monitor) retry(ctx context.Context, service, id string) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if err := m.source.Retry(ctx, service, id); err != nil {
		return err
	}
	m.mu.Lock()
	m.last.Dead = slices.DeleteFunc(slices.Clone(m.last.Dead), func(d DeadLetter) bool { return d.Service == service && d.ID == id })
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default: // a report is due anyway
	}
	return nil
}
