package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
)

// A digest is the key of a value: a hash of everything that the response depends on.
type digest [sha256.Size]byte

// An item is one representation to look up.
type item struct {
	lookup *execute.CacheLookup
	index  int
	policy *policy
	typ    *typePolicy
	key    digest
	// public is the key of a response that the subgraph declares public. It
	// exists only if the key depends on the caller.
	public    digest
	hasPublic bool
	// entity is the tag of the entity itself, or empty.
	entity string
	// labels are the tags of its cache tags that are known before the fetch.
	labels []string
	// guardLocal and guard are the version and the token of the subgraph's guard before the
	// fetch, if responses tell cache tags.
	guardLocal uint64
	guard      string
	// local and stamp identify the versions before the fetch, locally and in
	// Redis. A zero stamp is unknown; such a value is not stored in Redis.
	local, stamp uint64
	// found is the value in Redis, if the router also fetches it to compare.
	found []byte
	// refill is what this request is responsible for, if other requests wait for the value.
	refill *refill
	// again is set if the item has been counted, by a lookup before.
	again bool
}

func (it *item) count(c prometheus.Counter) {
	if !it.again {
		c.Inc()
	}
}

// pending is the state that Lookup passes to Store.
type pending struct {
	started time.Time
	items   []item
	// refresh is set if expired values of the items are in use.
	refresh bool
}

// Lookup implements execute.EntityCache.
func (v *View) Lookup(ctx context.Context, caller execute.Caller, lookups []*execute.CacheLookup) {
	c := v.cache
	now := c.options.Now()
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	var missing []item
	for _, l := range lookups {
		l.State, l.Refresh, l.Done = nil, nil, nil
		p := v.policy(l.CacheSelection)
		l.Private, l.WantTags = p.private, p.tellsTags
		of := owner{caller: &caller, scope: p.scope(&caller)}
		if p.ttl <= 0 || p.private && of.scope == "" {
			p.explain(l)
			continue
		}
		if caller.Sent != nil {
			of.sent = caller.Sent(l.Subgraph)
		}
		for i, representation := range l.Representations {
			typ := p.types[""]
			if typ == nil {
				typ = p.types[string(typename(representation))]
			}
			if typ == nil {
				continue
			}
			it := item{lookup: l, index: i, policy: p, typ: typ}
			if !it.label(scratch) {
				it.count(typ.metrics.Untagged)
				it.explain("none", untaggable)
				continue
			}
			it.key = p.digest(scratch, l, of, representation, p.callers)
			if it.hasPublic = len(p.callers) > 0 && !p.private; it.hasPublic {
				it.public = p.digest(scratch, l, of, representation, nil)
			}
			it.sample(c, scratch)
			if !c.takeLocal(&it, now) {
				missing = append(missing, it)
			}
		}
	}
	if len(missing) == 0 {
		return
	}
	missing = c.fromRedis(ctx, now, missing)
	if c.store != nil && c.options.RefillWait > 0 {
		missing, now = c.share(ctx, now, missing, lookups)
	}
	c.leave(now, missing)
}

// takeLocal uses the value of an item in the in-process layer, if there is one.
func (c *Cache) takeLocal(it *item, now time.Time) bool {
	e := c.local.get(it.key, it.local, now)
	if e == nil && it.hasPublic {
		e = c.local.get(it.public, it.local, now)
	}
	if e == nil || e.extra != nil && c.versions.sum(e.extra) != e.extraStamp {
		return false
	}
	it.lookup.Found[it.index] = execute.Found{JSON: e.json, TTL: e.expires.Sub(now), Private: e.private, Stated: e.stated}
	it.inspected("local", nil, 0, e.expires.Sub(now))
	it.count(it.typ.metrics.Local)
	return true
}

// leave stores the missing items in their lookups, for Store.
func (c *Cache) leave(now time.Time, items []item) {
	for first := 0; first < len(items); {
		l, end := items[first].lookup, first+1
		refills := items[first].refill != nil
		for end < len(items) && items[end].lookup == l {
			refills = refills || items[end].refill != nil
			end++
		}
		state := &pending{started: now, items: items[first:end]}
		l.State = state
		if refills {
			l.Done = func() { c.release(state.items) }
		}
		first = end
	}
}

// fromRedis looks items up in Redis and returns the missing ones with their stamps.
func (c *Cache) fromRedis(ctx context.Context, now time.Time, items []item) []item {
	if c.store == nil {
		count(items, func(t *typePolicy) { t.metrics.Miss.Inc() })
		return items
	}
	r, err := c.read(ctx, items)
	if err != nil {
		count(items, func(t *typePolicy) { t.metrics.Unavailable.Inc() })
		for i := range items {
			items[i].explain("unavailable", "")
		}
		return items
	}
	rest, compare := items[:0], !items[0].again && c.compares()
	for i := range items {
		it := &items[i]
		it.stamp, it.guard = r.stamp(it), r.guard(it)
		if !c.take(it, r, i, compare, now) {
			rest = append(rest, *it)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	// Missing tokens must exist before the fetch, so that an invalidation can
	// delete them.
	if r.mint(ctx, rest) == nil {
		for i := range rest {
			rest[i].stamp, rest[i].guard = r.stamp(&rest[i]), r.guard(&rest[i])
		}
	} else {
		for i := range rest {
			rest[i].stamp = 0
		}
	}
	return rest
}

// take uses the first fresh value of an item from Redis, or keeps it to compare. It uses an
// expired one that may be refreshed in the background.
func (c *Cache) take(it *item, r *reading, n int, compare bool, now time.Time) bool {
	metrics := it.typ.metrics
	outcome := metrics.Miss
	for i, raw := range r.values(n) {
		if raw == "" {
			continue
		}
		key := it.storedKey(i)
		v, err := decodeValue(key, []byte(raw))
		if err != nil {
			outcome = metrics.Corrupt
			continue
		}
		if !r.current(it, &v) {
			outcome = metrics.Stale
			continue
		}
		left := v.ttl - v.age(now)
		if left <= 0 {
			if v.usable(it.policy.staleWhileRevalidate, now) {
				it.count(metrics.Expired)
				it.use(v, now)
				it.inspected("expired", v.labels, v.age(now), 0)
				c.refreshes.ask(it, now)
				return true
			}
			continue
		}
		it.count(metrics.Redis)
		it.inspected("redis", v.labels, v.age(now), left)
		metrics.Age.Observe(now.Sub(v.stored).Seconds())
		if compare {
			it.found = v.json
			return false
		}
		it.lookup.Found[it.index] = execute.Found{JSON: v.json, TTL: left, Private: v.private, Stated: v.stated}
		c.putLocal(it, &localEntry{key: key, json: v.json, private: v.private, stated: v.stated, expires: now.Add(left)}, v.labels, now, c.options.Now())
		return true
	}
	it.count(outcome)
	it.inspected(resultOf(outcome, metrics), nil, 0, 0)
	return false
}

// Store implements execute.EntityCache.
func (v *View) Store(_ context.Context, _ execute.Caller, lookups []*execute.CacheLookup) {
	c := v.cache
	now := c.options.Now()
	var writes []write
	for _, l := range lookups {
		state, ok := l.State.(*pending)
		if !ok {
			continue
		}
		for i := range state.items {
			it := &state.items[i]
			json := l.Fetched[it.index]
			c.compare(it, json)
			ttl := it.policy.lifetime(l.Control)
			null := string(json) == "null"
			if null {
				ttl = min(ttl, it.policy.negative)
			}
			key, ok := v.storageKey(it, l)
			labels, tagged := it.told(l)
			if json != nil && !tagged {
				it.typ.metrics.Untagged.Inc()
			}
			it.stored(l, json, ttl, ok, tagged, labels, c.options.MaxValueBytes)
			ok = ok && tagged
			if json == nil || ttl <= 0 || len(json) > c.options.MaxValueBytes || !ok {
				if json != nil && state.refresh {
					writes = it.remove(writes)
				}
				continue
			}
			// Both layers share one buffer, with the header before the JSON.
			private := it.policy.private
			v := value{stored: now, ttl: ttl, stamp: it.stamp, private: private, stated: l.Control.Set, revalidate: l.Control.Revalidate || null, labels: labels, json: json}
			encoded := encodeValue(key, v)
			c.putLocal(it, &localEntry{key: key, json: encoded[len(encoded)-len(json):], private: private, stated: l.Control.Set, expires: now.Add(ttl)}, labels, state.started, now)
			if c.store != nil && it.stamp != 0 {
				w := write{key: string(key[:]), value: encoded, ttl: ttl + it.policy.staleness(&v), stored: it.typ.metrics.Stores, refill: it.refill}
				if len(labels) > 0 {
					w.labels = &labelledWrite{subgraph: it.policy.subgraph, guard: it.guard, labels: labels, stamp: it.stamp}
				}
				writes = append(writes, w)
				it.refill = nil
			}
		}
	}
	if len(writes) > 0 {
		c.enqueue(writes)
	}
}

// storageKey returns the key for a response, or false if its Vary header does not allow to store
// it.
func (v *View) storageKey(it *item, l *execute.CacheLookup) (digest, bool) {
	switch varies := v.variation(it.policy, l); {
	case varies == variesAlways, varies == variesByCaller && len(it.policy.callers) < len(it.policy.propagated):
		return digest{}, false
	case varies == variesNever && it.hasPublic && l.Control.Public:
		return it.public, true
	}
	return it.key, true
}

// A variation is what a response depends on according to its Vary header (RFC 9110,
// section 12.5.5).
type variation uint8

const (
	variesNever    variation = iota
	variesByCaller           // on a client header that the subgraph receives
	variesAlways             // Vary: *
)

// variation evaluates the Vary header of a response. A header that the router does not
// propagate from the client is the same in all requests to the subgraph.
func (v *View) variation(p *policy, l *execute.CacheLookup) variation {
	for _, line := range l.Vary {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if name == "*" {
				return variesAlways
			}
			if !slices.Contains(p.propagated, name) {
				continue
			}
			if len(p.callers) < len(p.propagated) {
				p.contradicted.Do(func() {
					v.cache.options.Logger.Warn("entity cache: responses configured as shared are not cached because the subgraph's Vary header says that they depend on the caller",
						"subgraph", l.Subgraph, "types", l.Types, "fields", l.Root, "vary", line)
				})
			}
			return variesByCaller
		}
	}
	return variesNever
}

// jitter is the maximum fraction by which a lifetime is shortened at random, so that
// values stored together do not expire together.
const jitter = 0.1

// lifetime returns how long a response may be cached; 0 means not at all.
func (p *policy) lifetime(control execute.CacheControl) time.Duration {
	ttl := p.ttl
	if control.Set {
		// A response that turns out to be private was looked up without the
		// caller's scope, so it must not be stored.
		if control.Private && !p.private {
			return 0
		}
		ttl = min(ttl, control.MaxAge)
	}
	ttl -= time.Duration(rand.Float64() * jitter * float64(ttl))
	return ttl.Truncate(time.Millisecond) // the resolution in Redis
}

// An owner is what the responses of a lookup depend on in a caller.
type owner struct {
	caller *execute.Caller
	scope  string // of private values, or ""
	sent   string // key of what the subgraph receives besides headers, or ""
}

// scope returns what private values belong to, or "".
func (p *policy) scope(caller *execute.Caller) string {
	switch {
	case p.private && p.privateByContext != "":
		if caller.Context == nil {
			return ""
		}
		value := caller.Context(p.privateByContext)
		if value == "" {
			return ""
		}
		return "context " + strconv.Quote(p.privateByContext) + "=" + value
	case !p.private || len(p.privateBy) == 0:
		return caller.Scope
	case caller.ScopeBy == nil:
		return ""
	}
	return caller.ScopeBy(p.privateBy)
}

// digest hashes everything that a response depends on; each part is prefixed with its
// length. callers are the headers that distinguish callers. If callers is nil although
// the policy distinguishes callers, the result is the key of public responses.
func (p *policy) digest(scratch *[]byte, l *execute.CacheLookup, of owner, representation []byte, callers []string) digest {
	b := (*scratch)[:0]
	b = append(b, l.Key[:]...)
	if p.private {
		b = appendPart(append(b, 'p'), of.scope)
	}
	if len(callers) == 0 && len(p.callers) > 0 {
		b = append(b, 'a') // all callers
	}
	if p.variant != "" {
		b = appendPart(append(b, 'w'), p.variant)
	}
	if of.caller.Partition != "" {
		b = appendPart(append(b, 't'), of.caller.Partition)
	}
	if of.sent != "" {
		b = appendPart(append(b, 's'), of.sent)
	}
	b = appendHeaders(b, 'h', p.vary, of.caller.Header)
	b = appendHeaders(b, 'c', callers, of.caller.Header)
	for _, variable := range l.Variables {
		b = appendPart(append(b, 'v'), variable.Name)
		b = appendPart(b, variable.Value)
	}
	b = appendPart(append(b, 'r'), representation)
	*scratch = b
	return sha256.Sum256(b)
}

// appendHeaders appends the values of headers. The names are in canonical form.
func appendHeaders(b []byte, mark byte, names []string, h http.Header) []byte {
	for _, name := range names {
		values := h[name]
		b = binary.AppendUvarint(appendPart(append(b, mark), name), uint64(len(values)))
		for _, value := range values {
			b = appendPart(b, value)
		}
	}
	return b
}

func appendPart[T ~string | ~[]byte](b []byte, part T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// sample notes the local versions that the response depends on.
func (it *item) sample(c *Cache, scratch *[]byte) {
	if it.policy.tellsTags {
		it.guardLocal = c.versions[it.policy.guardSlot].Load()
	}
	it.local = c.localStamp(scratch, it)
}

// localStamp returns the sum of the local versions that a response depends on.
func (c *Cache) localStamp(scratch *[]byte, it *item) uint64 {
	t, representation := it.typ, it.lookup.Representations[it.index]
	sum := c.versions.sum(t.slots)
	for _, label := range it.labels {
		sum += c.versions[slotString(label)].Load()
	}
	if t.key == "" {
		return sum
	}
	tag, ok := appendEntityTag((*scratch)[:0], t.name, t.key, representation)
	*scratch = tag
	if !ok {
		return sum + c.versions[t.fallbackSlot].Load()
	}
	return sum + c.versions[slot(tag)].Load()
}

// entityTag returns the tag of the representation's entity, or "" if the type has only
// tags of types.
func (it *item) entityTag() string {
	if it.typ.key == "" {
		return ""
	}
	if tag, ok := appendEntityTag(nil, it.typ.name, it.typ.key, it.lookup.Representations[it.index]); ok {
		return string(tag)
	}
	return it.typ.fallback
}

func count(items []item, inc func(*typePolicy)) {
	for i := range items {
		if !items[i].again {
			inc(items[i].typ)
		}
	}
}

var scratches = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}
