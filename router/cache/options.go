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

// Options configure a Cache. Nothing is cached that Subgraphs does not name.
type Options struct {
	// Redis says where Redis is; nil for the in-process layer alone.
	Redis *redis.UniversalOptions
	// Prefix begins all keys: "{souk:entities}:" if empty. Its braces keep
	// all keys in one slot of a Redis Cluster, as MGET needs.
	Prefix string
	// Timeout bounds each command: 150 ms if zero.
	Timeout time.Duration
	// LocalBytes bounds the in-process layer: 32 MiB if zero, off if negative.
	LocalBytes int64
	// LocalTTL bounds how long it keeps a value: 500 ms if zero.
	LocalTTL time.Duration
	// MaxValueBytes bounds a value: 64 KiB if zero. Larger ones are not kept.
	MaxValueBytes int

	// Subgraphs says what is kept, by the subgraphs' names.
	Subgraphs map[string]Subgraph
	// Streams are the Redis streams of CloudEvents to follow. In a Redis
	// Cluster they may be in any slot.
	Streams []string
	// Events says, by event type, which entities an event is about: those
	// whose key is the event's subject.
	Events map[string][]Entity

	// Dependency is told how Redis serves; nil for nobody.
	Dependency *dependency.Dependency

	Metrics *telemetry.Metrics
	Logger  *slog.Logger
	// Now is the time: time.Now if nil.
	Now func() time.Time
}

// Subgraph says what is kept of a subgraph's answers.
type Subgraph struct {
	// Types are the entity types to keep.
	Types map[string]Rule
	// Root are the root fields of queries to keep. A root fetch is kept if
	// all of its fields are named.
	Root map[string]Rule
	// Propagated are the names of the client's headers that the subgraph is
	// sent. Its answers may depend on them.
	Propagated []string
}

// Rule says how answers are kept.
type Rule struct {
	// TTL is how long at most. Cache-Control headers of subgraphs and
	// @cacheControl in the schema shorten it.
	TTL time.Duration
	// Private keeps answers apart by caller even if the schema does not say so.
	Private bool
	// Shared says that answers are the same for all callers although the
	// subgraph is sent headers of theirs. Otherwise an answer is kept for
	// requests with equal headers, unless the subgraph says that it is public.
	Shared bool
	// Vary names request headers on which answers depend in any case.
	Vary []string
}

// Entity names what an event's subject identifies.
type Entity struct {
	// Type is an object type, and Key the field that holds the subject.
	Type, Key string
}

// Settle is for the Dependency: the follower tells several times a second that
// Redis serves, while look-ups may fail.
const Settle = 5 * time.Second

// DefaultKey is the key field by which entities of a type are invalidated if
// no event names one.
const DefaultKey = "id"

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "{souk:entities}:"
	}
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
				errs = append(errs, fmt.Errorf("entity cache: subgraph %s, %s: answers cannot be both private and shared", name, what))
			}
		}
		for typ, r := range s.Types {
			if r.TTL <= 0 {
				errs = append(errs, fmt.Errorf("entity cache: subgraph %s, type %s: ttl is %s, must be more than 0", name, typ, r.TTL))
			}
		}
		for field, r := range s.Root {
			if r.TTL <= 0 {
				errs = append(errs, fmt.Errorf("entity cache: subgraph %s, root field %s: ttl is %s, must be more than 0", name, field, r.TTL))
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
				errs = append(errs, fmt.Errorf("entity cache: events identify %s by %s and by %s: one key is supported", e.Type, other, e.Key))
			}
			keys[e.Type] = e.Key
		}
	}
	return errors.Join(errs...)
}

// keyField is the field by which entities of a type are invalidated.
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

// rules goes through the rules of a subgraph, by what they are for.
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

// warn tells of answers that are kept for each caller apart only because the
// subgraph is sent headers of the client: that is safe, but finds little.
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
			o.Logger.Warn("entity cache: cached answers are kept apart by caller, since the subgraph is sent client headers. If they are the same for every caller, set shared: true for the subgraph, or list them in shared_types and shared_root, under response_cache.subgraph.subgraphs",
				"subgraph", name, "types", apart, "headers", s.Propagated)
		}
	}
}

// callers are the headers, in canonical form and in order, by which a rule
// keeps callers apart.
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

// longestTTL is the longest that any value may be kept.
func (o Options) longestTTL() time.Duration {
	var longest time.Duration
	for _, s := range o.Subgraphs {
		for _, r := range s.Types {
			longest = max(longest, r.TTL)
		}
		for _, r := range s.Root {
			longest = max(longest, r.TTL)
		}
	}
	return longest
}
