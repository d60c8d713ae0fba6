package record

import (
	"bytes"
	"slices"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// A Trace is the record of one operation.
type Trace struct {
	Operation // without the reusable parts
	slow      bool
	Fetched   []Fetch
	size      int
}

// A Fetch is a request to a subgraph, or the cache lookup that replaced it.
type Fetch struct {
	execute.FetchStatistics
	// Error says why there was no response; empty if there was one. FetchStatistics.Err is
	// nil.
	Error string
	// Offset is the time from the start of the operation.
	Offset time.Duration
}

// StageTime is the time of a stage from the start of the operation to its end.
type StageTime struct {
	Name       string
	Start, End time.Duration
}

// StageTimes returns the stages that the operation went through.
func (t *Trace) StageTimes() []StageTime {
	var out []StageTime
	at := time.Duration(0)
	for i, end := range t.ends {
		if end == 0 { // the stage was skipped
			continue
		}
		out = append(out, StageTime{Stages[i], at, end})
		at = end
	}
	return out
}

// Outcome is "error", "slow" or "ok".
func (t *Trace) Outcome() string {
	switch {
	case t.Errors > 0:
		return "error"
	case t.slow:
		return "slow"
	}
	return "ok"
}

// Service returns the subgraph that reports the i-th error, or "".
func (o *Operation) Service(i int, m Message) string {
	if m.Extensions.Service == "" && i < len(o.Services) && i < len(o.Codes) && o.Codes[i] == m.Extensions.Code {
		return o.Services[i]
	}
	return m.Extensions.Service
}

// maxTraceErrors bounds the errors of a trace.
const maxTraceErrors = 50

// traceOverhead is the size of a trace besides its texts.
const (
	traceOverhead = 1024
	fetchOverhead = 256
)

// newTrace copies what is worth keeping of an operation.
func newTrace(o *Operation, slow bool) *Trace {
	t := &Trace{Operation: *o, slow: slow}
	t.progress = nil
	t.Codes, t.Services = slices.Clone(o.Codes[:min(len(o.Codes), maxTraceErrors)]), slices.Clone(o.Services[:min(len(o.Services), maxTraceErrors)])
	t.Messages, t.Variables = bytes.Clone(o.Messages), bytes.Clone(o.Variables)
	t.Fetches, t.Fields = nil, nil
	t.size = traceOverhead + 64*len(t.Codes) + len(t.Messages) + len(t.Variables) + len(t.Document.Text)
	for _, f := range o.Fetches {
		one := Fetch{FetchStatistics: f, Offset: f.Start.Sub(o.Start)}
		if f.Err != nil {
			one.Error, one.Err = clip(f.Err.Error(), maxMessage), nil
		}
		t.Fetched = append(t.Fetched, one)
		t.size += fetchOverhead + len(one.Error)
	}
	for _, v := range t.Conditions {
		t.size += len(v.Name) + len(v.Value)
	}
	if t.Authorized != nil {
		t.size += t.Authorized.Size()
	}
	return t
}

// A ring holds the latest traces within a bound on their size.
type ring struct {
	traces []*Trace // the oldest first
	bytes  int
}

// add adds a trace and returns those that have to go.
func (r *ring) add(t *Trace) (gone []*Trace) {
	r.traces = append(r.traces, t)
	r.bytes += t.size
	n := 0
	for r.bytes > maxTracedBytes {
		r.bytes -= r.traces[n].size
		n++
	}
	gone = slices.Clone(r.traces[:n])
	clear(r.traces[:n])
	r.traces = r.traces[n:]
	return gone
}

// traces are the kept traces: notable ones, which failed or were slow, apart from the others,
// so that these cannot push them out.
type traces struct {
	notable, ordinary ring
	byID              map[TraceID]*Trace
}

func (all *traces) add(t *Trace) bool {
	if t.size > maxTracedBytes/maxShare {
		return false
	}
	if _, taken := all.byID[t.ID]; taken { // the first of several operations in one trace
		return false
	}
	to := &all.ordinary
	if t.Outcome() != "ok" {
		to = &all.notable
	}
	all.byID[t.ID] = t
	for _, gone := range to.add(t) {
		delete(all.byID, gone.ID)
	}
	return true
}

// latest returns all traces, the latest first.
func (all *traces) latest() []*Trace {
	out := slices.Concat(all.notable.traces, all.ordinary.traces)
	slices.SortFunc(out, func(a, b *Trace) int { return b.Start.Compare(a.Start) })
	return out
}

const (
	// latestEvery is how often a trace of an operation is kept that is neither slow nor
	// failing nor in the sample.
	latestEvery = 5 * time.Second
	// notablePerSecond bounds the failing or slow traces that are kept of one operation.
	notablePerSecond = 5
	// slowOther is from when an operation is slow that has no statistics of its own.
	slowOther = time.Second
)

// A keeper decides which traces of an operation are kept.
type keeper struct {
	latest time.Time
	// slow is the duration from which the operation is slow, as of checked.
	slow    time.Duration
	checked time.Time
	second  int64
	notable int // kept in that second
}

// minForSlow is the number of requests from which an operation can be slow by comparison
// with itself.
const minForSlow = 20

// keep decides whether to keep a trace. e may be nil.
func (r *Recorder) keep(o *Operation, e *operationEntry, now time.Time) (kept, slow bool) {
	if o.Document == unknown && o.Errors == 0 {
		return false, false
	}
	sampled := !o.AtLimit && r.sampled(o.ID)
	if e == nil {
		slow = !o.Stream && o.Duration >= slowOther
		return sampled || slow && r.spare(&r.others, now) || o.Errors > 0 && r.spare(&r.others, now), slow
	}
	k := &e.value.keeper
	if now.Sub(k.checked) >= time.Second {
		k.checked, k.slow = now, slowOther
		if s := e.window(now, r.started, 5*time.Minute); s.Requests >= minForSlow {
			k.slow = time.Duration(s.P95 * 1.25 * float64(time.Second))
		}
	}
	slow = !o.Stream && o.Duration > k.slow
	kept = sampled || now.Sub(k.latest) >= latestEvery
	if !kept && (slow || o.Errors > 0) {
		kept = r.spare(k, now)
	}
	if kept {
		k.latest = now
	}
	return kept, slow
}

// spare reports whether one more notable trace may be kept in this second.
func (r *Recorder) spare(k *keeper, now time.Time) bool {
	if unix := now.Unix(); k.second != unix {
		k.second, k.notable = unix, 0
	}
	k.notable++
	return k.notable <= notablePerSecond
}

// sampled decides by the trace's ID, so that all replicas decide alike.
func (r *Recorder) sampled(id TraceID) bool {
	part := uint32(id[8])<<24 | uint32(id[9])<<16 | uint32(id[10])<<8 | uint32(id[11])
	return float64(part) < r.sample()*(1<<32)
}

// A Filter selects traces. Its zero value selects all.
type Filter struct {
	// Operation is the Key or the Hash of a Document. Outcome is "", "error" or "slow".
	Operation, Name, Outcome string
	HasName                  bool
	Limit                    int
}

// Traces returns traces, the latest first.
func (r *Recorder) Traces(f Filter) []*Trace {
	r.flush()
	defer r.mu.Unlock()
	var out []*Trace
	for _, t := range r.traces.latest() {
		if len(out) == f.Limit {
			break
		}
		if f.matches(t) {
			out = append(out, t)
		}
	}
	return out
}

func (f *Filter) matches(t *Trace) bool {
	d := t.Document
	switch {
	case f.Operation != "" && d.Key != f.Operation && d.Hash != f.Operation, f.HasName && d.Name != f.Name:
		return false
	case f.Outcome == "error":
		return t.Errors > 0
	case f.Outcome == "slow":
		return t.slow
	}
	return true
}

// Trace returns a trace, or nil if it is not kept.
func (r *Recorder) Trace(id TraceID) *Trace {
	r.flush()
	defer r.mu.Unlock()
	return r.traces.byID[id]
}

// unknown describes operations that were rejected before their document was known.
var unknown = &Document{Kind: operation.Query, Invalid: true}
