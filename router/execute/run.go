package execute

import (
	"context"
	"time"

	"souk/internal/memory"
	"souk/router/operation"
)

// A run is one execution. One goroutine owns it; fetches run in others and
// touch only their own stepRun until they are back.
type run struct {
	executor *Executor
	req      *Request
	program  *Program
	tree     tree
	answer   answer
	walk     walk
	builder  builder
	writer   writer

	steps   []stepRun
	waiting []int32 // for how many others each step waits
	left    []int32 // how many steps of each part are not done
	ready   []*step
	results chan *step
	running int

	errors  []responseError
	dropped int
	control CacheControl
	asked   bool // control is set
	shed    bool // there was no room for something

	response Response
	// lease is for the subgraphs' answers, and then for the response.
	lease memory.Lease
}

// A stepRun is a step within a run.
type stepRun struct {
	// objects are those a root fetch is merged into.
	objects  []targetObject
	entities []entityRun
	// lacking are the objects for which no representation could be built; noted
	// only if there is a step for them.
	lacking  map[uint32]struct{}
	response *SubgraphResponse
	err      error
	sent     bool
	// reached says that the request was handed to the transport.
	reached bool
	stats   FetchStatistics
	room    Room // for the answer
	// tainted says that the answer of a root fetch has errors.
	tainted bool

	// lookups are what the cache was asked, root the one of a root fetch.
	lookups []*CacheLookup
	root    CacheLookup
	// cached are the texts found, cachedRoot where that of a root fetch is.
	cached     *Buffer
	cachedRoot span
	// found is the cache's word on what it had.
	found CacheControl
}

func (e *Executor) start(req *Request) *run {
	r, _ := e.runs.Get().(*run)
	if r == nil {
		r = &run{executor: e}
		r.lease.Of(e.options.Memory)
	}
	p := req.Program
	r.req, r.program = req, p
	if n := min(int(p.values.Load()), maxKeptValues); cap(r.tree.values) < n {
		r.tree.values = make([]value, 0, n+n/8)
	}
	r.tree.reset(p.rootSize)
	r.tree.values[0].typ = p.rootType
	if cap(r.results) < len(p.steps) {
		r.results = make(chan *step, len(p.steps))
	}
	for len(r.steps) < len(p.steps) {
		r.steps = append(r.steps, stepRun{})
	}
	r.waiting = r.waiting[:0]
	r.left = append(r.left[:0], make([]int32, len(p.parts)+1)...)
	for _, s := range p.steps {
		r.left[s.part]++
		r.waiting = append(r.waiting, int32(len(s.after)))
		if len(s.after) == 0 && !s.stream {
			r.ready = append(r.ready, s)
		}
	}
	r.control, r.asked, r.shed = CacheControl{}, false, false
	return r
}

// finish lets go of all that the request held, but for the response.
func (r *run) finish() {
	p := r.program
	adapt(&p.values, int64(len(r.tree.values)))
	for i := range p.steps {
		r.steps[i].reset()
	}
	r.tree.reset(0)
	if cap(r.tree.values) > maxKeptValues {
		r.tree.values = nil
	}
	clear(r.errors)
	r.errors, r.dropped = r.errors[:0], 0
	r.ready = r.ready[:0]
	r.writer.reset()
	r.answer.tree, r.answer.text, r.answer.program = nil, nil, nil
	r.builder.into = nil
	r.req, r.program = nil, nil
}

// What is larger than this is not kept for another request.
const (
	maxKeptValues = 1 << 18
	maxKeptTable  = 1 << 14
	maxKeptText   = 1 << 20
)

func (s *stepRun) reset() {
	s.objects = s.objects[:0]
	clear(s.lacking)
	for i := range s.entities {
		s.entities[i].reset()
	}
	if s.response != nil {
		s.response.Body.Release()
	}
	s.cached.Release()
	s.cached, s.response, s.err, s.sent, s.reached = nil, nil, nil, false, false
	s.stats, s.found, s.tainted = FetchStatistics{}, CacheControl{}, false
	s.room = Room{}
	clear(s.lookups)
	s.lookups, s.root, s.cachedRoot = s.lookups[:0], CacheLookup{}, span{}
}

// widen makes place for some entity fetches.
func (s *stepRun) widen(fetches int) {
	for len(s.entities) < fetches {
		s.entities = append(s.entities, entityRun{})
	}
}

func (s *stepRun) lack(object uint32) {
	if s.lacking == nil {
		s.lacking = make(map[uint32]struct{})
	}
	s.lacking[object] = struct{}{}
}

// schedule runs all steps, each as soon as those before it are done. Between
// them it asks whether to go on, if on is not nil.
func (r *run) schedule(ctx context.Context, on func() bool) {
	for {
		var alone *step
		for len(r.ready) > 0 {
			s := r.ready[len(r.ready)-1]
			r.ready = r.ready[:len(r.ready)-1]
			prepared := r.prepare(s)
			if prepared == nil {
				r.done(s)
				continue
			}
			if alone != nil {
				r.launch(ctx, alone)
			}
			alone = prepared
		}
		if on != nil && !on() {
			return
		}
		if alone != nil && r.running == 0 {
			// Nothing else can happen meanwhile: no goroutine is needed.
			r.fetch(ctx, alone)
			r.merge(ctx, alone)
			r.done(alone)
			continue
		}
		if alone != nil {
			r.launch(ctx, alone)
		}
		if r.running == 0 {
			return
		}
		s := <-r.results
		r.running--
		r.merge(ctx, s)
		r.done(s)
	}
}

func (r *run) launch(ctx context.Context, s *step) {
	r.running++
	go func() {
		r.fetch(ctx, s)
		r.results <- s
	}()
}

// drain waits for the fetches that are still under way.
func (r *run) drain() {
	for ; r.running > 0; r.running-- {
		<-r.results
	}
}

// done makes ready the steps that waited only for s.
func (r *run) done(s *step) {
	r.left[s.part]--
	for _, id := range s.dependent {
		if r.waiting[id]--; r.waiting[id] == 0 {
			r.ready = append(r.ready, r.program.steps[id])
		}
	}
}

// prepare finds the objects that a step is for, and builds their
// representations. It gives the step to go on with, nil if there are none.
func (r *run) prepare(s *step) *step {
	w := &r.walk
	w.tree = &r.tree
	if w.visited == nil {
		w.visited = make(map[uint32]struct{})
	}
	run := &r.steps[s.id]
	if s.entities == nil {
		clear(w.visited)
		w.visit = func(object uint32, types uint64) {
			run.objects = append(run.objects, targetObject{object, -1, types})
		}
		w.walk(s.path, 0)
		if len(run.objects) == 0 {
			return nil
		}
		return s
	}
	if s.rest != nil && len(r.steps[s.rest.id].lacking) == 0 {
		return nil
	}
	b := &r.builder
	b.tree, b.program, b.seed = &r.tree, r.program, r.executor.seed
	if s.contextual {
		return r.prepareContextual(s)
	}
	run.widen(len(s.entities))
	found := false
	for i, e := range s.entities {
		b.into = &run.entities[i]
		r.represent(s, e, nil)
		found = found || len(b.into.spans) > 0
	}
	if !found {
		return nil
	}
	return s
}

// represent builds the representations of a fetch's objects, in a grouping if
// that is not nil.
func (r *run) represent(s *step, e *entityFetch, g *grouping) {
	w, b := &r.walk, &r.builder
	run := &r.steps[s.id]
	for j, t := range e.targets {
		clear(w.visited)
		w.visit = func(object uint32, types uint64) {
			if s.rest != nil {
				if _, lacked := r.steps[s.rest.id].lacking[object]; !lacked {
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
			if built != present && s.hasRest {
				run.lack(object)
			}
			if built == explained {
				r.tree.explain(object, e.shape)
			}
		}
		w.walk(t.path, uint64(j))
	}
}

// request makes the request of a step.
func (r *run) request(s *step) SubgraphRequest {
	return SubgraphRequest{
		Subgraph: s.subgraph, Kind: s.kind, Header: r.req.Caller.Header, Body: r.body(s, &r.steps[s.id]),
	}
}

// fetch sends the request of a step, unless the cache has the answer.
func (r *run) fetch(ctx context.Context, s *step) {
	run := &r.steps[s.id]
	began := r.executor.options.Now()
	run.stats = FetchStatistics{FetchInfo: FetchInfo{Step: s.id}, Subgraph: s.subgraph}
	run.room = Room{lease: &r.lease}
	for i := range s.entities {
		run.stats.Representations += len(run.entities[i].spans)
	}
	if r.executor.options.Cache == nil || !r.lookup(ctx, s, run) {
		r.send(ctx, s, run)
	}
	run.stats.Duration = r.executor.options.Now().Sub(began)
}

func (r *run) send(ctx context.Context, s *step, run *stepRun) {
	request := r.request(s)
	run.room = Room{lease: &r.lease}
	request.Room = &run.room
	run.sent = true
	run.stats.Sent = len(request.Body.B)
	if observe := r.executor.options.Observe; observe != nil {
		var ended func(*FetchStatistics)
		began := time.Now()
		ctx, ended = observe(ctx, &request, run.stats.FetchInfo)
		defer func() {
			run.stats.Duration = time.Since(began)
			ended(&run.stats)
		}()
	}
	// Room for an answer as large as those before, before the subgraph is asked.
	if run.err = run.room.For(ctx, max(int(s.received.Load()), 1<<minBuffer)); run.err == nil {
		run.room.anyway, run.reached = s.kind != operation.Query, true
		run.response, run.err = r.executor.options.Transport.Send(ctx, &request)
	}
	request.Body.Release()
	run.stats.Err = run.err
	if run.response != nil {
		run.stats.Status = run.response.Status
		run.stats.Received = len(run.response.Body.B)
		r.received(ctx, s, run)
	}
}

// received makes room for what is made of an answer that somebody else has read.
// The answer is given up if there is none.
func (r *run) received(ctx context.Context, s *step, run *stepRun) {
	adapt(s.received, int64(run.stats.Received))
	if err := run.room.For(ctx, run.stats.Received); err != nil {
		run.response.Body.Release()
		run.response, run.err, run.stats.Err = nil, err, err
	}
}

// body writes a request's body: {"query":"…","variables":{…}}.
func (r *run) body(s *step, run *stepRun) *Buffer {
	size := len(s.prefix) + 64
	for i := range s.entities {
		size += len(run.entities[i].text) + len(run.entities[i].spans) + 32
	}
	for _, v := range s.variables {
		size += len(v.key) + len(r.req.Variables.Get(v.name)) + 1
	}
	buffer := NewBuffer(size)
	b := buffer.B
	b = append(b, s.prefix...)
	if len(s.variables) > 0 || len(s.entities) > 0 {
		b = append(b, `,"variables":{`...)
		start := len(b)
		for _, v := range s.variables {
			text := r.req.Variables.Get(v.name)
			if text == nil {
				continue
			}
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(append(b, v.key...), text...)
		}
		for i, e := range s.entities {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(append(b, e.key...), '[')
			b = run.entities[i].representations(b)
			b = append(b, ']')
			for _, v := range e.values {
				b = append(append(append(b, ','), v.key...), v.text...)
			}
		}
		b = append(b, '}')
	}
	b = append(b, '}')
	buffer.B = b
	return buffer
}

// representations appends those that are to be sent, with commas.
func (e *entityRun) representations(b []byte) []byte {
	for i := range e.asked() {
		if i > 0 {
			b = append(b, ',')
		}
		s := e.spans[e.number(i)]
		b = append(b, e.text[s.start:s.end]...)
	}
	return b
}

// asked is how many entities are asked for, number which representation is
// the i-th of them.
func (e *entityRun) asked() int {
	if len(e.cached) > 0 {
		return len(e.sent)
	}
	return len(e.spans)
}

func (e *entityRun) number(i int) int {
	if len(e.cached) > 0 {
		return int(e.sent[i])
	}
	return i
}
