package cache

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

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
	// Cluster they have to be in Prefix's slot.
	Streams []string
	// Events says, by event type, which entities an event is about: those
	// whose key is the event's subject.
	Events map[string][]Entity

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
}

// Rule says how answers are kept.
type Rule struct {
	// TTL is how long at most. Cache-Control headers of subgraphs and
	// @cacheControl in the schema shorten it.
	TTL time.Duration
	// Private keeps answers apart by caller even if the schema does not say so.
	Private bool
	// Vary names request headers on which answers depend.
	Vary []string
}

// Entity names what an event's subject identifies.
type Entity struct {
	// Type is an object type, and Key the field that holds the subject.
	Type, Key string
}

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
