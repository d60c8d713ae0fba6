package execute

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"souk/internal/memory"
	"souk/router/operation"
)

// An execution is one request in progress. One goroutine owns it. Fetches run
// in other goroutines, which touch only the state of their own fetch until they
// hand it back.
type execution struct {
	executor *Executor
	req      *Request
	program  *Program
	tree     tree
	reader   responseReader
	walker   pathWalker
	builder  representationBuilder
	writer   writer

	states    []fetchState
	pending   []int32 // by fetch: how many dependencies have not ended
	remaining []int32 // by payload: how many fetches have not ended
	ready     []*fetch
	results   chan *fetch
	running   int
	// last is set while the only fetch in progress is the last one. parts has what uses a part of
	// its response.
	last  atomic.Bool
	parts chan func()
	// early is the arrival with which the client's response is sent, or nil.
	early *arrival

	// returned are members of subgraphs' extensions, for the client.
	returned []returnedExtension

	errors     []responseError
	dropped    int
	control    CacheControl
	controlSet bool // control has a value
	shed       bool // there was no memory for something

	// responseBytes is the number of bytes that the fetches got that have ended. The
	// others write their states concurrently.
	responseBytes int

	response Response
	// lease is memory for the subgraphs' responses and then for the client's
	// response.
	lease memory.Lease
}

// A fetchState is a fetch within an execution.
type fetchState struct {
	// objects are those that the data of a root fetch is merged into.
	objects  []targetObject
	entities []entityState
	// missingInput are the objects that lacked an input of their
	// representation. They are noted only if the fetch has a fallback.
	missingInput map[uint32]struct{}
	response     *SubgraphResponse
	err          error
	sent         bool
	// reached is set once the request was handed to the transport.
	reached bool
	stats   FetchStatistics
	room    MemoryReservation // for the response
	arrival arrival
	// hasErrors is set if the response of a root fetch has errors.
	hasErrors bool
	// failed is set if the response has errors or a status other than 2xx.
	failed bool

	// lookups are the cache lookups of the fetch; root is that of a root fetch.
	lookups []*CacheLookup
	root    CacheLookup
	// cached has the entries that the cache found; cachedRoot is where that of
	// a root fetch is.
	cached     *Buffer
	cachedRoot span
	// found is the cache control of the entries found.
	found CacheControl
}

func (e *Executor) start(req *Request) *execution {
	x, _ := executions.Get().(*execution)
	if x == nil {
		x = &execution{}
	}
	x.executor = e
	x.lease.Of(e.options.Memory)
	p := req.Program
	x.req, x.program = req, p
	if n := min(int(p.values.Load()), maxKeptValues); cap(x.tree.values) < n {
		x.tree.values = make([]value, 0, n+n/8)
	}
	x.tree.reset(p.rootSize)
	x.tree.values[0].typ = p.rootType
	if cap(x.results) < len(p.fetches) {
		x.results = make(chan *fetch, len(p.fetches))
	}
	for len(x.states) < len(p.fetches) {
		x.states = append(x.states, fetchState{})
	}
	x.pending = x.pending[:0]
	x.remaining = append(x.remaining[:0], make([]int32, len(p.payloads)+1)...)
	for _, f := range p.fetches {
		x.remaining[f.deferID]++
		x.pending = append(x.pending, f.waitsFor)
		if f.waitsFor == 0 && !f.stream {
			x.ready = append(x.ready, f)
		}
	}
	x.control, x.controlSet, x.shed, x.responseBytes = CacheControl{}, false, false, 0
	return x
}

// finish releases everything that the request held, except the response.
func (x *execution) finish() {
	p := x.program
	adapt(&p.values, int64(len(x.tree.values)))
	for i := range p.fetches {
		x.states[i].reset()
	}
	x.tree.reset(0)
	if cap(x.tree.values) > maxKeptValues {
		x.tree.values = nil
	}
	clear(x.errors)
	x.errors, x.dropped = x.errors[:0], 0
	clear(x.returned)
	x.returned = x.returned[:0]
	x.ready = x.ready[:0]
	x.writer.reset()
	x.early = nil
	x.reader.tree, x.reader.text, x.reader.program = nil, nil, nil
	x.builder.into = nil
	x.req, x.program = nil, nil
}

// free keeps the execution for another request, without what it refers to.
func (x *execution) free() {
	x.executor = nil
	executions.Put(x)
}

// Larger buffers are not kept for the next request.
const (
	maxKeptValues = 1 << 18
	maxKeptTable  = 1 << 14
	maxKeptText   = 1 << 20
)

func (state *fetchState) reset() {
	state.objects = state.objects[:0]
	clear(state.missingInput)
	for i := range state.entities {
		state.entities[i].reset()
	}
	if state.response != nil {
		state.response.Body.Release()
	}
	state.arrival.reset()
	state.cached.Release()
	state.cached, state.response, state.err, state.sent, state.reached = nil, nil, nil, false, false
	state.stats, state.found, state.hasErrors, state.failed = FetchStatistics{}, CacheControl{}, false, false
	state.room = MemoryReservation{}
	state.lookedUp()
	clear(state.lookups)
	state.lookups, state.root, state.cachedRoot = state.lookups[:0], CacheLookup{}, span{}
}

// responseBytes is the number of bytes that a fetch got from the subgraph and the cache.
func (state *fetchState) responseBytes() (n int) {
	if state.response != nil {
		n += len(state.response.Body.B)
	}
	if state.cached != nil {
		n += len(state.cached.B)
	}
	return n
}

// growEntities makes sure that there is a state for each of some entity
// fetches.
func (state *fetchState) growEntities(fetches int) {
	for len(state.entities) < fetches {
		state.entities = append(state.entities, entityState{})
	}
}

func (state *fetchState) noteMissingInput(object uint32) {
	if state.missingInput == nil {
		state.missingInput = make(map[uint32]struct{})
	}
	state.missingInput[object] = struct{}{}
}

// schedule runs all fetches, each as soon as its dependencies have ended.
// Between fetches it calls proceed, unless nil, and returns when that returns
// false.
func (x *execution) schedule(ctx context.Context, proceed func() bool) {
	for {
		var alone *fetch
		for len(x.ready) > 0 {
			f := x.ready[len(x.ready)-1]
			x.ready = x.ready[:len(x.ready)-1]
			prepared := x.prepare(f)
			if prepared == nil {
				x.done(f)
				continue
			}
			if alone != nil {
				x.launch(ctx, alone)
			}
			alone = prepared
		}
		if proceed != nil && !proceed() {
			return
		}
		if alone != nil && x.running == 0 {
			// Nothing else can happen meanwhile: no goroutine is
			// needed.
			x.states[alone.id].arrival.apart = false
			x.load(ctx, alone)
			x.merge(ctx, alone)
			x.done(alone)
			continue
		}
		if alone != nil {
			x.launch(ctx, alone)
		}
		if x.running == 0 {
			return
		}
		f := x.awaitResult()
		x.running--
		x.merge(ctx, f)
		x.done(f)
	}
}

func (x *execution) launch(ctx context.Context, f *fetch) {
	x.running++
	if x.req.Early != nil {
		x.states[f.id].arrival.apart = true
		if x.parts == nil {
			x.parts = make(chan func())
		}
	}
	go func() {
		x.loadSafely(ctx, f)
		x.results <- f
	}()
}

// loadSafely is load in a goroutine of its own, in which a panic would end the process.
func (x *execution) loadSafely(ctx context.Context, f *fetch) {
	err := CatchPanic(func() error {
		x.load(ctx, f)
		return nil
	})
	if err != nil {
		state := &x.states[f.id]
		state.response, state.sent, state.err = nil, true, err
	}
}

// drain waits for the fetches in progress.
func (x *execution) drain() {
	for ; x.running > 0; x.running-- {
		<-x.results
	}
}

// done makes the fetches ready that waited only for this one.
func (x *execution) done(f *fetch) {
	x.responseBytes += x.states[f.id].responseBytes()
	x.remaining[f.deferID]--
	for _, id := range f.dependents {
		if x.pending[id]--; x.pending[id] == 0 {
			x.ready = append(x.ready, x.program.fetches[id])
		}
	}
}

// prepare finds the objects that a fetch is for and builds their
// representations. It returns the fetch to continue with, or nil if there is
// nothing to send.
func (x *execution) prepare(f *fetch) *fetch {
	w := &x.walker
	w.tree = &x.tree
	if w.visited == nil {
		w.visited = make(map[uint32]struct{})
	}
	state := &x.states[f.id]
	if f.entities == nil {
		clear(w.visited)
		w.visit = func(object uint32, types uint64) {
			state.objects = append(state.objects, targetObject{object, -1, types})
		}
		w.walk(f.path(), 0)
		if len(state.objects) == 0 {
			return nil
		}
		return f
	}
	if of := f.fallbackFor(); of != nil && len(x.states[of.id].missingInput) == 0 {
		return nil
	}
	b := &x.builder
	b.tree, b.program, b.seed = &x.tree, x.program, x.executor.seed
	if f.special != nil && f.special.renaming != nil {
		return x.prepareWithContext(f)
	}
	state.growEntities(len(f.entities))
	found := false
	for i, e := range f.entities {
		b.into = &state.entities[i]
		x.represent(f, e, nil)
		found = found || len(b.into.spans) > 0
	}
	if !found {
		return nil
	}
	return f
}

// represent builds the representations of an entity fetch. The grouping, unless
// nil, divides its objects by their context values.
func (x *execution) represent(f *fetch, e *entityFetch, g *contextGrouping) {
	w, b := &x.walker, &x.builder
	state := &x.states[f.id]
	for j := range e.targets {
		t := &e.targets[j]
		clear(w.visited)
		b.wrong = b.wrong[:0]
		w.visit = func(object uint32, types uint64) {
			if of := f.fallbackFor(); of != nil {
				if _, lacked := x.states[of.id].missingInput[object]; !lacked {
					return
				}
			}
			built := present
			if g != nil {
				built = g.choose(e)
			}
			if built == present {
				built = b.add(t, object, types)
			}
			if built != present && f.hasFallback {
				state.noteMissingInput(object)
			}
			if built == reported {
				x.tree.markReported(object, e.shape)
			}
		}
		w.walk(t.path, uint64(j))
		x.reportWrong(f, t, b.wrong)
	}
}

// request makes the request of a fetch.
func (x *execution) request(f *fetch) SubgraphRequest {
	r := SubgraphRequest{
		Subgraph: f.subgraph, Kind: f.kind, Header: x.req.Caller.Header, Partition: x.req.Caller.Partition, Body: x.body(f, &x.states[f.id]),
	}
	if f.kind == operation.Mutation {
		r.IdempotencyKey = x.req.IdempotencyKey
	}
	return r
}

// load answers a fetch from the cache, or sends its request.
func (x *execution) load(ctx context.Context, f *fetch) {
	state := &x.states[f.id]
	if x.req.Files != nil {
		defer x.req.Files.Ended(f.id)
	}
	began := x.executor.options.Now()
	state.stats = FetchStatistics{FetchInfo: FetchInfo{FetchID: f.id}, Subgraph: f.subgraph, Start: began}
	state.room = MemoryReservation{lease: &x.lease}
	for i := range f.entities {
		state.stats.Representations += len(state.entities[i].spans)
	}
	if x.executor.options.Cache == nil || !x.lookupObserved(ctx, f, state) {
		x.send(ctx, f, state)
		x.fallBack(ctx, f, state)
		if x.executor.options.Cache != nil {
			x.mutated(ctx, f, state)
		}
	}
	state.stats.Duration = x.executor.options.Now().Sub(began)
}

func (x *execution) lookupObserved(ctx context.Context, f *fetch, state *fetchState) bool {
	if stage := x.executor.options.Stage; stage != nil {
		defer stage(ctx, CacheLookups, f.subgraph)()
	}
	return x.lookup(ctx, f, state)
}

func (x *execution) send(ctx context.Context, f *fetch, state *fetchState) {
	if state.err = x.tooManyEntities(f, state); state.err != nil {
		state.sent, state.stats.Unsent, state.stats.Err = true, true, state.err
		return
	}
	request := x.request(f)
	state.room = MemoryReservation{lease: &x.lease}
	x.attend(ctx, f, state)
	request.Reservation = &state.room
	state.sent = true
	state.stats.Sent = len(request.Body.B)
	if observe := x.executor.options.Observe; observe != nil {
		var ended func(*FetchStatistics)
		began := time.Now()
		ctx, ended = observe(ctx, &request, state.stats.FetchInfo)
		defer func() {
			state.stats.Duration = time.Since(began)
			ended(&state.stats)
		}()
	}
	// Reserve memory for a response as large as recent ones before asking for
	// it.
	if state.err = state.room.Reserve(ctx, max(int(f.received.Load()), 1<<minBuffer)); state.err == nil {
		if state.err = x.attach(f, &request); state.err == nil {
			state.room.anyway, state.reached = f.kind != operation.Query, true
			state.response, state.err = x.receive(ctx, &request, &state.arrival)
		}
	}
	request.Body.Release()
	state.stats.Err, state.stats.Retries, state.stats.Shared = state.err, request.Retries, request.Shared
	if state.stats.Unsent = request.Unsent || !state.reached; state.stats.Unsent || request.Shared {
		state.stats.Sent = 0
	}
	if state.err != nil {
		if failed := (*TransportError)(nil); errors.As(state.err, &failed) {
			state.stats.Status = failed.Status
		}
	}
	if state.response != nil {
		state.stats.Status = state.response.Status
		state.stats.Received = len(state.response.Body.B)
		if cost := x.program.Cost; cost != nil {
			state.stats.Cost = cost.Measure(f.id, state.response.Body.B)
		}
		x.received(ctx, f, state)
	}
}

// receive sends a request and receives the response. When it returns, nothing uses the response that has
// arrived.
func (x *execution) receive(ctx context.Context, request *SubgraphRequest, a *arrival) (*SubgraphResponse, error) {
	defer a.stop()
	return x.executor.options.Transport.Send(ctx, request)
}

// tooManyEntities returns an error if a request would exceed the limit on entities.
func (x *execution) tooManyEntities(f *fetch, state *fetchState) error {
	most := x.executor.options.MaxRepresentations
	if most == 0 {
		return nil
	}
	n := 0
	for i := range f.entities {
		n += state.entities[i].sendCount()
	}
	if n <= most {
		return nil
	}
	return &TransportError{Code: CodeMaxRepresentations, Message: fmt.Sprintf("was not asked for %d entities, because the limit is %d: request shorter lists", n, most)}
}

// received reserves memory for what is made of a response. Without memory the
// response is dropped.
func (x *execution) received(ctx context.Context, f *fetch, state *fetchState) {
	adapt(f.received, int64(state.stats.Received))
	if err := state.room.Reserve(ctx, state.stats.Received); err != nil {
		state.response.Body.Release()
		state.response, state.err, state.stats.Err = nil, err, err
	}
}

// body writes the body of a request: {"query":"…","variables":{…}}.
func (x *execution) body(f *fetch, state *fetchState) *Buffer {
	size := len(f.prefix) + 64
	for i := range f.entities {
		size += len(state.entities[i].text) + 32
	}
	for _, v := range f.variables {
		size += len(v.key) + len(x.req.Variables.Get(v.name)) + 1
	}
	buffer := NewBuffer(size)
	b := buffer.B
	b = append(b, f.prefix...)
	if len(f.variables) > 0 || len(f.entities) > 0 {
		b = append(b, `,"variables":{`...)
		start := len(b)
		for _, v := range f.variables {
			text := x.req.Variables.Get(v.name)
			if text == nil {
				continue
			}
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(append(b, v.key...), text...)
		}
		for i, e := range f.entities {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(append(b, e.variableKey...), '[')
			b = state.entities[i].representations(b)
			b = append(b, ']')
			for _, v := range e.values {
				b = append(append(append(b, ','), v.key...), v.text...)
			}
		}
		b = append(b, '}')
	}
	if len(x.req.ClientExtensions) > 0 {
		b = x.clientExtensions(b, f.subgraph)
	}
	b = append(b, '}')
	buffer.B = b
	return buffer
}

// representations appends the representations to send, separated by commas.
func (e *entityState) representations(b []byte) []byte {
	if len(e.cached) == 0 && len(e.text) > 0 {
		return append(b, e.text[:len(e.text)-1]...)
	}
	for i := range e.sendCount() {
		if i > 0 {
			b = append(b, ',')
		}
		s := e.spans[e.number(i)]
		b = append(b, e.text[s.start:s.end]...)
	}
	return b
}

// sendCount is the number of entities to send. number returns the index of the i-th
// of them among all representations.
func (e *entityState) sendCount() int {
	if len(e.cached) > 0 {
		return len(e.sent)
	}
	return len(e.spans)
}

func (e *entityState) number(i int) int {
	if len(e.cached) > 0 {
		return int(e.sent[i])
	}
	return i
}
