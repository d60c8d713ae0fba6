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
	// Transport carries the requests; it must be set.
	Transport Transport
	// Cache is asked before each request to a subgraph, unless it is nil.
	Cache EntityCache
	// Introspect answers a __schema or __type field, as JSON.
	Introspect func(f *operation.Field, vars operation.Variables) (json.RawMessage, error)
	// Observe is told of every fetch, unless it is nil.
	Observe Observer
	// HideErrors says for which subgraphs the client is told only that there
	// was an error, and its code; nil hides nothing that a subgraph says.
	HideErrors func(subgraph string) bool
	// Memory bounds what all requests in progress hold: the subgraphs' answers,
	// then the response until it is released. Nil for no bound.
	Memory *memory.Budget
	// Now is time.Now unless set.
	Now func() time.Time
}

// An Executor runs programs. It is safe for concurrent use.
type Executor struct {
	options Options
	seed    maphash.Seed
	runs    sync.Pool
}

// New makes an Executor.
func New(o Options) *Executor {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Executor{options: o, seed: maphash.MakeSeed()}
}

// A Request is one execution of a program.
type Request struct {
	Program *Program
	// Variables are the coerced values of the operation's variables.
	Variables operation.Variables
	// Caller says for whom: its Header is what transports propagate from.
	Caller Caller
	// Internals shows the client what is otherwise for logs alone: which
	// address failed how, and what hidden subgraphs said. For development.
	Internals bool
	// Incremental is the form in which Deliver answers.
	Incremental Incremental
	// Extensions, unless nil, gives a JSON object for the response's
	// "extensions", or nil for none.
	Extensions func([]FetchStatistics) []byte
}

// A Response is what the client is answered. It and all it holds are invalid
// after Release.
type Response struct {
	// Body is a GraphQL response (GraphQL, section 7) as JSON:
	// {"data":…,"errors":[…],"extensions":{…}}.
	Body []byte
	// Errors is the number of errors in Body, Codes what their extensions.code
	// say.
	Errors int
	Codes  []string
	// DataNull says that "data" is null.
	DataNull bool
	// Shed says that something is missing from the response because the budget for
	// requests in progress was exhausted, and that nothing has been changed: the
	// client should send the operation again later.
	Shed bool
	// More says that further responses follow this one (see Deliver).
	More bool
	// Control says how long the answer may be kept: the least that any
	// subgraph said. It is not Set if one of them said nothing, if there are
	// errors, and for anything but queries.
	Control CacheControl
	// Fetches has one entry for each request to a subgraph, or to the cache
	// instead of one, in the order they ended.
	Fetches []FetchStatistics

	buffer *Buffer
	run    *run
}

// A Body is a response's body that several hold, the last of whom gives its
// memory back.
type Body struct {
	// Bytes are valid until Release.
	Bytes   []byte
	buffer  *Buffer
	lease   memory.Lease
	holders atomic.Int32
}

// Detach takes the body, with the memory it is charged, out of a response, which
// is still to be released. There is one holder.
func (r *Response) Detach() *Body {
	b := &Body{Bytes: r.Body, buffer: r.buffer}
	b.holders.Store(1)
	if r.run != nil {
		b.lease.Take(&r.run.lease)
	}
	r.Body, r.buffer = nil, nil
	return b
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

// Release gives the response's memory back.
func (r *Response) Release() {
	r.buffer.Release()
	r.buffer, r.Body = nil, nil
	if r.run == nil {
		return
	}
	done := r.run
	done.lease.Release()
	*r = Response{Fetches: r.Fetches[:0]}
	clear(r.Fetches[:cap(r.Fetches)])
	done.executor.runs.Put(done)
}

// Execute answers a query or a mutation. All that goes wrong is in the
// response's errors. It returns when all requests that it sent have ended, and
// ends them if ctx is done.
func (e *Executor) Execute(ctx context.Context, req *Request) *Response {
	r := e.start(req)
	r.schedule(ctx, nil)
	return r.respond()
}
