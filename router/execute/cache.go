package execute

import (
	"context"
	"net/http"
	"time"

	"souk/router/operation"
	"souk/router/plan"
)

// An EntityCache keeps entities, and the data of whole root fetches, across
// requests. The executor looks entities up before each request to a subgraph and
// fetches only what is missing. Mutations and subscriptions do not use the cache,
// except for the entity fetches of a subscription's events.
//
// An implementation is safe for concurrent use. It never fails a request: a cache
// that is unavailable finds nothing and stores nothing.
type EntityCache interface {
	// Covers reports whether the cache may have entries for s. Other selections are
	// not looked up. Covers is called for each fetch and must be cheap.
	Covers(s *CacheSelection) bool

	// Lookup fills in Found of each lookup. All lookups belong to one request to a
	// subgraph, so a cache can combine them in one round trip. The executor refers to
	// the bytes in Found until the response is released, so the cache must not change
	// or reuse them.
	Lookup(ctx context.Context, caller Caller, lookups []*CacheLookup)

	// Store is called with the same lookups after the missing entities have been
	// fetched, with Fetched and Control filled in, if there is anything to store. The
	// executor reuses the byte slices once Store has returned. Store must not wait for
	// a slow cache: it copies what it keeps and returns.
	Store(ctx context.Context, caller Caller, lookups []*CacheLookup)

	// Expired is called with the same lookups if the subgraph has failed. For what
	// Lookup has not found, it fills in Found with expired entries that may be used in
	// this case, with their Age.
	Expired(ctx context.Context, caller Caller, lookups []*CacheLookup)

	// Mutated is called with the data in the response of a subgraph to a mutation, and what was
	// selected, before the client gets it. After it has returned, Lookup finds no entity that the
	// mutation returned as it was before.
	Mutated(ctx context.Context, selected plan.Selections, data []byte)
}

// A CacheSelection is what a fetch selects from a subgraph, for all requests
// with the same plan.
type CacheSelection struct {
	Subgraph string
	// Types are the types of the representations, in order, without duplicates;
	// nil for a root fetch.
	Types []string
	// Root are the names of the root fields selected; nil for entities.
	Root []string
	// Selections is the selection set on the entity, or that of the whole
	// operation. It must not be changed.
	Selections plan.Selections
	// Key is a hash (SHA-256, cut to 128 bits) of Subgraph and the text of the
	// selections, the same in all processes. Entity selections of different
	// operations have the same key if they select the same.
	Key [16]byte
}

// A CacheLookup is a request's lookup of one selection.
type CacheLookup struct {
	*CacheSelection
	// Variables are the values of the client's variables that Selections uses,
	// sorted by name. An entry is valid only for equal values.
	Variables operation.Variables
	// Representations are the requested entities, distinct, each a JSON object
	// as it is sent ({"__typename":"Product","id":"1"}). A root fetch has an
	// empty one.
	Representations [][]byte
	// Found is filled in by Lookup, one for each of Representations. It has
	// that length before, and all entries are zero.
	Found []Found
	// Fetched are, for each of Representations, the JSON objects in the
	// subgraph's response, or null for an entity that does not exist. They are nil for
	// what was found and for what must not be stored: an entity with an error anywhere
	// inside, or null in a response with errors.
	Fetched [][]byte
	// Control is the cache control of Fetched, and Vary the subgraph's Vary
	// header.
	Control CacheControl
	Vary    []string
	// Private is filled in by Lookup. It is set if entries for the selection
	// are for the caller alone, whatever the subgraph's header says.
	Private bool
	// Inspect, unless nil, has an entry for each of Representations, which the cache fills in.
	Inspect []*CacheEntry
	// WantTags is filled in by Lookup: Tags are of use to Store.
	WantTags bool
	// Tags are the cache tags in the extensions of the subgraph's response, for each of
	// Representations; nil without any. TagsUnclear is set if the extensions have some, but it is
	// not clear which belong to which entity.
	Tags        [][]string
	TagsUnclear bool
	// State belongs to the cache: Store finds what Lookup leaves here, such as
	// the version tokens before the fetch. The executor sets it to nil before
	// Lookup.
	State any
	// Done, unless nil, is filled in by Lookup: the executor calls it once, after Store, or
	// after the fetch has failed.
	Done func()
	// Refresh, unless nil, is filled in by Lookup: the executor fetches these entries again
	// in the background.
	Refresh *CacheRefresh
}

// A CacheRefresh names entries that a lookup has found although they have expired.
type CacheRefresh struct {
	// Indices are the indices of the entries in Found, in order.
	Indices []int
	// State is the State of the lookup that Store receives. In that lookup, Fetched has an
	// element for each of the representations, and there are no Representations.
	State any
	// Done is called once, after Store, or after the refresh has failed.
	Done func()
}

// Found is an entry of the cache.
type Found struct {
	// JSON is the object in the subgraph's response, null for an entity that does not
	// exist, or nil if not found.
	JSON []byte
	// TTL is how long the entry may still be kept.
	TTL time.Duration
	// Private is set if the entry is for the caller alone.
	Private bool
	// Stated is set if the subgraph stated how long its response may be kept.
	// Otherwise the TTL comes from the router's configuration and does not appear in
	// responses to clients: the router can invalidate its own entries, but not theirs.
	Stated bool
	// Age is the time since the entry was stored if the entry has expired, or 0.
	Age time.Duration
}

// A Caller identifies for whom a request is made.
type Caller struct {
	// Scope distinguishes callers whose responses can differ ("user:42"). It is empty
	// for callers without an identity. Private entries belong to a scope; without one
	// they are not cached.
	Scope string
	// ScopeBy returns the scope in which callers with equal claims are the same, for private
	// entries that depend on nothing else of the caller. It is empty for a caller without the
	// first claim. It may be nil if no entries need it.
	ScopeBy func(claims []string) string
	// Context returns the text of a value of the request context, or "". Private entries may
	// belong to it. It may be nil if no entries do.
	Context func(name string) string
	// Header is the client's header, for keys that depend on header fields.
	Header http.Header
	// Partition separates entries from those of other partitions.
	Partition string
	// Sent, unless nil, returns a key of what a subgraph receives in addition to the query, its
	// variables and the client's headers. Entries with other keys are apart.
	Sent func(subgraph string) string
}

// CacheControl is how long a response may be kept, and by whom (RFC 9111,
// section 5.2.2, of which it knows max-age, s-maxage, no-store, no-cache,
// private and public).
type CacheControl struct {
	// Set is true if the subgraph sent a Cache-Control header.
	Set bool
	// MaxAge is how long the response may still be kept: s-maxage or max-age,
	// less the Age header. It is 0 for no-store and no-cache.
	MaxAge time.Duration
	// Private is set if the response is for the caller alone.
	Private bool
	// Public is set if the response may be used for other callers although the request
	// had credentials: the header has public or s-maxage (RFC 9111, section 3.5), and
	// not private. Only Store uses it.
	Public bool
	// Revalidate is set if the response must not be used once it has expired (RFC 9111,
	// section 4.2.4): the header has must-revalidate, proxy-revalidate or s-maxage. Only
	// Store uses it.
	Revalidate bool
	// Age is the time since the oldest of the expired entries was stored, or 0 if there is
	// none. Responses of subgraphs do not have it.
	Age time.Duration
}
