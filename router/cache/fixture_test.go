package cache

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

const sdl = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @join__field(graph: join__Graph requires: join__FieldSet provides: join__FieldSet type: String external: Boolean override: String usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph! interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph! key: join__FieldSet extension: Boolean! = false resolvable: Boolean! = true isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @link(url: String as: String for: link__Purpose import: [link__Import]) repeatable on SCHEMA
directive @cacheControl(maxAge: Int, scope: CacheControlScope) on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
enum CacheControlScope @join__type(graph: SHOP) { PUBLIC PRIVATE }
scalar join__FieldSet
scalar link__Import
enum join__Graph { SHOP @join__graph(name: "shop", url: "http://shop") STOCK @join__graph(name: "stock", url: "http://stock") }
enum link__Purpose { SECURITY EXECUTION }
interface Item @join__type(graph: SHOP, key: "id") { id: ID! name: String! }
type Product implements Item @join__implements(graph: SHOP, interface: "Item") @join__type(graph: SHOP, key: "id") @join__type(graph: SHOP, key: "sku") @join__type(graph: STOCK, key: "id") @cacheControl(maxAge: 60) {
  id: ID!
  sku: String! @join__field(graph: SHOP)
  name: String! @join__field(graph: SHOP)
  price(currency: String): Int! @join__field(graph: SHOP)
  category: Category! @join__field(graph: SHOP)
  inStock: Boolean! @join__field(graph: STOCK) @cacheControl(maxAge: 5)
  mine: String @join__field(graph: SHOP) @cacheControl(scope: PRIVATE)
}
type Category @join__type(graph: SHOP, key: "slug") { slug: ID! name: String! }
type Connection @join__type(graph: SHOP) { total: Int! nodes: [Product!]! }
type Query @join__type(graph: SHOP) @join__type(graph: STOCK) {
  products: Connection! @join__field(graph: SHOP) @cacheControl(maxAge: 10)
  time: Int! @join__field(graph: SHOP)
}`

// A clock is advanced by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A fixture has what routers share: a Redis, a clock and a supergraph.
type fixture struct {
	t     testing.TB
	redis *miniredis.Miniredis
	clock *clock
	model *supergraph.Model
	// told returns the cache tags that a response tells, if set.
	told func(answer string) []string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	m, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, redis: miniredis.RunT(t), clock: &clock{now: time.Unix(1_800_000_000, 0)}, model: m}
}

// newTaggedFixture is a fixture whose products and root field have cache tags.
func newTaggedFixture(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	tag := func(format string) string {
		return ` @join__directive(graphs: [SHOP], name: "federation__cacheTag", args: {format: "` + format + `"})`
	}
	var err error
	f.model, err = supergraph.Parse(strings.NewReplacer(
		`join/v0.3`, `join/v0.5`,
		`@cacheControl(maxAge: 60) {`, `@cacheControl(maxAge: 60)`+tag("product-{$key.id}")+tag("catalog")+` {`,
		`time: Int! @join__field(graph: SHOP)`, `time(zone: Zone, zones: [Zone]): Int! @join__field(graph: SHOP)`+tag("time-{$args.zone.name}"),
		`type Connection`, `input Zone @join__type(graph: SHOP) { name: String } scalar join__DirectiveArguments
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
type Connection`,
	).Replace(sdl))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) options() Options {
	return Options{
		Redis: &redis.UniversalOptions{Addrs: []string{f.redis.Addr()}},
		Subgraphs: map[string]Subgraph{
			"shop": {
				Types: map[string]Rule{"Product": {TTL: time.Minute}, "Category": {TTL: time.Hour}, "Item": {TTL: time.Minute}},
				Root:  map[string]Rule{"products": {TTL: time.Minute}},
			},
			"stock": {Types: map[string]Rule{"Product": {TTL: time.Minute}}},
		},
		Streams: []string{"events"},
		Events:  map[string][]Entity{"product.updated": {{Type: "Product", Key: "id"}}, "category.updated": {{Type: "Category", Key: "slug"}}},
		Now:     f.clock.Now,
		// A generous limit, so that tests pass on a slow machine.
		Timeout: 10 * time.Second,
	}
}

// A router is a cache whose background work is done by the test.
type router struct {
	*fixture
	cache *Cache
	view  *View
}

func (f *fixture) router(change ...func(*Options)) *router {
	f.t.Helper()
	o := f.options()
	for _, c := range change {
		c(&o)
	}
	c, err := newCache(o)
	if err != nil {
		f.t.Fatal(err)
	}
	if c.store != nil {
		f.t.Cleanup(func() { _ = c.Close() })
	}
	v, err := c.View(f.model)
	if err != nil {
		f.t.Fatal(err)
	}
	r := &router{fixture: f, cache: c, view: v}
	if c.store != nil {
		r.step() // starts to use Redis
	}
	return r
}

// step runs one round of the follower and writes queued values.
func (r *router) step() {
	_ = r.cache.follower.step(context.Background(), -1)
	r.flush()
}

func (r *router) flush() {
	for {
		select {
		case batch := <-r.cache.store.writes:
			r.cache.store.put(context.Background(), batch)
		default:
			return
		}
	}
}

// forgetLocal empties the in-process layer.
func (r *router) forgetLocal() { r.cache.versions.bumpAll() }

func selection(subgraph, text string, types ...string) *execute.CacheSelection {
	sum := sha256.Sum256([]byte(subgraph + "\n" + text))
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		panic(err)
	}
	s := &execute.CacheSelection{Subgraph: subgraph, Types: types, Selections: selections(doc.Operations[0].SelectionSet)}
	copy(s.Key[:], sum[:])
	return s
}

// selections converts a parsed selection set to the form used in plans.
func selections(set ast.SelectionSet) plan.Selections {
	var out plan.Selections
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			f := &plan.SelectedField{Name: sel.Name, ResponseKey: sel.Alias, StorageKey: sel.Alias, Selections: selections(sel.SelectionSet)}
			for _, a := range sel.Arguments {
				f.Arguments = append(f.Arguments, operation.Argument{Name: a.Name, Value: a.Value.String()})
			}
			out = append(out, f)
		case *ast.InlineFragment:
			out = append(out, &plan.InlineFragment{On: sel.TypeCondition, Selections: selections(sel.SelectionSet)})
		}
	}
	return out
}

func rootSelection(subgraph, text string, fields ...string) *execute.CacheSelection {
	s := selection(subgraph, text)
	s.Root = fields
	return s
}

var productName = selection("shop", "{... on Product{name}}", "Product")

// A request is one fetch of the executor.
type request struct {
	selection *execute.CacheSelection
	variables operation.Variables
	caller    execute.Caller
	control   execute.CacheControl
	reps      []string
}

func product(ids ...int) []string {
	var reps []string
	for _, id := range ids {
		reps = append(reps, fmt.Sprintf(`{"__typename":"Product","id":"%d"}`, id))
	}
	return reps
}

func (q request) lookup() *execute.CacheLookup {
	l := &execute.CacheLookup{CacheSelection: q.selection, Variables: q.variables}
	reps := q.reps
	if q.selection.Root != nil {
		reps = []string{""}
	}
	for _, r := range reps {
		l.Representations = append(l.Representations, []byte(r))
	}
	l.Found = make([]execute.Found, len(reps))
	return l
}

// run looks values up, fetches those that are not found and stores them. It returns all
// values; those from the cache are marked with a star.
func (r *router) run(q request, fetch func(rep string) string) string {
	r.t.Helper()
	if !r.view.Covers(q.selection) {
		r.t.Fatalf("%s is not covered", q.selection.Selections.GraphQL())
	}
	l := q.lookup()
	all := []*execute.CacheLookup{l}
	r.view.Lookup(context.Background(), q.caller, all)
	out := r.finish(q, l, fetch)
	return strings.Join(out, " ")
}

func (r *router) finish(q request, l *execute.CacheLookup, fetch func(rep string) string) []string {
	out := make([]string, len(l.Found))
	l.Control = q.control
	l.Fetched = make([][]byte, len(l.Found))
	if r.told != nil && l.WantTags {
		l.Tags = make([][]string, len(l.Found))
	}
	missed := false
	for i, found := range l.Found {
		if found.JSON != nil {
			if !json.Valid(found.JSON) && !strings.HasPrefix(string(found.JSON), "v") {
				r.t.Errorf("found %q", found.JSON)
			}
			out[i] = string(found.JSON) + "*"
			continue
		}
		missed = true
		out[i] = fetch(string(l.Representations[i]))
		if out[i] != "null" {
			l.Fetched[i] = []byte(out[i])
			if l.Tags != nil {
				l.Tags[i] = r.told(out[i])
			}
		}
	}
	if missed {
		r.view.Store(context.Background(), q.caller, []*execute.CacheLookup{l})
		for i := range l.Fetched {
			clear(l.Fetched[i]) // the executor reuses its buffers
		}
		if r.cache.store != nil {
			r.flush()
		}
	}
	return out
}

func always(answer string) func(string) string { return func(string) string { return answer } }

// event adds a CloudEvent to the stream, like the services.
func (f *fixture) event(typ, subject string) {
	f.t.Helper()
	event := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/shop","type":%q,"subject":%q,"data":{}}`, typ, subject)
	if _, err := f.redis.XAdd("events", "*", []string{"type", typ, "event", event}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) advance(d time.Duration) {
	f.clock.advance(d)
	f.redis.FastForward(d)
}

// copyRedis returns a function that restores the current contents of Redis.
func (f *fixture) copyRedis() func() {
	type stringValue struct {
		text string
		ttl  time.Duration
	}
	texts := map[string]stringValue{}
	hashes := map[string]map[string]string{}
	for _, key := range f.redis.Keys() {
		switch f.redis.Type(key) {
		case "string":
			text, _ := f.redis.Get(key)
			texts[key] = stringValue{text: text, ttl: f.redis.TTL(key)}
		case "hash":
			fields, _ := f.redis.HKeys(key)
			hashes[key] = map[string]string{}
			for _, field := range fields {
				hashes[key][field] = f.redis.HGet(key, field)
			}
		}
	}
	return func() {
		f.redis.FlushAll()
		for key, v := range texts {
			_ = f.redis.Set(key, v.text)
			if v.ttl > 0 {
				f.redis.SetTTL(key, v.ttl)
			}
		}
		for key, fields := range hashes {
			for field, v := range fields {
				f.redis.HSet(key, field, v)
			}
		}
	}
}
