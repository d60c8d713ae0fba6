package cache

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/execute"
	"souk/router/operation"
)

// A world is the reference for values from the cache: a few products with versions.
// Services increment versions and publish events, possibly while Redis is down.
type world struct {
	*fixture
	t       *rapid.T
	routers []*router
	// versions are the start times of the versions of each product.
	versions map[int][]time.Time
	outbox   []int
	down     bool
	// back is the time at which Redis last restarted or lost data.
	back time.Time
	open []openRead
	// refreshes are in progress.
	refreshes []background
	copied    func()
	// told are the versions of each product that were announced to routers, with
	// the time.
	told map[int][]telling
	// banned are versions of a product that an invalidation by cache tag concerned.
	banned map[int][]ban
}

// A ban is a version that must not be used: in the router that invalidated it at once, in
// others a second later.
type ban struct {
	at      time.Time
	router  *router
	version int
}

// shelf is the cache tag that a response tells: half of the versions of all products have the
// same one.
func shelf(version int) string { return "shelf-" + strconv.Itoa(version%2) }

// told returns the cache tags that the subgraph tells with a response.
func told(answer string) []string {
	var version int
	_, _ = fmt.Sscanf(answer, "v%d of", &version)
	return []string{shelf(version)}
}

type telling struct {
	at      time.Time
	version int
}

type openRead struct {
	router  *router
	lookup  *execute.CacheLookup
	request request
	before  []string // the responses at the start of the fetch
	started time.Time
}

// A background is a refresh in progress.
type background struct {
	router  *router
	request request
	lookup  *execute.CacheLookup
	refresh *execute.CacheRefresh
}

const products = 3

var callers = []execute.Caller{{Scope: "user:a"}, {Scope: "user:b"}}

// answer returns the current response of the subgraph. It includes everything it depends
// on.
func (w *world) answer(rep string, q request) string {
	var id int
	if _, err := fmt.Sscanf(rep, `{"__typename":"Product","id":"%d"}`, &id); err != nil {
		w.t.Fatal(err)
	}
	scope := ""
	if q.selection == secretSelection {
		scope = q.caller.Scope
	}
	return fmt.Sprintf("v%d of %d by %x for %q with %s", len(w.versions[id])-1, id, q.selection.Key[:2], scope, q.variables.Get("c"))
}

var (
	priceSelection  = selection("shop", "{... on Product{price(currency:$c)}}", "Product")
	secretSelection = selection("shop", "{... on Product{mine}}", "Product")
)

func (w *world) request() request {
	q := request{
		selection: rapid.SampledFrom([]*execute.CacheSelection{priceSelection, secretSelection, productName}).Draw(w.t, "selection"),
		caller:    rapid.SampledFrom(callers).Draw(w.t, "caller"),
	}
	if q.selection == priceSelection {
		c := rapid.SampledFrom([]string{`"USD"`, `"EUR"`}).Draw(w.t, "currency")
		q.variables = append(q.variables, variable("c", c))
	}
	for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(0, products-1), 1, products, rapid.ID[int]).Draw(w.t, "ids") {
		q.reps = append(q.reps, product(id)...)
	}
	return q
}

func (w *world) anyRouter() *router { return rapid.SampledFrom(w.routers).Draw(w.t, "router") }

// begin is the first half of a read, until the subgraph has computed its response.
func (w *world) begin() openRead {
	o := openRead{router: w.anyRouter(), request: w.request(), started: w.clock.Now()}
	o.lookup = o.request.lookup()
	w.read(&o)
	return o
}

func (w *world) read(o *openRead) {
	o.router.view.Lookup(context.Background(), o.request.caller, []*execute.CacheLookup{o.lookup})
	for i, rep := range o.request.reps {
		o.before = append(o.before, w.answer(rep, o.request))
		if found := o.lookup.Found[i]; found.JSON != nil {
			w.check(rep, *o, string(found.JSON))
		}
	}
	if refresh := o.lookup.Refresh; refresh != nil {
		l := &execute.CacheLookup{CacheSelection: o.lookup.CacheSelection, State: refresh.State, Fetched: make([][]byte, len(o.before)), Tags: make([][]string, len(o.before))}
		for _, i := range refresh.Indices {
			l.Fetched[i] = []byte(o.before[i])
			l.Tags[i] = told(o.before[i])
		}
		w.refreshes = append(w.refreshes, background{o.router, o.request, l, refresh})
	}
}

// fail is the second half of a read whose subgraph fails: expired values may be used.
func (w *world) fail(o openRead) {
	found := slices.Clone(o.lookup.Found)
	o.router.view.Expired(context.Background(), o.request.caller, []*execute.CacheLookup{o.lookup})
	for i, rep := range o.request.reps {
		if f := o.lookup.Found[i]; f.JSON != nil && found[i].JSON == nil {
			if f.Age <= 0 || f.TTL > 0 {
				w.t.Fatalf("%s: an expired value has age %s and TTL %s", rep, f.Age, f.TTL)
			}
			w.check(rep, o, string(f.JSON))
		}
	}
}

// refreshed ends a refresh, which may have failed.
func (w *world) refreshed(b background, failed bool) {
	if !failed {
		b.router.view.Store(context.Background(), b.request.caller, []*execute.CacheLookup{b.lookup})
		b.router.flush()
	}
	b.refresh.Done()
}

// end is the second half of a read.
func (w *world) end(o openRead) {
	i := 0
	o.router.finish(o.request, o.lookup, func(rep string) string {
		for o.request.reps[i] != rep {
			i++
		}
		return o.before[i]
	})
}

// check fails the test if a value from the cache must not be used.
func (w *world) check(rep string, o openRead, got string) {
	var id, version int
	if _, err := fmt.Sscanf(got, "v%d of %d", &version, &id); err != nil {
		w.t.Fatalf("%s: got invalid value: %v", got, err)
	}
	// The value of another entity, selection, variable or scope differs here.
	current := len(w.versions[id]) - 1
	want := w.answer(rep, o.request)
	if got != "v"+strconv.Itoa(version)+want[len("v"+strconv.Itoa(current)):] {
		w.t.Fatalf("%s: got %q, want %q", rep, got, want)
	}
	for _, b := range w.banned[id] {
		if b.version == version && (b.router == o.router || w.clock.Now().Sub(b.at) >= time.Second) {
			w.t.Fatalf("%s: got %q, whose cache tag was invalidated", rep, got)
		}
	}
	if version < w.oldest(id) {
		w.t.Fatalf("%s: got %q, but version %d is the oldest that may be used", rep, got, w.oldest(id))
	}
}

// oldest returns the oldest version that may be used: the one announced by an event a
// second ago, and the one that was current when Redis restarted, unless the in-process
// layer may still have an earlier value.
func (w *world) oldest(id int) int {
	now := w.clock.Now()
	oldest := 0
	for _, told := range w.told[id] {
		if now.Sub(told.at) >= time.Second {
			oldest = max(oldest, told.version)
		}
	}
	if !w.back.IsZero() && now.Sub(w.back) >= 500*time.Millisecond {
		for version, began := range w.versions[id] {
			if !began.After(w.back) {
				oldest = max(oldest, version)
			}
		}
	}
	return oldest
}

func (w *world) change(id int) {
	w.versions[id] = append(w.versions[id], w.clock.Now())
	w.outbox = append(w.outbox, id)
}

// relay publishes pending events if Redis is up.
func (w *world) relay() {
	if w.down {
		return
	}
	for _, id := range w.outbox {
		w.event("product.updated", strconv.Itoa(id))
		w.told[id] = append(w.told[id], telling{at: w.clock.Now(), version: len(w.versions[id]) - 1})
	}
	w.outbox = nil
}

// pass advances the clock while the routers follow events.
func (w *world) pass(d time.Duration) {
	for d > 0 {
		part := min(d, tick)
		w.advance(part)
		d -= part
		for _, r := range w.routers {
			if w.down {
				_ = r.cache.follower.step(context.Background(), -1)
				continue
			}
			r.step()
		}
	}
}

// TestCacheNeverReturnsOutdatedOrForeignValues runs reads, changes, invalidations and
// failures of Redis in random order and checks each value from the cache.
func TestCacheNeverReturnsOutdatedOrForeignValues(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newTaggedFixture(t)
		f.told = told
		w := &world{fixture: f, t: rt, versions: map[int][]time.Time{}, told: map[int][]telling{}, banned: map[int][]ban{}}
		defer func() {
			for _, r := range w.routers {
				_ = r.cache.Close()
			}
			f.redis.Close()
		}()
		rule := Rule{TTL: time.Minute}
		if rapid.Bool().Draw(rt, "expiring") {
			rule = Rule{TTL: time.Second, StaleIfError: 20 * time.Second, StaleWhileRevalidate: 10 * time.Second}
		}
		for range 2 {
			w.routers = append(w.routers, f.router(func(o *Options) {
				o.Subgraphs["shop"] = Subgraph{Types: map[string]Rule{"Product": rule}, ResponseTags: true}
				o.EventTags = map[string][]string{"product.moved": {"product-{subject}"}}
			}))
		}
		for id := range products {
			w.versions[id] = []time.Time{f.clock.Now()}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"read": func(*rapid.T) { w.end(w.begin()) },
			"begin a read": func(*rapid.T) {
				if len(w.open) < 4 {
					w.open = append(w.open, w.begin())
				}
			},
			"end a read": func(rt *rapid.T) {
				if len(w.open) == 0 {
					rt.Skip("no read is open")
				}
				i := rapid.IntRange(0, len(w.open)-1).Draw(rt, "open")
				w.end(w.open[i])
				w.open = append(w.open[:i], w.open[i+1:]...)
			},
			"end a read with a failure": func(rt *rapid.T) {
				if len(w.open) == 0 {
					rt.Skip("no read is open")
				}
				i := rapid.IntRange(0, len(w.open)-1).Draw(rt, "open")
				w.fail(w.open[i])
				w.open = slices.Delete(w.open, i, i+1)
			},
			"end a refresh": func(rt *rapid.T) {
				if len(w.refreshes) == 0 {
					rt.Skip("no refresh is in progress")
				}
				i := rapid.IntRange(0, len(w.refreshes)-1).Draw(rt, "refresh")
				w.refreshed(w.refreshes[i], rapid.Bool().Draw(rt, "failed"))
				w.refreshes = slices.Delete(w.refreshes, i, i+1)
			},
			"an expired value is read": func(rt *rapid.T) {
				o := w.begin()
				w.end(o)
				if rapid.Bool().Draw(rt, "changed") {
					w.change(0)
					w.relay()
				}
				w.pass(1100 * time.Millisecond)
				o.started, o.before, o.lookup = w.clock.Now(), nil, o.request.lookup()
				w.read(&o)
				w.fail(o)
			},
			"change":                   func(rt *rapid.T) { w.change(rapid.IntRange(0, products-1).Draw(rt, "id")) },
			"relay":                    func(*rapid.T) { w.relay() },
			"change and relay":         func(rt *rapid.T) { w.change(rapid.IntRange(0, products-1).Draw(rt, "id")); w.relay() },
			"follow":                   func(*rapid.T) { w.pass(0); w.anyRouter().step() },
			"time passes":              func(rt *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 2000).Draw(rt, "ms")) * time.Millisecond) },
			"a second passes":          func(*rapid.T) { w.relay(); w.pass(time.Second) },
			"Redis stops":              func(rt *rapid.T) { w.stop(rt) },
			"Redis restarts":           func(rt *rapid.T) { w.restart(rt) },
			"Redis stops and restarts": func(rt *rapid.T) { w.stop(rt); w.restart(rt) },
			"Redis loses all data":     func(rt *rapid.T) { w.forget(rt) },
			// Restoring a backup at an arbitrary time is not tested: if Redis is
			// emptied, restored and unreachable within moments, the change cannot
			// be detected, and values are as old as their TTL allows.
			"Redis evicts": func(rt *rapid.T) { w.evict(rt) },
			// Sequences that are unlikely at random.
			"change while Redis is down":        func(rt *rapid.T) { w.changeWhile(rt, w.stop, w.restart) },
			"change between backup and restore": func(rt *rapid.T) { w.changeWhile(rt, w.copy, w.restore) },
			"invalidate a cache tag":            func(rt *rapid.T) { w.invalidateTag(w.anyRouter(), rapid.IntRange(0, products-1).Draw(rt, "id")) },
			"invalidate all by cache tag": func(*rapid.T) {
				if w.anyRouter().cache.InvalidateTag(context.Background(), "catalog", "shop") == nil {
					for id := range products {
						w.tell(id)
					}
				}
			},
			"invalidate a cache tag of responses": func(rt *rapid.T) { w.invalidateShelf(rapid.IntRange(0, 1).Draw(rt, "shelf")) },
			"invalidate during a read": func(rt *rapid.T) {
				if len(w.open) == 4 {
					rt.Skip("too many reads are open")
				}
				o := w.begin()
				for id := range products {
					w.change(id)
				}
				w.invalidateShelf(rapid.IntRange(0, 1).Draw(rt, "shelf"))
				w.end(o)
			},
			"an event has a cache tag": func(rt *rapid.T) {
				if w.down {
					rt.Skip("Redis is down")
				}
				id := rapid.IntRange(0, products-1).Draw(rt, "id")
				w.event("product.moved", strconv.Itoa(id))
				w.tell(id)
			},
			"invalidate": func(rt *rapid.T) {
				id := rapid.IntRange(0, products-1).Draw(rt, "id")
				if err := w.anyRouter().cache.Invalidate(context.Background(), "Product", strconv.Itoa(id)); err == nil {
					w.told[id] = append(w.told[id], telling{at: w.clock.Now(), version: len(w.versions[id]) - 1})
				}
			},
		})
	})
}

// tell notes that routers have been told of a change of a product.
func (w *world) tell(id int) {
	w.told[id] = append(w.told[id], telling{at: w.clock.Now(), version: len(w.versions[id]) - 1})
}

func (w *world) invalidateTag(r *router, id int) {
	if r.cache.InvalidateTag(context.Background(), "product-"+strconv.Itoa(id)) != nil {
		return
	}
	w.tell(id)
	for version := range len(w.versions[id]) - 1 {
		w.banned[id] = append(w.banned[id], ban{w.clock.Now(), r, version})
	}
}

// invalidateShelf invalidates all values with a cache tag that their responses told. The
// current version may be fetched again, earlier ones may not be used.
func (w *world) invalidateShelf(n int) {
	r := w.anyRouter()
	if r.cache.InvalidateTag(context.Background(), "shelf-"+strconv.Itoa(n)) != nil {
		return
	}
	for id := range products {
		for version := range len(w.versions[id]) - 1 {
			if shelf(version) == "shelf-"+strconv.Itoa(n) {
				w.banned[id] = append(w.banned[id], ban{w.clock.Now(), r, version})
			}
		}
	}
}

// changeWhile changes a cached product between two events of Redis and reads it again when
// the in-process layers no longer have it.
func (w *world) changeWhile(rt *rapid.T, before, after func(*rapid.T)) {
	if w.down {
		rt.Skip("Redis is down")
	}
	o := w.begin()
	w.end(o)
	before(rt)
	for id := range products {
		w.change(id)
	}
	if rapid.Bool().Draw(rt, "told") {
		w.relay()
	}
	w.pass(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "away")) * time.Millisecond)
	after(rt)
	w.pass(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "back")) * time.Millisecond)
	o.started, o.before, o.lookup = w.clock.Now(), nil, o.request.lookup()
	w.read(&o)
	w.end(o)
}

func (w *world) stop(rt *rapid.T) {
	if w.down {
		rt.Skip("Redis is down")
	}
	w.redis.Close()
	w.down = true
}

func (w *world) restart(rt *rapid.T) {
	if !w.down {
		rt.Skip("Redis is up")
	}
	if err := w.redis.Restart(); err != nil {
		rt.Fatal(err)
	}
	w.down = false
	w.back = w.clock.Now()
}

func (w *world) forget(rt *rapid.T) {
	if w.down {
		rt.Skip("Redis is down")
	}
	w.redis.FlushAll()
	w.back = w.clock.Now()
}

func (w *world) copy(rt *rapid.T) {
	if w.down {
		rt.Skip("Redis is down")
	}
	w.copied = w.copyRedis()
}

// restore restores a backup. Routers have received all events that are lost with it (they
// could not detect a lost event that nobody has read) and get one round to detect the
// change, because no connection breaks.
func (w *world) restore(rt *rapid.T) {
	if w.down || w.copied == nil {
		rt.Skip("there is no backup, or Redis is down")
	}
	w.relay()
	w.pass(tick)
	w.copied()
	w.pass(tick)
	w.back = w.clock.Now()
}

func (w *world) evict(rt *rapid.T) {
	keys := w.redis.Keys()
	if w.down || len(keys) == 0 {
		rt.Skip("no key to evict")
	}
	key := rapid.SampledFrom(keys).Draw(rt, "key")
	if key != "events" && key != w.routers[0].cache.options.prefix+invalidationsKey {
		w.redis.Del(key)
	}
}

func variable(name, value string) operation.Variable {
	return operation.Variable{Name: name, Value: []byte(value)}
}
