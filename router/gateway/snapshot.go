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
	"souk/internal/memory"
	"souk/internal/users"
	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/internal/panics"
	"souk/router/introspect"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
	"souk/router/usage"
)

// A snapshot is everything made from one supergraph. When a new supergraph replaces
// it, it is released after its last request has ended.
type snapshot struct {
	gateway *Gateway
	sum     digest // of the SDL
	id      string // the beginning of sum in hexadecimal
	length  int    // of the SDL
	sdl     string // for hooks, the console, wait_for_subgraphs and remote supergraphs; empty without
	loaded  time.Time
	model   *supergraph.Model
	schema  *operation.Schema
	// limitedSchemas are those of clients with limits of their own. accepted has no limits: it is
	// for documents that were within them.
	limitedSchemas limitedSchemas
	accepted       *operation.Schema
	elements       *usage.Schema
	planner        *planner.Planner
	quick          *planner.Planner // ends the search for a better plan early
	executor       *execute.Executor
	transport      execute.Transport
	close          func()
	rest           RESTHandler
	forwarded      forwarded
	// authorize and demand may be nil.
	authorize Authorizer
	demand    *limit.Estimator
	// estimate may be nil. It is for the console.
	estimate func(*operation.Operation, operation.Variables) (float64, error)

	// marksStale is set if responses may contain expired entries, which are marked.
	marksStale bool

	documents *bytecache.Cache[string, *document]
	templates *bytecache.Cache[string, *outline]
	plans     *bytecache.Cache[planKey, planned]
	audiences audiences
	planning  singleflight.Group
	cold      coldWork

	// users counts the requests to the GraphQL endpoint, which are the most. holders counts others,
	// plus one as long as there are users, and one while the snapshot is current.
	users   *users.Count
	holders atomic.Int64
}

// A document is the cache entry for a document text and an operation name, within the limits of a
// client.
type document struct {
	*operation.Document
	// template is set if the document has variables in the places of literals. The text is then that
	// of one of the documents that it is for, and the key is that in the cache of templates.
	template *operation.Template
	// key is the key in the document cache; text is a substring of it.
	key, text, name string
	// base is the initial size in bytes. weighed is the growth since then that was
	// last reported to the cache.
	base     int
	weighing sync.Mutex
	weighed  atomic.Int64
	// hash is the SHA-256 of the text, in hex.
	hash string
	// redacted is the text without values. It is nil until needed.
	redacted atomic.Pointer[string]
	// limits are the limits of a client that the document is within: its name, or "".
	limits string
	// reported are the limits beyond which a request or response of the document was logged.
	reported atomic.Uint32
	// described is what the console knows of the document. It is nil if the console is off.
	described *record.Document
	// programs says where the programs for recent combinations of conditions and labels are.
	programs atomic.Pointer[[]specialised]
}

// describedSize is the memory of a record.Document besides its texts, in bytes.
const describedSize = 256

// grown returns the size in bytes of the document's operations, and of what finds their programs,
// which are added after the document is cached. The plan cache counts the programs.
func (d *document) grown() int64 {
	grown := int64(d.Retained())
	if redacted := d.redacted.Load(); redacted != nil {
		grown += int64(len(*redacted))
	}
	if d.described != nil {
		grown += describedSize
		if d.described.Cut {
			grown += int64(len(d.described.Text))
		}
	}
	if known := d.programs.Load(); known != nil {
		grown += int64(unsafe.Sizeof(*known))
		for i := range *known {
			grown += int64((*known)[i].size())
		}
	}
	return grown
}

// choose returns the document's operation for the variables. If deferring is false,
// @defer has no effect.
func (d *document) choose(vars operation.Variables, deferring bool) *operation.Operation {
	if deferring {
		return d.Operation(vars)
	}
	return d.Undeferred(vars)
}

// newSnapshot makes a snapshot of a supergraph with a digest. If that panics, the one before stays in use.
func (gw *Gateway) newSnapshot(sdl string, sum digest) (s *snapshot, err error) {
	err = panics.Catch(func() error {
		s, err = gw.load(sdl, sum)
		return err
	})
	if p := (*panics.Error)(nil); errors.As(err, &p) {
		gw.logger.Error("reading the supergraph failed unexpectedly", "error", err, "stack", string(p.Stack))
		s = nil
	}
	return s, err
}

// load makes a snapshot.
func (gw *Gateway) load(sdl string, sum digest) (*snapshot, error) {
	var formerModel *supergraph.Model
	var formerSchema *operation.Schema
	pause := func() {}
	if former := gw.current.Load(); former != nil {
		if len(sdl) >= returned {
			defer memory.Postpone(min(int64(len(sdl))*building, mostBuilding))()
		}
		formerModel, formerSchema, pause = former.model, former.schema, former.pause()
	}
	model, err := supergraph.ParseAfter(sdl, formerModel, pause)
	if err != nil {
		return nil, fmt.Errorf("reading the supergraph: %w", err)
	}
	if err := gw.servable(model); err != nil {
		return nil, err
	}
	pause()
	schema, err := operation.NewSchemaAfter(model.APISchema, formerSchema, pause)
	if err != nil {
		return nil, err
	}
	pause()
	if !gw.config.Introspection && !gw.config.Dev {
		schema.HideSuggestions()
	}
	schema.Limits = Limits(gw.config.Limits)
	limited := newLimitedSchemas(gw.config.Limits, schema)
	transport, closeTransport, err := gw.options.Transport(model)
	if problems := (config.Errors)(nil); errors.As(err, &problems) {
		return nil, problems // they contain their positions in the file
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
	pause()
	elements := usage.NewSchema(schema.Definitions(), gw.options.Uses, deprecations(gw.config.Telemetry.Deprecations), pause)
	pause()
	plans := planner.New(model, planner.Options{})
	pause()
	s := &snapshot{
		gateway:   gw,
		sum:       sum,
		id:        hex.EncodeToString(sum[:8]),
		length:    len(sdl),
		loaded:    time.Now(),
		model:     model,
		schema:    schema,
		accepted:  schema.With(operation.Limits{}),
		elements:  elements,
		planner:   plans,
		quick:     plans.Quick(),
		transport: transport,
		close:     closeTransport,

		limitedSchemas: limited,
		marksStale:     gw.config.ResponseCache.MarksStale(),

		documents: bytecache.NewSelective[string, *document](gw.config.Caches.Documents, gw.metrics.Document.Observer()),
		templates: bytecache.NewSelective[string, *outline](gw.config.Caches.Templates, bytecache.Observer{}),
		plans:     bytecache.NewSelective[planKey, planned](gw.config.Caches.Plans, gw.metrics.Plan.Observer()),
		cold:      gw.cold,
	}
	pause()
	s.forwarded = gw.newForwarded(s.subgraphs())
	s.executor = execute.New(execute.Options{
		Transport:  transport,
		Cache:      entities,
		Introspect: introspect.New(schema).Answer,
		Observe:    gw.options.Observe,
		HideErrors: gw.hidesErrors,
		Stage:      gw.executionStages(),
		Memory:     gw.options.Memory,
		LogError:   gw.options.LogError,
		Now:        gw.options.Now,

		ForwardExtensions: func(subgraph string) []string { return s.forwarded.extensionsOf[subgraph] },
		ReturnExtensions:  gw.config.ResponseExtensions,
		EarlyBytes:        gw.config.TrafficShaping.Router.StreamResponses.MinBytes,
		EarlyDelay:        gw.config.TrafficShaping.Router.StreamResponses.After,

		MaxRepresentations: gw.enforced("max_representations", gw.config.Limits.MaxRepresentations),
		MaxResponseBytes:   gw.enforced("max_response_bytes", gw.config.Limits.MaxResponseBytes),
	})
	if gw.hooks != nil || gw.options.Recorder != nil || gw.config.Supergraph.WaitForSubgraphs > 0 || gw.config.Supergraph.Remote.Configured() {
		s.sdl = sdl
	}
	if gw.options.Authorize != nil {
		s.authorize = gw.options.Authorize(model)
	}
	if gw.options.Demand != nil {
		s.demand = gw.options.Demand(model)
	}
	if gw.options.Estimate != nil {
		s.estimate = gw.options.Estimate(model)
	}
	pause()
	s.users = users.New(s.release)
	s.holders.Store(2)
	if gw.options.REST != nil {
		if s.rest, err = gw.options.REST(model.APISchema, &restExecutor{gw, s}); err != nil {
			return nil, fmt.Errorf("preparing the REST routes: %w", err)
		}
	}
	return s, nil
}

// servable refuses a supergraph whose requests would fail, or that would lack protection, and
// logs what has no effect.
func (gw *Gateway) servable(m *supergraph.Model) (err error) {
	for _, u := range m.Unserved {
		switch {
		case u.Subgraph != "" && len(gw.config.OverrideSubgraphURLs[u.Subgraph]) > 0:
		case u.Fatal:
			err = errors.Join(err, errors.New(u.Problem))
		default:
			gw.logger.Warn("the supergraph has what the router does not serve", "problem", u.Problem)
		}
	}
	if err != nil {
		return fmt.Errorf("the supergraph cannot be served: %w", err)
	}
	return nil
}

// Limits returns the limits of documents in a configuration.
func Limits(c config.Limits) operation.Limits {
	l := operation.Limits{
		Tokens: c.MaxTokens, Recursion: c.MaxRecursion, Depth: c.MaxDepth, Height: c.MaxHeight, Aliases: c.MaxAliases,
		RootFields: c.MaxRootFields, Directives: c.MaxDirectives, Fields: c.MaxFields,
		ListItems: c.MaxListItems,
	}
	for name, code := range map[string]string{
		"max_depth": operation.CodeMaxDepth, "max_height": operation.CodeMaxHeight, "max_aliases": operation.CodeMaxAliases,
		"max_root_fields": operation.CodeMaxRootFields, "max_directives": operation.CodeMaxDirectives, "max_fields": operation.CodeMaxFields,
		"parser_max_tokens": operation.CodeMaxTokens, "parser_max_recursion": operation.CodeMaxRecursion, "max_list_items": operation.CodeMaxListItems,
	} {
		if c.Logs(name) {
			l.Logged = append(l.Logged, code)
		}
	}
	return l
}

// retain adds a holder. It reports false if the snapshot has been released.
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

// retire releases a snapshot that is not current any more.
func (s *snapshot) retire() {
	s.users.Close()
	s.release()
}

func (s *snapshot) release() {
	if s.holders.Add(-1) == 0 {
		s.documents.Clear()
		s.templates.Clear()
		s.plans.Clear()
		s.close()
		if s.length >= returned {
			memory.ReturnSpare()
		}
	}
}

// returned is the length of an SDL from which on what building its graph has taken is returned to the
// operating system. A collection for less would not pay.
const returned = 256 << 10

const (
	// building is how many times the length of its SDL the heap may grow more while a graph is built,
	// which takes about half of that. mostBuilding bounds it.
	building     = 12
	mostBuilding = 64 << 20
)

// returnMemory returns the memory that it took to build the first snapshot.
func (s *snapshot) returnMemory() {
	if s.length >= returned {
		memory.Return()
	}
}

// parseDocument parses and validates a document, notes its outline k, and stores it in the cache
// under its key. Few documents are parsed at the same time.
func (s *snapshot) parseDocument(ctx context.Context, seen *record.Operation, key string, q question, schema limitedSchema, k *sketch) (*document, error) {
	done, err := s.cold.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	text := key[:len(q.text)]
	parsed, err := s.parse(ctx, schema.Schema, seen, text, string(q.name))
	if err != nil {
		return nil, err
	}
	for _, e := range parsed.Exceeded() {
		s.gateway.logger.WarnContext(ctx, exceedsLimit, "operation", parsed.Name(), "code", e.Code, "limit", e.Message)
	}
	sum := sha256.Sum256(q.text)
	d := &document{Document: parsed, key: key, text: text, name: string(q.name), hash: hex.EncodeToString(sum[:]), limits: schema.client}
	if s.gateway.records() {
		s.describe(d)
	}
	s.note(k, d)
	parsed.Compact()
	d.base = int(unsafe.Sizeof(*d)) + parsed.Size() + len(d.name) + len(d.hash) // Size includes the text
	grown := d.grown()
	d.weighed.Store(grown)
	return s.documents.Put(key, d, d.base+int(grown)), nil
}

// parse parses and validates a document, and notifies the observer and the console of the
// stages.
func (s *snapshot) parse(ctx context.Context, schema *operation.Schema, seen *record.Operation, text, name string) (*operation.Document, error) {
	end := notObserved
	parsed, err := schema.ParseStages(text, name, func(stage operation.Stage) {
		end(nil)
		if stage == operation.StageValidate {
			seen.Mark(record.Parse)
		}
		_, end = s.gateway.beginStage(ctx, parseStages[stage])
	})
	end(err)
	return parsed, err
}

// parseStages maps the stages of parsing to their names for observers.
var parseStages = map[operation.Stage]hook.StageName{
	operation.StageParse: hook.Parse, operation.StageValidate: hook.Validate, operation.StageNormalise: hook.Normalize,
}

// beginStage notifies the observer of the beginning of a stage. The returned function
// notifies it of the end.
func (gw *Gateway) beginStage(ctx context.Context, name hook.StageName) (context.Context, func(error)) {
	if gw.options.Observer == nil {
		return ctx, notObserved
	}
	return gw.options.Observer.BeginStage(ctx, hook.Stage{Name: name})
}

func notObserved(error) {}

// executionStages returns a function that notifies the observer of the stages within an
// execution, or nil if there is no observer.
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

// view returns b as a string without copying it, for a cache look-up that does not
// retain the key. The compiler avoids the copy by itself only for built-in maps.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// reweigh updates the size of a document in the cache after it has grown.
func (s *snapshot) reweigh(d *document) {
	if d.weighed.Load() == d.grown() {
		return
	}
	d.weighing.Lock()
	defer d.weighing.Unlock()
	grown := d.grown()
	d.weighed.Store(grown)
	if d.template != nil {
		s.templates.Reweigh(d.key, d.base+int(grown))
		return
	}
	s.documents.Reweigh(d.key, d.base+int(grown))
}
