package execute

import (
	"context"
	"net/http"
	"time"

	"souk/router/operation"
)

// An EntityCache keeps what subgraphs answered beyond a request: entities,
// and the data of whole root fetches. It is asked before each request to a
// subgraph; what it finds is not fetched. It is for queries only: mutations
// and subscriptions neither read nor fill it, but the entity fetches of a
// subscription's events do.
//
// An implementation is safe for concurrent use. It never fails a request: a
// cache that cannot be reached finds nothing and stores nothing.
type EntityCache interface {
	// Covers says whether the cache would ever hold answers to s, so that
	// what it does not care for costs nothing. It is asked for each fetch
	// and must be cheap.
	Covers(s *CacheSelection) bool

	// Lookup fills in Found of each lookup. The lookups are those of one
	// request to a subgraph, given together so that one round trip answers
	// all. What Found points to is kept until the response is released,
	// so it must not be changed or reused after.
	Lookup(ctx context.Context, caller Caller, lookups []*CacheLookup)

	// Store is given the same lookups after the fetch of what was missing,
	// with Fetched and Control filled in, and only if something is to be
	// stored. All byte slices are the executor's and are reused once Store
	// has returned; a slow cache copies what it keeps and returns.
	Store(ctx context.Context, caller Caller, lookups []*CacheLookup)
}

// A CacheSelection says what is selected from a subgraph, for all requests
// with the same plan. It is made when a plan is compiled.
type CacheSelection struct {
	Subgraph string
	// Types are the types of the representations, in order, without
	// repetition; nil for a root fetch.
	Types []string
	// Root are the names of the root fields selected; nil for entities.
	Root []string
	// Selection is the selection set on the entity ("{... on Product{name}}")
	// or of the whole operation, with the fragments it uses, as text.
	// Entity selections of different operations are equal if their texts are.
	Selection string
	// Key is a hash (SHA-256, cut to 128 bits) of Subgraph and Selection,
	// stable between processes.
	Key [16]byte
}

// A CacheLookup is what one request asks of the cache for one selection.
type CacheLookup struct {
	*CacheSelection
	// Variables are the values of the client's variables that Selection uses,
	// in order of their names. An answer is good only for equal ones.
	Variables operation.Variables
	// Representations are the entities asked for, distinct, each a JSON
	// object as it is sent ({"__typename":"Product","id":"1"}). A root fetch
	// has one that is empty.
	Representations [][]byte
	// Found is filled in by Lookup: one for each of Representations. It comes
	// with that length and all zero.
	Found []Found
	// Fetched are, for each of Representations, the JSON objects as the
	// subgraph answered them; nil for what was found, and for what must not
	// be stored: null, or with an error anywhere inside.
	Fetched [][]byte
	// Control is what the subgraph's Cache-Control says of Fetched, and Vary
	// its Vary header.
	Control CacheControl
	Vary    []string
	// Private is filled in by Lookup: it says that answers to the selection
	// are for the caller alone, whatever the subgraph says.
	Private bool
	// State is the cache's own: what Lookup leaves here Store finds, such as
	// the generations that were current before the fetch. The executor sets
	// it to nil before Lookup and leaves it alone.
	State any
}

// Found is an answer from the cache.
type Found struct {
	// JSON is the object as the subgraph answered it, or nil if not found.
	JSON []byte
	// TTL is how long it may still be kept.
	TTL time.Duration
	// Private says that it is for the caller alone.
	Private bool
}

// A Caller says for whom a request is made.
type Caller struct {
	// Scope tells callers apart whose answers may differ ("user:42"); empty
	// for callers that need not be told apart. What is private is kept apart
	// by it, and not kept at all if it is empty.
	Scope string
	// Header is the client's, for keys that depend on one of its fields.
	Header http.Header
	// Partition, unless empty, keeps all answers apart from those of other
	// partitions.
	Partition string
}

// CacheControl is how long an answer may be kept, and by whom (RFC 9111,
// section 5.2.2, of which it knows max-age, s-maxage, no-store, no-cache,
// private and public).
type CacheControl struct {
	// Set says that the subgraph sent a Cache-Control header.
	Set bool
	// MaxAge is how long the answer may still be kept: s-maxage or max-age,
	// less the Age header; zero also for no-store and no-cache.
	MaxAge time.Duration
	// Private says that it is for the caller alone.
	Private bool
	// Public says that it may be given to others although the request had
	// credentials: the subgraph says public or s-maxage (RFC 9111, section
	// 3.5), and not private. Only Store is told.
	Public bool
}
