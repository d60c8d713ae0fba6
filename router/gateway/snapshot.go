package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sync/singleflight"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/introspect"
	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// A generation is everything made from one supergraph. It is given up as a
// whole when there is a new one and its last request has ended.
type snapshot struct {
	gateway  *Gateway
	id       string // hash of the SDL
	model    *supergraph.Model
	schema   *operation.Schema
	planner  *planner.Planner
	redactor func() (*operation.Redactor, error)
	executor *execute.Executor
	close    func()
	rest     RESTHandler
	// authorize and admit may be nil.
	authorize Authorizer
	admit     Admitter

	documents *bytecache.Cache[string, *document]
	plans     *bytecache.Cache[string, planned]
	planning  singleflight.Group
	cold      coldWork

	// holders are the requests under way, and one more while it is current.
	holders atomic.Int64
}

// A document is what is kept of a text and an operation's name.
type document struct {
	*operation.Document
	// key is that of the document cache; text is a part of it.
	key, text, name string
	// base is what it weighed at first, in bytes; weighed is what the cache was
	// last told that it has grown by.
	base     int
	weighing sync.Mutex
	weighed  atomic.Int64
	// hash is the text's SHA-256 in hex.
	hash string
	// redacted is the text without values, once it was asked for.
	redacted atomic.Pointer[string]
	// programs are those of the operations the document has given so far.
	programs atomic.Pointer[[]specialised]
}

type specialised struct {
	op      *operation.Operation
	program *execute.Program
	// conditions are variables that give the operation.
	conditions operation.Variables
	deferring  bool
	labels     labelSet
	weight     int // of the program, in bytes
}

// grown is how many bytes the document's operations and programs take by now.
func (d *document) grown() int64 {
	grown := int64(d.Retained())
	if redacted := d.redacted.Load(); redacted != nil {
		grown += int64(len(*redacted))
	}
	if known := d.programs.Load(); known != nil {
		for i := range *known {
			grown += int64((*known)[i].weight)
		}
	}
	return grown
}

// choose gives the document's operation for a client that takes what is under
// @defer later, or one that does not.
func (d *document) choose(vars operation.Variables, deferring bool) *operation.Operation {
	if deferring {
		return d.Operation(vars)
	}
	return d.Undeferred(vars)
}

func (gw *Gateway) newSnapshot(sdl string) (*snapshot, error) {
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return nil, fmt.Errorf("reading the supergraph: %w", err)
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		return nil, err
	}
	if !gw.config.Introspection && !gw.config.Dev {
		schema.HideSuggestions()
	}
	schema.Limits = limits(gw.config.Limits)
	transport, closeTransport, err := gw.options.Transport(model)
	if problems := (config.Errors)(nil); errors.As(err, &problems) {
		return nil, problems // which say where they are
	}
	if err != nil {
		return nil, fmt.Errorf("preparing requests to subgraphs: %w", err)
	}
	var entities execute.EntityCache
	if gw.options.EntityCache != nil {
		if entities, err = gw.options.EntityCache(model); err != nil {
			return nil, fmt.Errorf("preparing the entity cache: %w", err)
		}
	}
	sum := sha256.Sum256([]byte(sdl))
	s := &snapshot{
		gateway:   gw,
		id:        hex.EncodeToString(sum[:8]),
		model:     model,
		schema:    schema,
		planner:   planner.New(model, planner.Options{}),
		redactor:  sync.OnceValues(func() (*operation.Redactor, error) { return operation.NewRedactor(model.APISchema) }),
		close:     closeTransport,
		documents: bytecache.New[string, *document](gw.config.Caches.Documents, observer(gw.metrics.Document)),
		plans:     bytecache.New[string, planned](gw.config.Caches.Plans, observer(gw.metrics.Plan)),
		cold:      gw.cold,
	}
	s.executor = execute.New(execute.Options{
		Transport:  transport,
		Cache:      entities,
		Introspect: introspect.New(schema).Answer,
		Observe:    gw.options.Observe,
		HideErrors: gw.hidesErrors,
		Stage:      gw.executionStages(),
		Memory:     gw.options.Memory,
	})
	if gw.options.Authorize != nil {
		s.authorize = gw.options.Authorize(model)
	}
	if gw.options.Admit != nil {
		s.admit = gw.options.Admit(model)
	}
	s.holders.Store(1)
	if gw.options.REST != nil {
		if s.rest, err = gw.options.REST(model.APISchema, &restExecutor{gw, s}); err != nil {
			return nil, fmt.Errorf("preparing the REST routes: %w", err)
		}
	}
	return s, nil
}

func limits(c config.Limits) operation.Limits {
	return operation.Limits{
		Tokens: c.MaxTokens, Depth: c.MaxDepth, Aliases: c.MaxAliases,
		RootFields: c.MaxRootFields, Directives: c.MaxDirectives, Fields: c.MaxFields,
		ListItems: c.MaxListItems,
	}
}

// retain adds a holder, unless the generation has been given up.
func (s *snapshot) retain() bool {
	for {
		n := s.holders.Load()
		if n == 0 {
			return false
		}
		if s.holders.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *snapshot) release() {
	if s.holders.Add(-1) == 0 {
		s.documents.Clear()
		s.plans.Clear()
		s.close()
	}
}

// document finds or makes the document of a request. key is scratch space.
func (s *snapshot) document(ctx context.Context, m *metrics, key, text, name []byte) (*document, bool, error) {
	key = append(append(append(key[:0], text...), 0), name...)
	if d, ok := s.documents.Get(view(key)); ok {
		m.documentHits.Inc()
		return d, true, nil
	}
	m.documentMisses.Inc()
	done, err := s.cold.begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer done()
	whole := string(key)
	kept := whole[:len(text)]
	parsed, err := s.parse(ctx, kept, string(name))
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(text)
	d := &document{Document: parsed, key: whole, text: kept, name: string(name), hash: hex.EncodeToString(sum[:])}
	d.base = parsed.Size() + len(name) // the text is among it
	return s.documents.Put(whole, d, d.base), false, nil
}

// parse parses and validates a document.
func (s *snapshot) parse(ctx context.Context, text, name string) (*operation.Document, error) {
	if s.gateway.options.Observer == nil {
		return s.schema.Parse(text, name)
	}
	end := notObserved
	parsed, err := s.schema.ParseStages(text, name, func(stage operation.Stage) {
		end(nil)
		_, end = s.gateway.beginStage(ctx, parseStages[stage])
	})
	end(err)
	return parsed, err
}

// parseStages are the names of the stages of parsing.
var parseStages = map[operation.Stage]hook.StageName{
	operation.StageParse: hook.Parse, operation.StageValidate: hook.Validate, operation.StageNormalise: hook.Normalize,
}

// beginStage tells the observer of a stage; the result tells it of its end.
func (gw *Gateway) beginStage(ctx context.Context, name hook.StageName) (context.Context, func(error)) {
	if gw.options.Observer == nil {
		return ctx, notObserved
	}
	return gw.options.Observer.BeginStage(ctx, hook.Stage{Name: name})
}

func notObserved(error) {}

// executionStages tells the observer of stages within an execution; nil if there
// is none.
func (gw *Gateway) executionStages() func(context.Context, execute.Stage, string) func() {
	if gw.options.Observer == nil {
		return nil
	}
	return func(ctx context.Context, s execute.Stage, subgraph string) func() {
		stage := hook.Stage{Name: hook.Project, Subgraph: subgraph}
		if s == execute.CacheLookups {
			stage.Name = hook.CacheLookup
		}
		_, end := gw.options.Observer.BeginStage(ctx, stage)
		return func() { end(nil) }
	}
}

// view is the text of bytes for a look-up, which keeps nothing of it. Converting
// would copy: only for a plain map does the compiler see that it need not.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// reweigh tells the cache what a document has come to weigh.
func (s *snapshot) reweigh(d *document) {
	if d.weighed.Load() == d.grown() {
		return
	}
	d.weighing.Lock()
	defer d.weighing.Unlock()
	grown := d.grown()
	d.weighed.Store(grown)
	s.documents.Reweigh(d.key, d.base+int(grown))
}

// A planned program is kept with its weight in bytes.
type planned struct {
	*execute.Program
	weight int
}

// programSize sizes a program with what it keeps alive of its operation.
var programSize = heapsize.NewSizer((*supergraph.Model)(nil), (*supergraph.Type)(nil), (*supergraph.Field)(nil), (*supergraph.Subgraph)(nil))

// program finds or makes the program of an operation. Several requests for
// the same one wait for a single planning.
//
// An operation that is not one of the document's own, but was made for a
// caller, is found by its text every time.
func (s *snapshot) program(ctx context.Context, m *metrics, of *prepared) (*execute.Program, bool, error) {
	d, op := of.document, of.op
	if known := d.programs.Load(); known != nil {
		for i := range *known {
			if (*known)[i].op == op && (*known)[i].labels == of.labels {
				m.planHits.Inc()
				return (*known)[i].program, true, nil
			}
		}
	}
	key := op.Key()
	if of.labels != "" {
		key += "\x00" + string(of.labels)
	}
	p, hit := s.plans.Get(key)
	if !hit {
		m.planMisses.Inc()
		made, err, _ := s.planning.Do(key, func() (any, error) { return s.plan(ctx, m, key, of) })
		if err != nil {
			return nil, false, err
		}
		p = made.(planned)
	} else {
		m.planHits.Inc()
	}
	if op == d.choose(of.vars, of.deferring) && p.weight <= maxSpecialisedBytes {
		d.keep(specialised{op, p.Program, d.Conditions(of.vars), of.deferring, of.labels, p.weight})
		s.reweigh(d)
	}
	return p.Program, hit, ctx.Err()
}

// plan makes a program and keeps it.
func (s *snapshot) plan(ctx context.Context, m *metrics, key string, of *prepared) (planned, error) {
	if p, ok := s.plans.Get(key); ok {
		return p, nil
	}
	// Others wait for this too, so it does not end with the request that began it.
	done, err := s.cold.begin(context.WithoutCancel(ctx))
	if err != nil {
		return planned{}, err
	}
	defer done()
	start := time.Now()
	_, end := s.gateway.beginStage(ctx, hook.QueryPlan)
	program, err := s.compile(of.op, of.labels)
	end(err)
	m.planDuration.Observe(time.Since(start).Seconds())
	if err != nil {
		return planned{}, err
	}
	p := planned{program, len(key) + programSize.Of(program)}
	return s.plans.Put(key, p, p.weight), nil
}

func (s *snapshot) compile(op *operation.Operation, labels labelSet) (*execute.Program, error) {
	p, err := s.planner.Plan(op, labels.names(s.model)...)
	if err != nil {
		return nil, err
	}
	program, err := execute.Compile(p)
	if err != nil {
		return nil, fmt.Errorf("compiling a plan: %w", err)
	}
	program.Audience = s.audience(op, program)
	if s.gateway.hooks.HasPlan() {
		program.Plan = p
	}
	return program, nil
}

// These bound what a document keeps of its own; the plan cache still has the
// rest.
const (
	maxSpecialised      = 16
	maxSpecialisedBytes = 1 << 20
)

func (d *document) keep(s specialised) {
	for {
		known := d.programs.Load()
		var list []specialised
		if known != nil && len(*known) < maxSpecialised {
			bytes := s.weight
			for _, k := range *known {
				bytes += k.weight
			}
			if bytes <= maxSpecialisedBytes {
				list = append(list, *known...)
			}
		}
		list = append(list, s)
		if d.programs.CompareAndSwap(known, &list) {
			return
		}
	}
}
