package execute

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"souk/internal/memory"
	"souk/router/operation"
)

// Options configure an Executor.
type Options struct {
	// Transport sends the requests; it must be set.
	Transport Transport
	// Cache, unless nil, is asked before each request to a subgraph.
	Cache EntityCache
	// Introspect answers a __schema or __type field, as JSON.
	Introspect func(f *operation.Field, vars operation.Variables) (json.RawMessage, error)
	// Observe, unless nil, is called for each request to a subgraph.
	Observe Observer
	// Stage, unless nil, is called when the cache lookup of a fetch and the
	// projection of a response begin, and returns what is called at their end.
	Stage func(ctx context.Context, s Stage, subgraph string) (end func())
	// HideErrors reports whether clients see only the code of a subgraph's
	// errors. Nil hides nothing.
	HideErrors func(subgraph string) bool
	// ReturnExtensions has the members of subgraphs' extensions that the client's response gets,
	// with what several subgraph responses make of one: first or last, as they arrive, or append
	// for a list of all.
	ReturnExtensions map[string]string
	// ForwardExtensions returns the names of the members of ClientExtensions that a subgraph gets
	// in the extensions of requests. Nil means none.
	ForwardExtensions func(subgraph string) []string
	// LogError, unless nil, is called for each error of a request to a subgraph, whatever
	// clients see of it. It must not keep requests waiting.
	LogError func(ctx context.Context, e FetchError)
	// Memory bounds what all requests in progress hold: the subgraphs'
	// responses, and then the client's response until it is released. Nil is no
	// bound.
	Memory *memory.Budget
	// MaxRepresentations bounds the entities in one request, and MaxResponseBytes the
	// response for a client; 0 is no bound. A request for more entities is not sent, and a
	// larger response is an error. A part of a response is cut off.
	MaxRepresentations, MaxResponseBytes int
	// EarlyBytes is how many bytes of the last subgraph response must have arrived, and EarlyDelay how
	// long it must have been arriving, before Request.Early gets any of the client's response.
	EarlyBytes int
	EarlyDelay time.Duration
	// Now is time.Now unless set.
	Now func() time.Time
}

// An Executor runs programs. It is safe for concurrent use.
type Executor struct {
	options Options
	seed    maphash.Seed
	turns   turns

	declared declaredTypes // of all programs
}

// executions are for the next requests, and layouts for the next plans, of any Executor. A pool of an
// Executor would keep it, and the graph that it is for, in memory until the second garbage collection
// after its last request.
var executions, layouts sync.Pool

// New makes an Executor.
func New(o Options) *Executor {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Executor{options: o, seed: maphash.MakeSeed(), turns: newTurns()}
}

// A Request is one execution of a program.
type Request struct {
	Program *Program
	// Variables are the coerced values of the operation's variables.
	Variables operation.Variables
	// Caller is for whom the request is made. Transports propagate from its
	// Header.
	Caller Caller
	// Files are the files of the client's request, or nil.
	Files Files
	// ClientExtensions are members of the extensions of the client's request. Subgraphs get
	// those that Options.ForwardExtensions names.
	ClientExtensions operation.Variables
	// IdempotencyKey, unless empty, lets the transport send a mutation more than once.
	IdempotencyKey string
	// Inspect, unless nil, collects what the cache does.
	Inspect *CacheInspection
	// Internals shows the client what otherwise only logs have: which address
	// failed and how, and what hidden subgraphs said. It is for development.
	Internals bool
	// Incremental is the format of the responses of Deliver.
	Incremental Incremental
	// LastEventID says where the events of a subscription begin: after this one, or with
	// the next one if it is "". Only subscriptions that a message broker feeds use it.
	LastEventID string
	// Early, unless nil, gets the response before it is complete, if that is possible. Only Execute
	// uses it.
	Early Early
	// Extensions, unless nil, returns a JSON object for the response's
	// "extensions", or nil for none. data is the response's "data", or nil for a
	// response of Deliver, which is the first of several.
	Extensions func(data []byte, fetches []FetchStatistics) []byte
}

// A Response is the client's response. It and everything it holds are invalid
// after Release.
type Response struct {
	// Body is a GraphQL response (GraphQL, section 7) as JSON:
	// {"data":…,"errors":[…],"extensions":{…}}.
	Body []byte
	// Errors is the number of errors in Body. Codes has their extensions.code, and
	// Services the subgraphs that they come from, even if the response does not name
	// them. A service is empty for an error of the router.
	Errors          int
	Codes, Services []string
	// DataNull is set if "data" is null.
	DataNull bool
	// Shed is set if something is missing from the response because the budget for
	// requests in progress was exhausted, and nothing has been changed: the client
	// should send the operation again later. Like Denied, it is not set if Request.Early has been
	// given a part of Body.
	Shed bool
	// More is set if further responses follow this one (see Deliver).
	More bool
	// Control is how long the response may be kept: the shortest time of all
	// subgraphs. It is not Set if one of them has no header, if there are
	// errors, and for anything but queries.
	Control CacheControl
	// Denied is the status, 401 or 403, with which a subgraph responded if none sent data.
	// Otherwise it is 0. It is not set for the responses of Deliver.
	Denied int
	// Objects is the number of objects in data, without the root. It is not set for the
	// responses of Deliver.
	Objects int
	// Fetches has one entry for each request to a subgraph, or for the cache
	// lookup that replaced it, in the order they ended.
	Fetches []FetchStatistics
	// EventID is the ID of the event of a subscription, or "" if it has none.
	EventID string

	buffer    *Buffer
	execution *execution
}

// A Body is a response's body with several holders. Its memory is released with
// the last of them.
type Body struct {
	// Bytes are valid until Release.
	Bytes   []byte
	buffer  *Buffer
	lease   memory.Lease
	holders atomic.Int32
}

// Detach takes the body, with the memory it is charged, out of a response, which
// is still to be released. There is one holder.
func (r *Response) Detach(b *Body) {
	b.Bytes, b.buffer = r.Body, r.buffer
	b.holders.Store(1)
	if r.execution != nil {
		b.lease.Take(&r.execution.lease)
	}
	r.Body, r.buffer = nil, nil
}

// Retain adds a holder.
func (b *Body) Retain() { b.holders.Add(1) }

// Release takes a holder away.
func (b *Body) Release() {
	if b.holders.Add(-1) == 0 {
		b.buffer.Release()
		b.lease.Release()
		b.Bytes = nil
	}
}

// Release releases the response's memory.
func (r *Response) Release() {
	r.buffer.Release()
	r.buffer, r.Body = nil, nil
	if r.execution == nil {
		return
	}
	done := r.execution
	done.lease.Release()
	*r = Response{Fetches: r.Fetches[:0]}
	clear(r.Fetches[:cap(r.Fetches)])
	done.free()
}

// Refuse reports whether the transport would refuse to send any mutation of a program now, so that the
// program need not be executed. It is always false for queries: the cache may have what they need.
func (e *Executor) Refuse(p *Program) bool {
	limiter, ok := e.options.Transport.(Limiter)
	if !ok || p.kind != operation.Mutation {
		return false
	}
	refused := false
	for _, f := range p.fetches {
		if f.kind != operation.Mutation {
			continue
		}
		if !limiter.Refuse(f.subgraph) {
			return false
		}
		refused = true
	}
	return refused
}

// Execute answers a query or a mutation. All that goes wrong is in the
// response's errors. It returns when all requests that it sent have ended, and
// ends them if ctx is done.
func (e *Executor) Execute(ctx context.Context, req *Request) *Response {
	x := e.start(req)
	x.schedule(ctx, nil)
	if e.options.Stage != nil {
		defer e.options.Stage(ctx, Projection, "")()
	}
	if e.turns.begin(ctx, x.responseBytes) {
		defer e.turns.end()
	}
	return x.respond()
}

// A Stage is a part of an execution that Options.Stage reports.
type Stage uint8

// The stages.
const (
	CacheLookups Stage = iota
	Projection
)
