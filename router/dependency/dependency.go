package dependency

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"souk/router/telemetry"
)

const (
	// repeat is the minimum time between two log lines about a lasting failure.
	repeat = time.Minute
	// pause is the minimum time between two log lines about failures that are
	// separated by a success. It keeps a dependency that fails intermittently
	// from filling the log.
	pause = 10 * time.Second
)

// A State is the result of the last use of a dependency.
type State int32

// The states of a dependency.
const (
	Unknown State = iota // not used yet
	Up
	Down
)

// String returns UNKNOWN, UP or DOWN.
func (s State) String() string { return [...]string{"UNKNOWN", "UP", "DOWN"}[s] }

// A Dependency is an external system or file that the router needs. It is safe for
// concurrent use. All methods of a nil Dependency do nothing.
type Dependency struct {
	set     *Set
	id      id
	use     Use
	metrics *telemetry.Dependency
	users   int // guarded by set.mu

	state atomic.Int32 // a State; changed with mu held

	mu     sync.Mutex
	since  time.Time // start of the current state
	failed time.Time // time of the last failure
	// problem is the last failure, without secrets. It is empty if the last use succeeded.
	problem string
	// failures counts the failures since the last success, and unlogged those
	// since the last log line.
	failures, unlogged int
	// logged is the time of the last log line about a failure. told reports
	// whether there was one since the last success.
	logged time.Time
	told   bool
	closed bool
}

// Observe reports the result of a use: a success if err is nil, else a failure.
func (d *Dependency) Observe(ctx context.Context, err error) {
	if err == nil {
		d.Succeeded(ctx)
	} else {
		d.Failed(ctx, err)
	}
}

// Succeeded reports a successful use. If the dependency is up, this costs one
// atomic load.
func (d *Dependency) Succeeded(ctx context.Context) {
	if d == nil || State(d.state.Load()) == Up {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if State(d.state.Load()) == Up {
		return
	}
	now := d.set.options.Now()
	if d.failures > 0 && now.Sub(d.failed) < d.use.Settle {
		return
	}
	if d.told {
		d.set.options.Logger.InfoContext(ctx, "dependency recovered", d.label(), "failures", d.failures, "down_for", now.Sub(d.since).Round(time.Millisecond).String())
	}
	d.failures, d.unlogged, d.told, d.problem = 0, 0, false, ""
	d.become(Up, now)
}

// Failed reports a failed use. It logs the failure unless one was logged recently.
// It ignores [context.Canceled], which means that the caller gave up.
func (d *Dependency) Failed(ctx context.Context, err error) { d.fail(ctx, err, true) }

// Record is like Failed but does not log. It is for callers that log the failure
// themselves.
func (d *Dependency) Record(err error) { d.fail(context.Background(), err, false) }

func (d *Dependency) fail(ctx context.Context, err error, log bool) {
	if d == nil || err == nil || errors.Is(err, context.Canceled) {
		return
	}
	d.metrics.Failures.Inc()
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.set.options.Now()
	d.failures++
	d.unlogged++
	d.failed, d.problem = now, shorten(d.set.secrets.redact(err.Error()))
	if State(d.state.Load()) != Down {
		d.become(Down, now)
	}
	if !log || !d.logged.IsZero() && now.Sub(d.logged) < d.quiet() {
		return
	}
	message, attributes := "dependency failed", []any{d.label(), "error", d.set.secrets.redact(err.Error())}
	if d.told {
		message = "dependency still failing"
		attributes = append(attributes, "failures", d.unlogged, "down_for", now.Sub(d.since).Round(time.Millisecond).String())
	}
	if d.use.Effect != "" {
		attributes = append(attributes, "effect", d.use.Effect)
	}
	d.set.options.Logger.WarnContext(ctx, message, attributes...)
	d.logged, d.told, d.unlogged = now, true, 0
}

// maxProblem bounds the text of a failure, in bytes.
const maxProblem = 500

func shorten(text string) string {
	if len(text) > maxProblem {
		return strings.ToValidUTF8(text[:maxProblem], "") + "…"
	}
	return text
}

// quiet returns the minimum time until the next log line about a failure.
func (d *Dependency) quiet() time.Duration {
	if d.told {
		return repeat
	}
	return pause
}

func (d *Dependency) become(s State, now time.Time) {
	d.state.Store(int32(s))
	d.since = now
	if !d.closed {
		d.metrics.SetUp(s == Up)
	}
}

func (d *Dependency) label() slog.Attr {
	return slog.String("dependency", string(d.id.kind)+"/"+d.id.name)
}

func (d *Dependency) status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Status{Kind: d.id.kind, Name: d.id.name, State: State(d.state.Load()), Since: d.since, Problem: d.problem}
}

// Close undoes one Open. The last Close removes the dependency and its metrics from
// the Set.
func (d *Dependency) Close() {
	if d == nil {
		return
	}
	d.set.mu.Lock()
	defer d.set.mu.Unlock()
	if d.users--; d.users == 0 {
		delete(d.set.opened, d.id)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.closed = true
		d.metrics.Remove()
	}
}
