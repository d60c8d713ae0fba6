package record

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// Options configure a Recorder.
type Options struct {
	// Gauges is called once a second. It may be nil.
	Gauges func() Gauges
	// Now is the clock; time.Now if nil. The durations of operations are measured with
	// time.Now.
	Now func() time.Time
	// Every is how often operations are counted; a second if zero. If it is negative, they
	// are counted only when statistics are read.
	Every time.Duration
}

// A Recorder keeps statistics and traces of operations. It is safe for concurrent use.
type Recorder struct {
	options Options
	shards  []shard // a power of two of them
	room    int     // of the buffer of a shard
	stop    chan struct{}
	done    sync.WaitGroup
	ratio   atomic.Uint64 // of traces in the sample, as the bits of a float64
	dropped atomic.Uint64
	fields  fields

	mu            sync.Mutex // guards the rest
	started       time.Time
	timeline      timeline
	operations    *table[operationKey, operationValue]
	clients       *table[clientKey, struct{}]
	subgraphs     *table[string, subgraphValue]
	problems      problems
	usage         usage
	traces        traces
	others        keeper // of operations that are not in the table
	reloads       []Reload
	invalidations []Invalidation
	highest       High
	unused        []*Operation // a buffer
}

// A shard is one of the buffers of operations to count.
type shard struct {
	mu      sync.Mutex
	ops     []*Operation
	free    []*Operation // for Begin
	running progress     // the ends of the list of operations in progress
	_       [72]byte     // keeps shards on different cache lines
}

// An operationKey identifies an operation. Documents that cannot be redacted have several
// operations with the same Document.Key.
type operationKey struct{ key, name string }

type operationValue struct {
	document *Document
	fields   []uint32
	// estimated and actual are the costs of the latest operation; -1 if not known.
	estimated, actual float64
	keeper            keeper
}

type operationEntry = entry[operationValue]

// A subgraphValue has the last failure of a subgraph, and whether its last request had errors
// and no data.
type subgraphValue struct {
	problem string
	failed  time.Time
	noData  bool
}

type clientKey struct{ name, version string }

// New returns a Recorder. The caller must call Close.
func New(o Options) *Recorder {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Recorder{
		options: o, shards: make([]shard, 1<<bits.Len(uint(min(runtime.GOMAXPROCS(0), maxShards)-1))), stop: make(chan struct{}), started: o.Now(),
		operations: newTable[operationKey, operationValue](maxOperations), clients: newTable[clientKey, struct{}](maxClients),
		subgraphs: newTable[string, subgraphValue](maxSubgraphs), problems: problems{}, traces: traces{byID: map[TraceID]*Trace{}},
	}
	r.room = maxBuffered / len(r.shards)
	r.clients.removed = func(index int) { r.usage.forget(index) }
	if every := cmp.Or(o.Every, time.Second); every > 0 {
		r.done.Go(func() { r.run(every) })
	}
	return r
}

// run counts operations until Close.
func (r *Recorder) run(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
			r.Tick()
		}
		r.flush()
		r.mu.Unlock()
	}
}

// Tick reads the gauges, once a second.
func (r *Recorder) Tick() {
	if r.options.Gauges == nil {
		return
	}
	g := r.options.Gauges()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timeline.sample(r.options.Now(), g)
	r.highest.InFlight = max(r.highest.InFlight, g.InFlight)
}

// Close ends the background work. It does nothing if r is nil.
func (r *Recorder) Close() {
	if r == nil {
		return
	}
	close(r.stop)
	r.done.Wait()
}

// SetSample sets the ratio of ordinary operations whose traces are kept.
func (r *Recorder) SetSample(ratio float64) { r.ratio.Store(math.Float64bits(ratio)) }

func (r *Recorder) sample() float64 { return math.Float64frombits(r.ratio.Load()) }

// Begin returns an Operation to fill. It counts as in progress until it is passed to End or
// Discard. client and version are the headers that name the client.
func (r *Recorder) Begin(id TraceID, client, version, agent string) *Operation {
	s := &r.shards[int(id[15])&(len(r.shards)-1)]
	s.mu.Lock()
	var o *Operation
	if last := len(s.free) - 1; last >= 0 {
		o, s.free = s.free[last], s.free[:last]
	} else {
		o = &Operation{Cost: -1, Actual: -1, progress: &progress{}}
	}
	o.progress.begun(s, client, version, agent)
	s.mu.Unlock()
	o.ID, o.Client, o.ClientVersion, o.UserAgent = id, client, version, agent
	return o
}

// Discard takes an operation back without counting it.
func (r *Recorder) Discard(o *Operation) {
	s := o.progress.home
	o.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	o.progress.ended()
	r.release(s, o)
}

// End hands an operation over to be counted. The caller must not use it afterwards.
func (r *Recorder) End(o *Operation) {
	s := o.progress.home
	o.ended = r.options.Now() // it is counted at this time, however late that happens
	if o.New && o.Document != nil && len(o.Document.Text) > largeText {
		r.mu.Lock()
		r.count(o)
		r.mu.Unlock()
		r.Discard(o)
		return
	}
	s.mu.Lock()
	o.progress.ended()
	n := len(s.ops)
	if n < r.room {
		s.ops = append(s.ops, o)
	}
	s.mu.Unlock()
	if n+1 < together {
		return
	}
	// This costs less than waking another goroutine for it.
	if r.mu.TryLock() {
		r.drain(s)
		if n >= r.room {
			r.count(o)
		}
		r.mu.Unlock()
	} else if n >= r.room {
		r.dropped.Add(1)
	}
	if n >= r.room {
		r.Discard(o)
	}
}

// release keeps an operation that was reset for Begin. s.mu must be held.
func (r *Recorder) release(s *shard, o *Operation) {
	if len(s.free) < r.room {
		s.free = append(s.free, o)
	}
}

// flush counts the operations in the buffers. It returns with r.mu held, so that a caller can
// read the statistics, and the time.
func (r *Recorder) flush() time.Time {
	r.mu.Lock()
	return r.empty()
}

// empty counts the operations in the buffers and returns the time. r.mu must be held.
func (r *Recorder) empty() time.Time {
	now := r.options.Now()
	for i := range r.shards {
		r.drain(&r.shards[i])
	}
	return now
}

// drain counts the operations of a shard. r.mu must be held.
func (r *Recorder) drain(s *shard) {
	s.mu.Lock()
	ops := s.ops
	s.ops = r.unused
	s.mu.Unlock()
	for _, o := range ops {
		r.count(o)
		o.reset()
	}
	s.mu.Lock()
	for _, o := range ops {
		r.release(s, o)
	}
	s.mu.Unlock()
	r.unused = clean(ops)
}

// count adds an operation to all statistics, at the time when it ended.
func (r *Recorder) count(o *Operation) {
	now := o.ended
	c := count{duration: o.Duration, failed: o.Errors > 0, untimed: o.Stream}
	for i := range o.Fetches {
		f := &o.Fetches[i]
		c.looked += f.Looked
		c.found += f.Found
		if f.Sent > 0 {
			c.fetches++
		}
		if one, ok := countOf(f); ok {
			r.countFetch(f, now, one)
		}
	}
	if o.Event {
		s := r.timeline.at(now.Unix())
		s.looked += uint32(c.looked)
		s.found += uint32(c.found)
		r.problems.add(o, now, false)
		return
	}
	if o.Document == nil {
		o.Document, c.rejected = unknown, true
	}
	r.timeline.at(now.Unix()).add(c)
	e := r.countOperation(o, now, c)
	client := r.countClient(o, now, c)
	r.usage.add(o.Fields, now.Unix(), client)
	kept, slow := r.keep(o, e, now)
	if kept {
		kept = r.traces.add(newTrace(o, slow))
	}
	r.problems.add(o, now, kept)
}

// countOf returns what a fetch counts for its subgraph. It reports false for one that the cache
// or an extension has answered, or that was canceled before it was sent.
func countOf(f *execute.FetchStatistics) (c count, counts bool) {
	switch {
	case f.Sent > 0:
		return count{duration: f.Duration, failed: f.Err != nil || f.Errors > 0, noData: f.Err != nil || f.NoData, retries: f.Retries}, true
	case f.Unsent:
		refused := f.Err != nil && !errors.Is(f.Err, context.Canceled) && !errors.Is(f.Err, context.DeadlineExceeded)
		return count{unsent: true, refused: 1}, refused
	case f.Shared:
		return count{unsent: true, shared: 1}, true
	}
	return count{}, false
}

func (r *Recorder) countFetch(f *execute.FetchStatistics, now time.Time, c count) {
	e := r.subgraphs.get(f.Subgraph, now, func() (string, subgraphValue) { return strings.Clone(f.Subgraph), subgraphValue{} })
	r.subgraphs.count(e, now, c)
	if e == nil || c.unsent {
		return
	}
	e.value.noData = c.noData
	switch {
	case f.Err != nil:
		e.value.problem, e.value.failed = clip(f.Err.Error(), maxMessage), now
	case c.failed:
		e.value.problem, e.value.failed = clip(f.LastError, maxMessage), now
	}
}

func (r *Recorder) countOperation(o *Operation, now time.Time, c count) *operationEntry {
	if o.Document == unknown {
		r.operations.other.add(now, c)
		return nil
	}
	d := o.Document
	e := r.operations.get(operationKey{d.Key, d.Name}, now, func() (operationKey, operationValue) {
		kept := *d
		kept.Text, kept.Cut = clip(d.Text, maxDocument), d.Cut || len(d.Text) > maxDocument
		kept.Key, kept.Hash, kept.Name = strings.Clone(d.Key), strings.Clone(d.Hash), strings.Clone(d.Name)
		return operationKey{kept.Key, kept.Name}, operationValue{document: &kept, estimated: -1, actual: -1}
	})
	r.operations.count(e, now, c)
	r.measure(o)
	if e != nil {
		v := &e.value
		if o.Fields != nil {
			v.fields = o.Fields
		}
		if o.Cost >= 0 {
			v.estimated = o.Cost
		}
		if o.Actual >= 0 {
			v.actual = o.Actual
		}
	}
	return e
}

// measure keeps the highest use of each limit, of the operations that were not rejected.
func (r *Recorder) measure(o *Operation) {
	if o.Supergraph == "" {
		return // there is no plan
	}
	u, h := o.Document.Usage, &r.highest.Usage
	h.Depth, h.Height, h.Aliases, h.RootFields = max(h.Depth, u.Depth), max(h.Height, u.Height), max(h.Aliases, u.Aliases), max(h.RootFields, u.RootFields)
	h.Directives, h.Fields, h.ListItems = max(h.Directives, u.Directives), max(h.Fields, u.Fields), max(h.ListItems, u.ListItems)
	r.highest.Cost = max(r.highest.Cost, o.Cost)
}

// countClient returns the index of the client, or -1.
func (r *Recorder) countClient(o *Operation, now time.Time, c count) int {
	key := keyOf(o.Client, o.ClientVersion, o.UserAgent)
	o.Client, o.ClientVersion = key.name, key.version
	e := r.clients.get(key, now, func() (clientKey, struct{}) {
		o.Client, o.ClientVersion = strings.Clone(key.name), strings.Clone(key.version)
		return clientKey{o.Client, o.ClientVersion}, struct{}{}
	})
	r.clients.count(e, now, c)
	if e == nil {
		return -1
	}
	return e.index
}

// keyOf returns the key of a client by the headers of its request.
func keyOf(name, version, agent string) clientKey {
	if name == "" {
		name, version = product(agent)
	}
	return clientKey{clip(name, maxClientName), clip(version, maxClientName)}
}

// product returns the first product of a User-Agent (RFC 9110, section 10.1.5). All browsers
// claim to be Mozilla.
func product(agent string) (name, version string) {
	agent, _, _ = strings.Cut(agent, " ")
	name, version, _ = strings.Cut(agent, "/")
	if name == "Mozilla" {
		return "browser", ""
	}
	return name, version
}

// OperationStats are statistics of one operation.
type OperationStats struct {
	Stats
	Document *Document
	Fields   []uint32
	// Estimated and Actual are the costs of the latest operation; -1 if not known.
	Estimated, Actual float64
	// Latest, Slowest and Failing are traces; nil if none is kept.
	Latest, Slowest, Failing *Trace
}

// Operations returns the statistics of the operations in a window, and of all others
// together.
func (r *Recorder) Operations(window time.Duration) (list []OperationStats, other Stats) {
	now := r.flush()
	defer r.mu.Unlock()
	running, index := r.running().operations, map[operationKey]int{}
	for key, e := range r.operations.entries {
		s := e.window(now, r.started, window)
		s.Running = running[key]
		if s.Requests == 0 && s.Running == 0 {
			continue
		}
		delete(running, key)
		v := &e.value
		index[key] = len(list)
		list = append(list, OperationStats{Stats: s, Document: v.document, Fields: v.fields, Estimated: v.estimated, Actual: v.actual})
	}
	for _, t := range r.traces.latest() {
		i, ok := index[operationKey{t.Document.Key, t.Document.Name}]
		if !ok {
			continue
		}
		o := &list[i]
		if o.Latest == nil {
			o.Latest = t
		}
		if t.Errors > 0 && o.Failing == nil {
			o.Failing = t
		}
		if !t.Stream && (o.Slowest == nil || t.Duration > o.Slowest.Duration) {
			o.Slowest = t
		}
	}
	other = r.operations.other.window(now, r.started, window)
	other.Running = sum(running)
	return list, other
}

func sum[K comparable](counts map[K]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

// Named are statistics with a name.
type Named struct {
	Stats
	Name, Version string
}

// Clients returns the statistics of clients in a window.
func (r *Recorder) Clients(window time.Duration) (list []Named, other Stats) {
	now := r.flush()
	defer r.mu.Unlock()
	running := r.running().clients
	for key, e := range r.clients.entries {
		s := e.window(now, r.started, window)
		s.Running = running[key]
		if s.Requests == 0 && s.Running == 0 {
			continue
		}
		delete(running, key)
		list = append(list, Named{Stats: s, Name: key.name, Version: key.version})
	}
	other = r.clients.other.window(now, r.started, window)
	other.Running = sum(running)
	return list, other
}

// SubgraphStats are statistics of the requests to one subgraph.
type SubgraphStats struct {
	Stats
	// Problem is the last failure of a request or the last error of a response in the
	// window, or empty.
	Problem string
	// Failing is set if most requests of the last minute had errors and no data. If there was
	// none, the last one counts.
	Failing bool
}

// Subgraphs returns the statistics of requests to subgraphs in a window, by name.
func (r *Recorder) Subgraphs(window time.Duration) map[string]SubgraphStats {
	now := r.flush()
	defer r.mu.Unlock()
	out := map[string]SubgraphStats{}
	for name, e := range r.subgraphs.entries {
		one := SubgraphStats{Stats: e.window(now, r.started, window), Failing: e.value.noData}
		if one.Errors > 0 && e.value.failed.Unix() >= spanOf(now, window).begin() {
			one.Problem = e.value.problem
		}
		if minute := e.window(now, r.started, time.Minute); minute.Requests > 0 {
			one.Failing = 2*minute.NoData > minute.Requests
		}
		out[name] = one
	}
	return out
}

// Errors returns the errors in a window, the most frequent first.
func (r *Recorder) Errors(window time.Duration) []Error {
	now := r.flush()
	defer r.mu.Unlock()
	list := r.problems.list(now, window)
	slices.SortFunc(list, func(a, b Error) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subgraph, b.Subgraph))
	})
	return list
}

// Traffic returns the statistics of all operations in a window, in seconds.
func (r *Recorder) Traffic(window int) Traffic {
	now := r.flush()
	defer r.mu.Unlock()
	return r.timeline.window(now, r.started, min(max(window, points), Seconds))
}

// High are the highest values since the start.
type High struct {
	operation.Usage
	// Cost is the highest estimated cost, InFlight the highest number of operations in
	// progress at a full second.
	Cost, InFlight float64
}

// Highest returns the highest values since the start.
func (r *Recorder) Highest() High {
	r.flush()
	defer r.mu.Unlock()
	return r.highest
}

// Dropped returns the number of operations that were not counted because there were too many
// at once.
func (r *Recorder) Dropped() uint64 { return r.dropped.Load() }
