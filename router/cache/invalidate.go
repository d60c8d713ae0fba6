package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// invalidationsKey is the stream with which routers notify each other of
	// invalidations through the API and by mutations.
	invalidationsKey = "invalidations"
	// maxInvalidations bounds its length approximately.
	maxInvalidations = 10_000
)

// Invalidate invalidates the entities of an object type with these values of the key
// field, or the whole type if keys is empty. It also invalidates root fetches that depend
// on the type. After an error, Redis may still have outdated values; it is not used until
// a new epoch has started.
func (c *Cache) Invalidate(ctx context.Context, typ string, keys ...string) error {
	return c.invalidate(ctx, "api", []Invalidation{{Type: typ, Keys: keys}})
}

// InvalidateTag invalidates the values that have a cache tag: those of some subgraphs or, without
// any, of all. Otherwise it is like Invalidate.
func (c *Cache) InvalidateTag(ctx context.Context, tag string, subgraphs ...string) error {
	return c.invalidate(ctx, "api", []Invalidation{{CacheTag: tag, Subgraphs: subgraphs}})
}

// InvalidateType invalidates the values of a type that some subgraphs have resolved or, without
// any, all of them: entities of the type, and root fetches that depend on it. Those of Query are
// the root fields. Otherwise it is like Invalidate.
func (c *Cache) InvalidateType(ctx context.Context, typ string, subgraphs ...string) error {
	return c.invalidate(ctx, "api", []Invalidation{{Type: typ, Subgraphs: subgraphs}})
}

// InvalidateSubgraphs invalidates all values that subgraphs have resolved. Otherwise it is like
// Invalidate.
func (c *Cache) InvalidateSubgraphs(ctx context.Context, subgraphs ...string) error {
	return c.invalidate(ctx, "api", []Invalidation{{Subgraphs: subgraphs}})
}

// invalidate invalidates entities of several types, for a reason that is "api" or "mutation".
func (c *Cache) invalidate(ctx context.Context, reason string, list []Invalidation) error {
	var tags []string
	for _, i := range list {
		switch {
		case i.CacheTag != "":
			c.options.Metrics.EntityCache.TagInvalidated(reason).Inc()
		case i.Type == "":
			for _, typ := range c.options.cachedTypes(i.Subgraphs) {
				c.options.Metrics.EntityCache.Invalidated(typ, reason).Inc()
			}
		default:
			c.options.Metrics.EntityCache.Invalidated(i.Type, reason).Add(float64(max(len(i.Keys), 1)))
		}
		c.tell(i.told(reason))
		tags = append(tags, c.tagsFor(i)...)
	}
	if c.store == nil {
		c.bump(tags)
		return nil
	}
	// Complete the invalidation even if the client disconnects.
	ctx = context.WithoutCancel(ctx)
	err := c.apply(ctx, c.store.client, tags)
	if err == nil {
		err = c.publish(ctx, reason, list)
	}
	if err != nil {
		c.follower.suspect.Store(true)
		return fmt.Errorf("invalidating %s: %w", list[0].what(), err)
	}
	return nil
}

// publish notifies the other routers of invalidations.
func (c *Cache) publish(ctx context.Context, reason string, list []Invalidation) error {
	ctx, cancel := context.WithTimeout(ctx, c.store.timeout)
	defer cancel()
	_, err := c.store.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, i := range list {
			body, err := json.Marshal(i)
			if err != nil {
				return err
			}
			pipe.XAdd(ctx, &redis.XAddArgs{
				Stream: c.options.prefix + invalidationsKey, MaxLen: maxInvalidations, Approx: true,
				Values: []any{"invalidation", body, "router", c.name, "reason", reason},
			})
		}
		return nil
	})
	return err
}

// An Invalidation identifies entities of a type, or all of them if Keys is empty. With a cache
// tag, it identifies the values that have it. Without both, it identifies all values of Subgraphs.
// Otherwise Subgraphs limits it to their values, which is not possible with Keys.
type Invalidation struct {
	Type string   `json:"type,omitempty"`
	Keys []string `json:"keys,omitempty"`

	CacheTag  string   `json:"cache_tag,omitempty"`
	Subgraphs []string `json:"subgraphs,omitempty"`
}

// what describes an invalidation for an error.
func (i *Invalidation) what() string {
	switch {
	case i.CacheTag != "":
		return "the cache tag " + i.CacheTag
	case i.Type == "":
		return "the subgraph " + strings.Join(i.Subgraphs, ", ")
	}
	return i.Type
}

func (i *Invalidation) told(reason string) Invalidated {
	return Invalidated{Type: i.Type, Keys: i.Keys, CacheTag: i.CacheTag, Subgraphs: i.Subgraphs, Reason: reason}
}

// Invalidated describes an invalidation to Options.Invalidated.
type Invalidated struct {
	Type string
	// Keys are the values of the key field; empty for the whole type.
	Keys []string
	// CacheTag is set instead of Type for an invalidation by cache tag.
	CacheTag string
	// Subgraphs are those whose values are invalidated; empty for all.
	Subgraphs []string
	// Reason is the type of the event, "api" or "mutation", with " of a router" if it was
	// another one.
	Reason string
}

func (c *Cache) tell(i Invalidated) {
	if c.options.Invalidated != nil {
		c.options.Invalidated(i)
	}
}

// tagsFor returns the tags of an invalidation.
func (c *Cache) tagsFor(i Invalidation) []string {
	if i.CacheTag != "" {
		return c.options.labelTags(i.CacheTag, i.Subgraphs)
	}
	if i.Type == "" {
		return c.options.subgraphTags(i.Subgraphs)
	}
	return c.options.typeTags(i.Type, i.Keys, i.Subgraphs)
}

// typeTags returns the tags to invalidate for a type, in the subgraphs or, without any, in all.
func (o Options) typeTags(typ string, keys, subgraphs []string) (tags []string) {
	for name := range o.Subgraphs {
		if len(subgraphs) > 0 && !slices.Contains(subgraphs, name) {
			continue
		}
		tags = append(tags, anyTag(name, typ))
		if len(keys) == 0 {
			tags = append(tags, wholeTag(name, typ))
		}
	}
	for _, key := range keys {
		tags = append(tags, entityTag(typ, key))
	}
	return tags
}

// subgraphTags returns the tags that all values of subgraphs depend on.
func (o Options) subgraphTags(subgraphs []string) (tags []string) {
	for _, name := range subgraphs {
		for _, typ := range o.cachedTypes([]string{name}) {
			tags = append(tags, wholeTag(name, typ))
		}
	}
	return tags
}

// cachedTypes returns the types whose values are cached in subgraphs, with Query for root fields.
func (o Options) cachedTypes(subgraphs []string) (types []string) {
	for _, name := range subgraphs {
		types = slices.AppendSeq(types, maps.Keys(o.Subgraphs[name].Types))
		if len(o.Subgraphs[name].Root) > 0 {
			types = append(types, rootType)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// apply deletes version tokens, in Redis first. In the reverse order, a concurrent
// request could copy an outdated value from Redis into the process.
func (c *Cache) apply(ctx context.Context, client redis.UniversalClient, tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	defer c.bump(tags)
	keys := make([]string, len(tags))
	for i, tag := range tags {
		keys[i] = c.options.prefix + tag
	}
	ctx, cancel := context.WithTimeout(ctx, c.store.timeout)
	defer cancel()
	if err := c.follower.pulse.run(ctx, client, func(p redis.Pipeliner) { p.Unlink(ctx, keys...) }); err != nil {
		return fmt.Errorf("deleting version tokens: %w", err)
	}
	return nil
}

// bump changes the local versions of tags.
func (c *Cache) bump(tags []string) {
	for _, tag := range tags {
		c.versions.bump(tag)
	}
}

// tagsOf returns the tags that a stream entry invalidates, none for an entry that does
// not concern the cache.
func (c *Cache) tagsOf(stream string, fields map[string]any) []string {
	if stream == c.options.prefix+invalidationsKey {
		text, _ := fields["invalidation"].(string)
		var i Invalidation
		if json.Unmarshal([]byte(text), &i) != nil || i.Type == "" && i.CacheTag == "" && len(i.Subgraphs) == 0 {
			return nil
		}
		if fields["router"] != c.name { // otherwise Invalidate has told it
			reason, ok := fields["reason"].(string)
			if !ok { // of a router of an earlier version
				reason = "api"
			}
			c.tell(i.told(reason + " of a router"))
		}
		return c.tagsFor(i)
	}
	event, err := readEvent(fields)
	if err != nil {
		c.options.Logger.Warn("entity cache: ignoring an entry of an event stream that is not a CloudEvent", "stream", stream, "error", err)
		return nil
	}
	var tags []string
	for _, entity := range c.options.Events[event.Type] {
		c.options.Metrics.EntityCache.Invalidated(entity.Type, "event").Inc()
		told := Invalidated{Type: entity.Type, Reason: event.Type}
		if event.Subject != "" {
			told.Keys = []string{event.Subject}
		}
		c.tell(told)
		if event.Subject == "" {
			tags = append(tags, c.options.typeTags(entity.Type, nil, nil)...)
		} else {
			tags = append(tags, c.options.typeTags(entity.Type, []string{event.Subject}, nil)...)
		}
	}
	for _, format := range c.options.EventTags[event.Type] {
		label := strings.ReplaceAll(format, "{subject}", event.Subject)
		c.options.Metrics.EntityCache.TagInvalidated("event").Inc()
		c.tell(Invalidated{CacheTag: label, Reason: event.Type})
		tags = append(tags, c.options.labelTags(label, nil)...)
	}
	return tags
}

// A cloudEvent has the attributes that the cache needs (CloudEvents 1.0, JSON format).
type cloudEvent struct {
	Type    string `json:"type"`
	Subject string `json:"subject"`
}

// readEvent returns the event in a stream entry. An entry has the event as JSON in any
// field, or its attributes as fields.
func readEvent(fields map[string]any) (cloudEvent, error) {
	if typ, ok := fields["type"].(string); ok {
		if subject, ok := fields["subject"].(string); ok {
			return cloudEvent{Type: typ, Subject: subject}, nil
		}
	}
	for _, field := range fields {
		text, _ := field.(string)
		if text == "" || text[0] != '{' {
			continue
		}
		var e struct {
			cloudEvent
			Specversion string `json:"specversion"`
		}
		if err := json.Unmarshal([]byte(text), &e); err == nil && e.Specversion != "" && e.Type != "" {
			return e.cloudEvent, nil
		}
	}
	return cloudEvent{}, errors.New("no field contains a CloudEvent")
}
