package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// invalidationsKey is the stream by which routers tell each other of
	// what was invalidated through the API.
	invalidationsKey = "invalidations"
	// maxInvalidations bounds it, roughly.
	maxInvalidations = 10_000
)

// Invalidate declares entities of an object type out of date, by the values of
// their key, or the whole type if there are none. Root fetches that tell of the
// type go with it. After an error Redis may not know; the values are then not
// used until it was emptied.
func (c *Cache) Invalidate(ctx context.Context, typ string, keys ...string) error {
	c.options.Metrics.EntityCache.Invalidated(typ, "api").Add(float64(max(len(keys), 1)))
	tags := tagsFor(typ, keys)
	if c.store == nil {
		c.bump(tags)
		return nil
	}
	body, err := json.Marshal(Invalidation{Type: typ, Keys: keys})
	if err != nil {
		return fmt.Errorf("write an invalidation of %s: %w", typ, err)
	}
	// A client that goes away in the middle leaves nothing half done.
	ctx = context.WithoutCancel(ctx)
	err = c.apply(ctx, c.store.client, tags)
	if err == nil {
		bounded, cancel := context.WithTimeout(ctx, c.store.timeout)
		defer cancel()
		err = c.store.client.XAdd(bounded, &redis.XAddArgs{
			Stream: c.options.Prefix + invalidationsKey, MaxLen: maxInvalidations, Approx: true,
			Values: []any{"invalidation", body},
		}).Err()
	}
	if err != nil {
		c.follower.suspect.Store(true)
		return fmt.Errorf("invalidate %s: %w", typ, err)
	}
	return nil
}

// An Invalidation names entities of a type, or all of them if Keys is empty.
type Invalidation struct {
	Type string   `json:"type"`
	Keys []string `json:"keys,omitempty"`
}

// tagsFor are the generations that end.
func tagsFor(typ string, keys []string) []string {
	tags := []string{anyTag(typ)}
	if len(keys) == 0 {
		return append(tags, wholeTag(typ))
	}
	for _, key := range keys {
		tags = append(tags, entityTag(typ, key))
	}
	return tags
}

// apply ends generations, in Redis first: were it the other way round, a
// request in between could take the old value from Redis into the process.
func (c *Cache) apply(ctx context.Context, client redis.UniversalClient, tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	defer c.bump(tags)
	keys := make([]string, len(tags))
	for i, tag := range tags {
		keys[i] = c.options.Prefix + tag
	}
	ctx, cancel := context.WithTimeout(ctx, c.store.timeout)
	defer cancel()
	if err := c.follower.pulse.run(ctx, client, func(p redis.Pipeliner) { p.Unlink(ctx, keys...) }); err != nil {
		return fmt.Errorf("delete generations: %w", err)
	}
	return nil
}

func (c *Cache) bump(tags []string) {
	for _, tag := range tags {
		c.generations.bump(tag)
	}
}

// tagsOf are the generations that an entry of a stream ends. Entries that mean
// nothing to the cache end none.
func (c *Cache) tagsOf(stream string, fields map[string]any) []string {
	if stream == c.options.Prefix+invalidationsKey {
		text, _ := fields["invalidation"].(string)
		var i Invalidation
		if json.Unmarshal([]byte(text), &i) != nil || i.Type == "" {
			return nil
		}
		return tagsFor(i.Type, i.Keys)
	}
	event, err := readEvent(fields)
	if err != nil {
		c.options.Logger.Warn("entity cache: an entry of an event stream is not a CloudEvent", "stream", stream, "error", err)
		return nil
	}
	var tags []string
	for _, entity := range c.options.Events[event.Type] {
		c.options.Metrics.EntityCache.Invalidated(entity.Type, "event").Inc()
		if event.Subject == "" {
			tags = append(tags, tagsFor(entity.Type, nil)...)
		} else {
			tags = append(tags, tagsFor(entity.Type, []string{event.Subject})...)
		}
	}
	return tags
}

// cloudEvent is what the cache needs of one (CloudEvents 1.0, JSON format).
type cloudEvent struct {
	Type    string `json:"type"`
	Subject string `json:"subject"`
}

// readEvent finds the event in a stream's entry: as JSON in whatever field, or
// with its attributes as fields.
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
	return cloudEvent{}, errors.New("no field holds one")
}
