package gateway

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"souk/router/execute"
	"souk/router/internal/jointly"
	"souk/router/internal/lazycontext"
	"souk/router/operation"
)

// flightShards is how many parts flights has, so that requests on many processors do not wait for the
// same lock.
const flightShards = 32

// maxFlightAge is how old a query in progress may be that identical ones join, unless the timeout is short.
const maxFlightAge = 2 * time.Second

// flights holds the queries in progress whose responses identical queries can share.
type flights struct {
	seed   maphash.Seed
	writes *jointly.Writes
	maxAge time.Duration // of a flight that others join
	shards [flightShards]flightShard
	unused sync.Pool
}

type flightShard struct {
	mu   sync.Mutex
	open map[string]*flight
}

// A flight is one execution and the requests that wait for its response. It is used again if there
// are none.
type flight struct {
	jointly.Work
	shard   *flightShard
	key     []byte
	seized  bool             // Cancelled is called, perhaps later than the flight ends
	body    *execute.Body    // nil after a panic
	outcome execute.Response // without its memory
	// detached is what body points to.
	detached execute.Body
}

func (fs *flights) init(writes *jointly.Writes, timeout time.Duration) {
	fs.writes = writes
	fs.seed, fs.maxAge = maphash.MakeSeed(), jointly.MaxAge(maxFlightAge, timeout)
	for i := range fs.shards {
		fs.shards[i].open = map[string]*flight{}
	}
}

// enter joins the flight of an identical query, unless a mutation has ended since that began, or begins one,
// which the caller leads. That is joined by later ones, even if there is an older flight.
func (fs *flights) enter(key []byte, now time.Time) (f *flight, leads bool) {
	s := &fs.shards[maphash.Bytes(fs.seed, key)%flightShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	writes := fs.writes.Count()
	if f := s.open[string(key)]; f != nil {
		if f.IsOpen(now, fs.maxAge, writes) {
			f.Join()
			return f, false
		}
		delete(s.open, string(key)) // the entry's key is that of the older flight
	}
	if f, _ = fs.unused.Get().(*flight); f == nil {
		f = &flight{}
	}
	f.Init(&s.mu, f, now, writes)
	f.shard, f.key = s, append(f.key[:0], key...)
	s.open[view(f.key)] = f
	return f, true
}

// free keeps a flight for the next one, unless others have joined it, who may still read it. The leader
// calls it when it has released the body.
func (fs *flights) free(f *flight) {
	if !f.Joined() && !f.seized && cap(f.key) <= maxKeptKey {
		*f = flight{key: f.key[:0]}
		fs.unused.Put(f)
	}
}

// maxKeptKey bounds the key of a flight that is kept, in bytes.
const maxKeptKey = 16 << 10

// Close implements jointly.Result.
func (f *flight) Close() {
	if f.shard.open[view(f.key)] == f { // it may be replaced
		delete(f.shard.open, view(f.key))
	}
}

// Retain implements jointly.Result.
func (f *flight) Retain() {
	if f.body != nil {
		f.body.Retain()
	}
}

// Release implements jointly.Result.
func (f *flight) Release() {
	if f.body != nil {
		f.body.Release()
	}
}

// deduplicates reports whether identical queries of identical callers share a response. By default
// they do, unless the program or a coprocessor extends the router, since responses may then depend on
// what the router does not know of, or subgraphs shall get each query.
func (gw *Gateway) deduplicates() bool {
	c := gw.config.TrafficShaping
	if c.Router.Deduplicate != nil {
		return *c.Router.Deduplicate
	}
	each := c.All.DeduplicateQuery != nil && !*c.All.DeduplicateQuery
	return !each && gw.hooks == nil && !gw.options.Extended
}

// shares reports whether a request may share the response of an identical one. It does not if
// the response may have headers for one client, such as Set-Cookie, or its plan.
func (x *exchange) shares(p *prepared) bool {
	return x.sharing && !x.receives && x.exposed == exposeNothing && p.op.Kind == operation.Query &&
		(x.options.Recorder == nil || execute.CacheInspectionFrom(x.r.Context()) == nil)
}

// appendShareKey appends a key of everything that a response depends on: the operation with the fields
// that the caller may read, the set of labels, and the snapshot, which is that of a request in progress
// as long as the key is in use; the variables; the caller; and each header that a subgraph or the gateway
// may read.
func (x *exchange) appendShareKey(b []byte, p *prepared) []byte {
	part := func(s string) { b = appendPart(b, s) }
	b = append(b, p.key[:]...)
	b = binary.NativeEndian.AppendUint64(b, uint64(uintptr(unsafe.Pointer(x.snapshot))))
	for _, v := range p.vars {
		part(v.Name)
		b = appendPart(b, v.Value)
	}
	if x.options.Caller != nil {
		part(x.options.Caller(x.r).Scope)
	}
	if p.demand != nil {
		b = binary.NativeEndian.AppendUint64(b, math.Float64bits(p.demand.max)) // clients may see it
	}
	x.appendState(part)
	for _, name := range x.sharedHeaders {
		b = x.appendHeader(b, name)
	}
	if len(x.sent.Patterns) > 0 {
		for _, name := range x.sent.In(x.r.Header) {
			b = x.appendHeader(b, name)
		}
	}
	return b
}

// appendState adds the parts of a key that hooks and forwarded values make.
func (x *exchange) appendState(part func(string)) {
	if x.hooked != nil {
		part(x.hooked.Partition)
	}
	if x.forwards() {
		part(x.keyOf(x.snapshot.forwarded.extensions, x.snapshot.forwarded.values))
	}
}

// appendHeader adds a header to a key. A header that is absent differs from one that is empty.
func (x *exchange) appendHeader(b []byte, name string) []byte {
	values := x.r.Header[name]
	b = binary.AppendUvarint(appendPart(b, name), uint64(len(values)))
	for _, value := range values {
		b = appendPart(b, value)
	}
	return b
}

// appendPart adds a text to a key, with its length, so that no two lists of texts have the same key.
func appendPart[T string | json.RawMessage](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// streamKey returns a key of everything that the events of a subscription depend on: the
// operation and its snapshot, the caller, and the headers that subgraphs receive.
func (x *exchange) streamKey(p *prepared) string {
	return fmt.Sprintf("%p\x00%s\x00%s", x.snapshot, x.caller().Scope, x.equalityKey(p, x.sent.In(x.r.Header)))
}

// equalityKey returns the same key for requests with the same operation, variables,
// labels and values of the named headers.
func (x *exchange) equalityKey(p *prepared, headers []string) string {
	var b strings.Builder
	part := func(s string) {
		b.WriteString(s)
		b.WriteByte(0)
	}
	part(x.snapshot.id)
	part(p.document.text)
	part(p.document.name)
	part(p.op.Key())
	part(string(p.labels))
	x.appendState(part)
	for _, v := range p.vars {
		part(v.Name)
		part(string(v.Value))
	}
	for _, name := range headers {
		part(name)
		for _, value := range x.r.Header[name] {
			part(value)
		}
		part("")
	}
	return b.String()
}

// newSharedHeaders returns the names of the headers that identical queries have in common, besides
// those that match patterns.
func (gw *Gateway) newSharedHeaders() []string {
	names := append([]string{"Authorization", "Cookie"}, gw.config.Authentication.JWT.Headers()...)
	names = append(names, gw.config.TrafficShaping.Router.DeduplicateBy...)
	names = append(names, gw.sent.Names...)
	for i := range names {
		names[i] = http.CanonicalHeaderKey(names[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// serveShared responds to a query with the response of an identical one in progress, if
// there is one.
func (x *exchange) serveShared(p *prepared, start time.Time) {
	f := x.join(x.r.Context(), p, start)
	switch {
	case f == nil: // the client has disconnected
	case f.body == nil:
		x.fail(errFlight)
	default:
		defer x.flights.free(f)
		defer f.body.Release()
		x.sawShared(f)
		x.respond(p, f.body.Bytes, &f.outcome)
	}
}

// join waits for an identical query in progress, or executes the query for all identical
// ones that arrive in the meantime. The execution goes on while one of their clients is there. join
// returns nil if ctx ends while it waits. Otherwise the caller must release the body, which is nil if
// the execution failed.
func (x *exchange) join(ctx context.Context, p *prepared, start time.Time) *flight {
	key := scratch.get()
	defer scratch.put(key)
	key.Write(x.appendShareKey(key.AvailableBuffer(), p)) // the buffer keeps its new size
	f, leads := x.flights.enter(key.Bytes(), x.now())
	if x.seen != nil {
		x.seen.Shared = !leads
	}
	if leads {
		x.execute(ctx, f, p, start)
		return f
	}
	x.metrics.Joined.Inc()
	if !f.Wait(ctx) {
		return nil
	}
	if f.body != nil && !f.outcome.Shed { // otherwise, it is rejected
		x.metrics.Ended(x.metrics.blame.Outcome(f.outcome.Codes, f.outcome.DataNull)).Inc()
	}
	return f
}

var errFlight = errors.New("the shared execution of an identical query failed")

// execute executes the query of a flight for a client, and hands the response to all that wait for it.
func (x *exchange) execute(client context.Context, f *flight, p *prepared, start time.Time) {
	defer f.End()
	running := new(lazycontext.Context)
	running.InitDetached(client, x.expiry())
	defer running.Cancel()
	leaves := f.Begin(client, running)
	defer func() { f.seized = !leaves.Stop() }()
	response := x.run(running, p, start)
	f.body = &f.detached
	response.Detach(f.body)
	f.outcome = execute.Response{Errors: response.Errors, Codes: response.Codes, Services: response.Services, DataNull: response.DataNull, Control: response.Control, Shed: response.Shed, Denied: response.Denied}
	if nothingSent(response.Fetches) {
		f.outcome.Fetches = slices.Clone(response.Fetches) // they decide about the status
	}
	response.Release()
}
