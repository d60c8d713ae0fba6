package cache

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
	"souk/router/telemetry"
)

// Options configure a Cache. Only what Subgraphs names is cached.
type Options struct {
	// Redis configures the connection to Redis; nil means the in-process layer
	// only.
	Redis *redis.UniversalOptions
	// KeyPrefix begins all keys in Redis.
	KeyPrefix string
	// Variant separates the values of caches that share invalidations, because the same request
	// has another response. It may be empty.
	Variant string
	// Timeout is the time limit of each command: 150 ms if zero.
	Timeout time.Duration
	// LocalBytes is the maximum size of the in-process layer in bytes: 32 MiB if
	// zero, off if negative.
	LocalBytes int64
	// LocalTTL is the maximum time a value stays in that layer: 500 ms if zero.
	LocalTTL time.Duration
	// MaxValueBytes is the maximum size of a value: 64 KiB if zero. Larger values
	// are not cached.
	MaxValueBytes int
	// Compare is the fraction of requests to subgraphs whose values found in Redis are
	// fetched nevertheless, and counted as equal or different. 0 compares none.
	Compare float64

	// RefillWait is how long a request waits at most for a value that another request or router
	// fetches. 0 is not at all: each fetches what it misses.
	RefillWait time.Duration

	// Subgraphs configures what is cached, by the name of the subgraph.
	Subgraphs map[string]Subgraph
	// Streams are the Redis streams of CloudEvents to follow. In a Redis Cluster
	// they can be in any slot.
	Streams []string
	// Events maps an event type to the entities that an event invalidates: those
	// whose key equals the subject of the event.
	Events map[string][]Entity

	// EventTags maps an event type to the cache tags that an event invalidates. {subject} in a
	// tag is the subject of the event.
	EventTags map[string][]string

	// Mutations invalidates the entities in responses to mutations, except those of the types
	// MutationsExcept.
	Mutations       bool
	MutationsExcept []string

	// Dependency receives the state of Redis; it may be nil.
	Dependency *dependency.Dependency

	// Invalidated is called for each invalidation, by an event or through the API. The key is
	// empty if it concerns the whole type. It may be nil.
	Invalidated func(i Invalidated)

	Metrics *telemetry.Metrics
	Logger  *slog.Logger
	// Now is the clock: time.Now if nil.
	Now func() time.Time

	// prefix is the prefix of all keys, with KeyPrefix. Its braces keep all keys in one
	// slot of a Redis Cluster, as required by MGET.
	prefix string
}

// Subgraph configures what is cached of a subgraph.
type Subgraph struct {
	// Types are the entity types to cache.
	Types map[string]Rule
	// Root are the root fields of queries to cache. A root fetch is cached if all
	// of its fields are listed.
	Root map[string]Rule
	// Propagated are the names of the client's headers that the subgraph receives.
	// Its responses may depend on them.
	Propagated []string
	// ResponseTags uses the cache tags in the extensions of responses: apolloCacheTags and
	// apolloEntityCacheTags.
	ResponseTags bool
}

// Rule configures how responses are cached.
type Rule struct {
	// TTL is the maximum lifetime. Cache-Control headers of subgraphs and
	// @cacheControl in the schema can shorten it.
	TTL time.Duration
	// Private caches responses separately for each caller, even if the schema
	// does not declare them private.
	Private bool
	// PrivateBy are the claims on which private responses depend, and on nothing else of the
	// caller. Without any, they depend on the caller's scope. Callers without the first claim
	// are not cached.
	PrivateBy []string
	// PrivateByContext is the value of the request context to which private responses belong in
	// place of the caller. Requests without it are not cached.
	PrivateByContext string
	// Shared declares that responses are the same for all callers, although the
	// subgraph receives client headers. Otherwise a response is used only for
	// requests with equal headers, unless the subgraph declares it public.
	Shared bool
	// Vary are request headers that responses always depend on.
	Vary []string
	// StaleIfError is how long after its lifetime a value may be used while the subgraph
	// fails, and StaleWhileRevalidate how long while it is fetched again in the
	// background. 0 is not at all.
	StaleIfError, StaleWhileRevalidate time.Duration
	// NegativeTTL is how long it is stored that an entity does not exist. 0 is not at all.
	NegativeTTL time.Duration
}

// Entity is the entity identified by an event's subject.
type Entity struct {
	// Type is an object type, and Key the key field with the subject's value.
	Type, Key string
}

// Settle is the dependency.Use.Settle to use for the cache: the follower succeeds several
// times per second even while lookups fail.
const Settle = 5 * time.Second

// DefaultKey is the key field for the invalidation of types without a configured event.
const DefaultKey = "id"

func (o Options) withDefaults() (Options, error) {
	o.prefix = o.KeyPrefix + "{" + o.KeyPrefix + "souk:entities}:"
	if o.Timeout == 0 {
		o.Timeout = 150 * time.Millisecond
	}
	if o.LocalBytes == 0 {
		o.LocalBytes = 32 << 20
	}
	if o.LocalTTL == 0 {
		o.LocalTTL = 500 * time.Millisecond
	}
	if o.MaxValueBytes == 0 {
		o.MaxValueBytes = 64 << 10
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, o.check()
}

func (o Options) check() error {
	var errs []error
	for name, s := range o.Subgraphs {
		for what, r := range s.rules {
			if r.Shared && r.Private {
				errs = append(errs, fmt.Errorf("entity cache: subgraph %s, %s: responses cannot be both private and shared", name, what))
			}
		}
		for typ, r := range s.Types {
			if r.TTL <= 0 {
				errs = append(errs, fmt.Errorf("entity cache: subgraph %s, type %s: ttl is %s but must be greater than 0", name, typ, r.TTL))
			}
		}
		for field, r := range s.Root {
			if r.TTL <= 0 {
				errs = append(errs, fmt.Errorf("entity cache: subgraph %s, root field %s: ttl is %s but must be greater than 0", name, field, r.TTL))
			}
		}
	}
	keys := map[string]string{}
	for event, entities := range o.Events {
		for _, e := range entities {
			if e.Type == "" || e.Key == "" {
				errs = append(errs, fmt.Errorf("entity cache: event %s: an entity needs a type and a key", event))
			}
			if other, ok := keys[e.Type]; ok && other != e.Key {
				errs = append(errs, fmt.Errorf("entity cache: events identify %s by %s and by %s; only one key field per type is supported", e.Type, other, e.Key))
			}
			keys[e.Type] = e.Key
		}
	}
	return errors.Join(errs...)
}

// keyField returns the field by which entities of a type are invalidated.
func (o Options) keyField(typ string) string {
	for _, entities := range o.Events {
		for _, e := range entities {
			if e.Type == typ {
				return e.Key
			}
		}
	}
	return DefaultKey
}

// rules iterates over the rules of a subgraph with the type or field they apply to.
func (s Subgraph) rules(yield func(string, Rule) bool) {
	for _, typ := range slices.Sorted(maps.Keys(s.Types)) {
		if !yield(typ, s.Types[typ]) {
			return
		}
	}
	for _, field := range slices.Sorted(maps.Keys(s.Root)) {
		if !yield("Query."+field, s.Root[field]) {
			return
		}
	}
}

// warn logs which responses are cached per caller only because the subgraph receives client
// headers. That is safe but leads to few hits.
func (o Options) warn() {
	for _, name := range slices.Sorted(maps.Keys(o.Subgraphs)) {
		s := o.Subgraphs[name]
		var apart []string
		for what, r := range s.rules {
			if !r.Private && len(s.callers(r)) > 0 {
				apart = append(apart, what)
			}
		}
		if len(apart) > 0 {
			o.Logger.Warn("entity cache: responses are cached separately for each caller because the subgraph receives client headers. If they are the same for every caller, set shared: true for the subgraph, or list them in shared_types and shared_root, under response_cache.subgraph.subgraphs",
				"subgraph", name, "types", apart, "headers", s.Propagated)
		}
	}
}

// callers returns the headers that distinguish callers for a rule, in canonical form and
// sorted.
func (s Subgraph) callers(r Rule) []string {
	if r.Shared {
		return nil
	}
	var names []string
	for _, name := range s.Propagated {
		name = http.CanonicalHeaderKey(name)
		if !slices.ContainsFunc(r.Vary, func(v string) bool { return http.CanonicalHeaderKey(v) == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// longestTTL returns the longest lifetime of any value.
func (o Options) longestTTL() time.Duration {
	return o.longest(func(r Rule) time.Duration { return r.TTL })
}

// longestUse returns the longest time that any value is used, before and after it expires.
func (o Options) longestUse() time.Duration {
	return o.longest(func(r Rule) time.Duration { return r.TTL + max(r.StaleIfError, r.StaleWhileRevalidate) })
}

func (o Options) longest(of func(Rule) time.Duration) time.Duration {
	var longest time.Duration
	for _, s := range o.Subgraphs {
		for _, r := range s.rules {
			longest = max(longest, of(r))
		}
	}
	return longest
}
