package cache

import (
	"context"
	"errors"
)

// A reading is what one request reads from Redis: the epoch, the version tokens that its
// items depend on, and their values.
type reading struct {
	store  *store
	epoch  string // known to the follower
	items  []item
	tags   []string
	index  map[string]int // indices in tags
	tokens []string
	found  []string
	// first has the index in found of the first value of each item.
	first []int

	scratch []string
}

// errUnusable means that Redis must not be used at present.
var errUnusable = errors.New("redis is not in use")

// read reads what items depend on, their values, and the tokens of the cache tags of those.
func (c *Cache) read(ctx context.Context, items []item) (*reading, error) {
	r, err := c.newReading(items)
	if err == nil {
		err = r.read(ctx)
	}
	if err == nil {
		err = r.readLabels(ctx)
	}
	return r, err
}

func (c *Cache) newReading(items []item) (*reading, error) {
	epoch, ok := c.follower.current()
	if !ok {
		return nil, errUnusable
	}
	r := &reading{store: c.store, epoch: epoch, items: items, index: make(map[string]int, len(items)+4)}
	for i := range items {
		it := &items[i]
		it.entity = it.entityTag()
		if it.entity != "" {
			r.add(it.entity)
		}
		for _, tag := range it.typ.tags {
			r.add(tag)
		}
		for _, tag := range it.labels {
			r.add(tag)
		}
		if it.policy.tellsTags {
			r.add(guardTag(it.policy.subgraph))
		}
	}
	return r, nil
}

func (r *reading) add(tag string) {
	if _, ok := r.index[tag]; !ok {
		r.index[tag] = len(r.tags)
		r.tags = append(r.tags, tag)
	}
}

func (r *reading) read(ctx context.Context) error {
	values := make([]string, 0, len(r.items))
	r.first = make([]int, 0, len(r.items)+1)
	for i := range r.items {
		it := &r.items[i]
		r.first = append(r.first, len(values))
		values = append(values, string(it.key[:]))
		if it.hasPublic {
			values = append(values, string(it.public[:]))
		}
	}
	r.first = append(r.first, len(values))
	epoch, tokens, found, err := r.store.read(ctx, r.tags, values)
	if err != nil {
		return err
	}
	// A different epoch is either a new one that the follower does not know yet,
	// or an old one in a Redis that restarted.
	if epoch != r.epoch {
		return errUnusable
	}
	r.tokens, r.found = tokens, found
	return nil
}

// values returns the values found for an item: under its own key and, if there is one, under
// the key of public responses. Missing values are empty.
func (r *reading) values(i int) []string { return r.found[r.first[i]:r.first[i+1]] }

// storedKey returns the key of the value with an index in reading.values.
func (it *item) storedKey(n int) digest {
	if n > 0 {
		return it.public
	}
	return it.key
}

// stamp returns the stamp of an item, or 0 if a token is missing.
func (r *reading) stamp(it *item) uint64 {
	tokens := r.scratch[:0]
	for _, tag := range it.typ.tags {
		tokens = append(tokens, r.tokens[r.index[tag]])
	}
	if it.entity != "" {
		tokens = append(tokens, r.tokens[r.index[it.entity]])
	}
	for _, tag := range it.labels {
		tokens = append(tokens, r.tokens[r.index[tag]])
	}
	r.scratch = tokens
	return stampOf(r.epoch, tokens)
}

// guard returns the token of the guard of an item's subgraph, or "".
func (r *reading) guard(it *item) string {
	if !it.policy.tellsTags {
		return ""
	}
	return r.tokens[r.index[guardTag(it.policy.subgraph)]]
}

// current reports whether a value has the stamp of the current tokens.
func (r *reading) current(it *item, v *value) bool {
	want := it.stamp
	if len(v.labels) > 0 {
		tokens := make([]string, len(v.labels))
		for i, label := range v.labels {
			if at, ok := r.index[labelTag(it.policy.subgraph, label)]; ok {
				tokens[i] = r.tokens[at]
			}
		}
		want = extendStamp(want, tokens)
	}
	return want != 0 && v.stamp == want
}

// readLabels reads the tokens of the cache tags that the values have.
func (r *reading) readLabels(ctx context.Context) error {
	known := len(r.tags)
	for i := range r.items {
		it := &r.items[i]
		for _, raw := range r.values(i) {
			if len(raw) <= headerSize || raw[0] != valueLabels {
				continue
			}
			labels, _, _ := readLabels([]byte(raw[headerSize:])) // decodeValue reports what is corrupt
			for _, label := range labels {
				r.add(labelTag(it.policy.subgraph, label))
			}
		}
	}
	if len(r.tags) == known {
		return nil
	}
	epoch, tokens, _, err := r.store.read(ctx, r.tags[known:], nil)
	if err == nil && epoch != r.epoch {
		err = errUnusable
	}
	r.tokens = append(r.tokens, tokens...)
	return err
}

// mint creates the missing tokens of items.
func (r *reading) mint(ctx context.Context, items []item) error {
	var missing []string
	need := func(tag string) {
		if i := r.index[tag]; r.tokens[i] == "" {
			missing = append(missing, tag)
			r.tokens[i] = "…" // requested; request it only once
		}
	}
	for i := range items {
		if items[i].entity != "" {
			need(items[i].entity)
		}
		for _, tag := range items[i].typ.tags {
			need(tag)
		}
		for _, tag := range items[i].labels {
			need(tag)
		}
		if p := items[i].policy; p.tellsTags {
			need(guardTag(p.subgraph))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	tokens, err := r.store.mint(ctx, missing)
	if err != nil {
		return err
	}
	for i, tag := range missing {
		r.tokens[r.index[tag]] = tokens[i]
	}
	return nil
}
