package cache

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// want runs a request whose fetch would return answer, and compares the result.
func (r *router) want(what string, q request, answer, want string) {
	r.t.Helper()
	if got := r.run(q, always(answer)); got != want {
		r.t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

func TestEntitiesAreSharedBetweenRouters(t *testing.T) {
	f := newFixture(t)
	a, b := f.router(), f.router()
	a.want("first", request{selection: productName, reps: product(1, 2)}, `{"name":"x"}`, `{"name":"x"} {"name":"x"}`)
	a.want("local", request{selection: productName, reps: product(2)}, `no`, `{"name":"x"}*`)
	fetched := 0
	got := b.run(request{selection: productName, reps: product(1, 3, 2)}, func(string) string {
		fetched++
		return `{"name":"y"}`
	})
	if want := `{"name":"x"}* {"name":"y"} {"name":"x"}*`; got != want || fetched != 1 {
		t.Errorf("partial: got %s with %d fetched, want %s", got, fetched, want)
	}
}

// TestKeyIncludesEverythingAResponseDependsOn stores a response to one request and
// checks whether another request finds it.
func TestKeyIncludesEverythingAResponseDependsOn(t *testing.T) {
	price := selection("shop", "{... on Product{price(currency:$c)}}", "Product")
	mine := selection("shop", "{... on Product{mine}}", "Product")
	euro := operation.Variables{{Name: "c", Value: []byte(`"EUR"`)}}
	dollar := operation.Variables{{Name: "c", Value: []byte(`"USD"`)}}
	alice, bob := execute.Caller{Scope: "user:alice"}, execute.Caller{Scope: "user:bob"}
	french := execute.Caller{Header: http.Header{"Accept-Language": {"fr"}}}
	german := execute.Caller{Header: http.Header{"Accept-Language": {"de"}}}
	tests := []struct {
		name   string
		stored request
		asked  request
		found  bool
	}{
		{name: "the same", stored: request{selection: price, variables: euro, reps: product(1)}, asked: request{selection: price, variables: euro, reps: product(1)}, found: true},
		{name: "another variable", stored: request{selection: price, variables: euro, reps: product(1)}, asked: request{selection: price, variables: dollar, reps: product(1)}, found: false},
		{name: "no variable", stored: request{selection: price, variables: euro, reps: product(1)}, asked: request{selection: price, reps: product(1)}, found: false},
		{name: "another entity", stored: request{selection: productName, reps: product(1)}, asked: request{selection: productName, reps: product(2)}, found: false},
		{name: "another key", stored: request{selection: productName, reps: product(1)}, asked: request{selection: productName, reps: []string{`{"__typename":"Product","sku":"1"}`}}, found: false},
		{name: "another selection", stored: request{selection: productName, reps: product(1)}, asked: request{selection: price, reps: product(1)}, found: false},
		{name: "another subgraph", stored: request{selection: productName, reps: product(1)}, asked: request{selection: selection("stock", "{... on Product{name}}", "Product"), reps: product(1)}, found: false},
		{name: "public, another caller", stored: request{selection: productName, caller: alice, reps: product(1)}, asked: request{selection: productName, caller: bob, reps: product(1)}, found: true},
		{name: "private, the same caller", stored: request{selection: mine, caller: alice, reps: product(1)}, asked: request{selection: mine, caller: alice, reps: product(1)}, found: true},
		{name: "private, another caller", stored: request{selection: mine, caller: alice, reps: product(1)}, asked: request{selection: mine, caller: bob, reps: product(1)}, found: false},
		{name: "private, anonymous caller", stored: request{selection: mine, reps: product(1)}, asked: request{selection: mine, reps: product(1)}, found: false},
		{name: "a header that is not in vary", stored: request{selection: productName, caller: french, reps: product(1)}, asked: request{selection: productName, caller: german, reps: product(1)}, found: true},
		{name: "a private response to a public lookup", stored: request{selection: productName, caller: alice, control: execute.CacheControl{Set: true, MaxAge: time.Hour, Private: true}, reps: product(1)}, asked: request{selection: productName, caller: alice, reps: product(1)}, found: false},
		{name: "no-store", stored: request{selection: productName, control: execute.CacheControl{Set: true}, reps: product(1)}, asked: request{selection: productName, reps: product(1)}, found: false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := `{"a":2}`
			if tt.found {
				want = `{"a":1}*`
			}
			f := newFixture(t)
			a, b := f.router(), f.router()
			a.run(tt.stored, always(`{"a":1}`))
			b.want("in Redis", tt.asked, `{"a":2}`, want)
			f = newFixture(t)
			a = f.router()
			a.run(tt.stored, always(`{"a":1}`))
			a.want("in the process", tt.asked, `{"a":2}`, want)
		})
	}
	t.Run("a header in vary", func(t *testing.T) {
		f := newFixture(t)
		a := f.router(func(o *Options) {
			o.Subgraphs["shop"].Types["Product"] = Rule{TTL: time.Minute, Vary: []string{"accept-language"}}
		})
		a.want("french", request{selection: productName, caller: french, reps: product(1)}, `"fr"`, `"fr"`)
		a.want("german", request{selection: productName, caller: german, reps: product(1)}, `"de"`, `"de"`)
		a.want("french again", request{selection: productName, caller: french, reps: product(1)}, `"no"`, `"fr"*`)
	})
	t.Run("private by configuration", func(t *testing.T) {
		f := newFixture(t)
		a := f.router(func(o *Options) { o.Subgraphs["shop"].Types["Product"] = Rule{TTL: time.Minute, Private: true} })
		a.want("alice", request{selection: productName, caller: alice, reps: product(1)}, `"a"`, `"a"`)
		a.want("bob", request{selection: productName, caller: bob, reps: product(1)}, `"b"`, `"b"`)
		a.want("alice again", request{selection: productName, caller: alice, reps: product(1)}, `"no"`, `"a"*`)
	})
}

func TestNullAndLargeValuesAreNotCached(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.MaxValueBytes = 10 })
	r.want("null", request{selection: productName, reps: product(1)}, `null`, `null`)
	r.want("after null", request{selection: productName, reps: product(1)}, `{"a":1}`, `{"a":1}`)
	r.want("after one that fits", request{selection: productName, reps: product(1)}, `no`, `{"a":1}*`)
	large := `"` + strings.Repeat("x", 20) + `"`
	r.want("large", request{selection: productName, reps: product(2)}, large, large)
	r.want("after large", request{selection: productName, reps: product(2)}, `2`, `2`)
}

func TestShortestLifetimeApplies(t *testing.T) {
	inStock := selection("stock", "{... on Product{inStock}}", "Product")
	list := rootSelection("shop", "{products{nodes{id name}}}", "products")
	header := execute.CacheControl{Set: true, MaxAge: 2 * time.Second}
	tests := []struct {
		name string
		q    request
		max  time.Duration
	}{
		{name: "the type's hint", q: request{selection: productName, reps: product(1)}, max: time.Minute},
		{name: "the field's hint", q: request{selection: inStock, reps: product(1)}, max: 5 * time.Second},
		{name: "the root field's hint", q: request{selection: list}, max: 10 * time.Second},
		{name: "the subgraph's header", q: request{selection: productName, control: header, reps: product(1)}, max: 2 * time.Second},
		{name: "configuration alone", q: request{selection: selection("shop", "{... on Category{name}}", "Category"), reps: []string{`{"__typename":"Category","slug":"a"}`}}, max: time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			r := f.router(func(o *Options) { o.LocalBytes = -1 })
			r.run(tt.q, always(`1`))
			early := time.Duration(float64(tt.max) * (1 - jitter) * .99)
			pass := func(d time.Duration) { // with the lease kept
				for d > 0 {
					part := min(d, time.Second)
					f.advance(part)
					r.step()
					d -= part
				}
			}
			pass(early)
			l := tt.q.lookup()
			r.view.Lookup(context.Background(), tt.q.caller, []*execute.CacheLookup{l})
			if l.Found[0].JSON == nil {
				t.Fatalf("the value expired before %s", early)
			}
			if ttl := l.Found[0].TTL; ttl <= 0 || ttl > tt.max-early {
				t.Errorf("after %s: remaining lifetime %s", early, ttl)
			}
			pass(tt.max - early)
			r.want("at the end", tt.q, `2`, `2`)
		})
	}
}

func TestInvalidationRemovesAffectedValues(t *testing.T) {
	bySKU := request{selection: productName, reps: []string{`{"__typename":"Product","sku":"s"}`}}
	byID := request{selection: productName, reps: product(1)}
	byNumber := request{selection: productName, reps: []string{`{"__typename":"Product","id":1}`}}
	other := request{selection: productName, reps: product(2)}
	asItem := request{selection: selection("shop", "{... on Item{name}}", "Item"), reps: []string{`{"__typename":"Item","id":"1"}`}}
	withCategory := request{selection: selection("shop", "{... on Product{category{name}}}", "Product"), reps: product(1)}
	categoryKey := request{selection: selection("shop", "{... on Product{category{slug}}}", "Product"), reps: product(1)}
	list := request{selection: rootSelection("shop", "{products{nodes{id name}}}", "products")}
	total := request{selection: rootSelection("shop", "{products{total}}", "products")}
	productEvent := func(f *fixture, _ *router) { f.event("product.updated", "1") }
	categoryEvent := func(f *fixture, _ *router) { f.event("category.updated", "a") }
	api := func(typ string, keys ...string) func(*fixture, *router) {
		return func(f *fixture, r *router) {
			if err := r.cache.Invalidate(context.Background(), typ, keys...); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		q      request
		happen func(*fixture, *router)
		gone   bool
	}{
		{name: "its event", q: byID, happen: productEvent, gone: true},
		{name: "a number for its key", q: byNumber, happen: productEvent, gone: true},
		{name: "another's event", q: other, happen: productEvent, gone: false},
		{name: "another type's event", q: byID, happen: categoryEvent, gone: false},
		{name: "an event without configured entities", q: byID, happen: func(f *fixture, _ *router) { f.event("order.created", "1") }, gone: false},
		{name: "an entry that is not an event", q: byID, happen: func(f *fixture, _ *router) { _, _ = f.redis.XAdd("events", "*", []string{"a", "b"}) }, gone: false},
		{name: "an event without subject", q: other, happen: func(f *fixture, _ *router) { f.event("product.updated", "") }, gone: true},
		{name: "by another key", q: bySKU, happen: productEvent, gone: true},
		{name: "as its interface", q: asItem, happen: productEvent, gone: true},
		{name: "a nested entity", q: withCategory, happen: categoryEvent, gone: true},
		{name: "only the key of a nested entity", q: categoryKey, happen: categoryEvent, gone: false},
		{name: "a list", q: list, happen: productEvent, gone: true},
		{name: "a count", q: total, happen: productEvent, gone: true},
		{name: "a list of another type", q: list, happen: categoryEvent, gone: false},
		{name: "by API", q: byID, happen: api("Product", "1"), gone: true},
		{name: "another by API", q: byID, happen: api("Product", "2", "3"), gone: false},
		{name: "all of its type by API", q: byID, happen: api("Product"), gone: true},
		{name: "a list by API", q: list, happen: api("Product", "9"), gone: true},
		{name: "all of a list's type by API", q: list, happen: api("Product"), gone: true},
		{name: "all of a nested type by API", q: withCategory, happen: api("Category"), gone: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			a, b := f.router(), f.router()
			a.run(tt.q, always(`1`))
			b.want("before", tt.q, `no`, `1*`)
			tt.happen(f, a)
			a.step()
			b.step()
			want := `1*`
			if tt.gone {
				want = `2`
			}
			a.want("at once", tt.q, `2`, want)
			if tt.gone {
				want = `2*`
			}
			b.want("at another router", tt.q, `2`, want)
		})
	}
}

func TestFetchDuringInvalidationIsNotUsed(t *testing.T) {
	for _, warm := range []bool{false, true} {
		f := newFixture(t)
		a, b := f.router(), f.router()
		q := request{selection: productName, reps: product(1)}
		if warm { // tokens are there
			a.run(request{selection: productName, reps: product(1), control: execute.CacheControl{Set: true, MaxAge: time.Millisecond}}, always(`0`))
			f.advance(time.Second / 2)
			a.step()
		}
		l := q.lookup()
		a.view.Lookup(context.Background(), q.caller, []*execute.CacheLookup{l})
		f.event("product.updated", "1")
		a.step()
		b.step()
		a.finish(q, l, always(`"old"`))
		b.want("at another router", q, `"new"`, `"new"`)
		a.want("here", q, `no`, `"new"*`)
	}
}

func TestValuesFromBeforeAnOutageAreNotUsed(t *testing.T) {
	tests := []struct {
		name   string
		outage func(*fixture, *router)
	}{
		{name: "back as it was", outage: func(f *fixture, r *router) {
			f.redis.Close()
			r.step() // notices
			if err := f.redis.Restart(); err != nil {
				f.t.Fatal(err)
			}
		}},
		{name: "empty", outage: func(f *fixture, _ *router) { f.redis.FlushAll() }},
		{name: "lost the epoch alone", outage: func(f *fixture, r *router) { f.redis.Del(r.cache.options.prefix + epochKey) }},
		{name: "no router renewed the lease", outage: func(f *fixture, _ *router) { f.advance(lease + time.Second) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			r := f.router(func(o *Options) { o.LocalBytes = -1 })
			q := request{selection: productName, reps: product(1)}
			r.run(q, always(`"old"`))
			r.want("before", q, `no`, `"old"*`)
			tt.outage(f, r)
			r.want("after", q, `"new"`, `"new"`)
			f.advance(tick)
			r.step()
			r.step()
			r.want("after, followed", q, `"new"`, `"new"`)
			r.want("again", q, `no`, `"new"*`)
		})
	}
}

// TestRestoredBackupIsDetected restores an earlier state of Redis, including a deleted
// version token, without breaking a connection.
func TestRestoredBackupIsDetected(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.LocalBytes = -1 })
	q := request{selection: productName, reps: product(1)}
	r.run(q, always(`"old"`))
	restore := f.copyRedis()
	f.event("product.updated", "1")
	r.step()
	restore()
	f.advance(tick)
	r.step() // detects that its pulse is lost
	r.step()
	r.want("after", q, `"new"`, `"new"`)
}

func TestRequestsSucceedWithoutRedis(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.Timeout = time.Second })
	f.redis.Close()
	q := request{selection: productName, reps: product(1)}
	for range 2 * breakerFailures {
		r.forgetLocal()
		r.want("away", q, `1`, `1`)
	}
	r.want("still in the process", q, `no`, `1*`)
	f.clock.advance(500 * time.Millisecond)
	r.want("not for long", q, `2`, `2`)
	if err := r.cache.Invalidate(context.Background(), "Product", "1"); err == nil {
		t.Error("a failed invalidation in Redis is not reported")
	}
	r.want("invalidated here all the same", q, `3`, `3`)
}

func TestInProcessLayerWorksAlone(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.Redis = nil })
	q := request{selection: productName, reps: product(1)}
	r.want("first", q, `1`, `1`)
	r.want("second", q, `no`, `1*`)
	if err := r.cache.Invalidate(context.Background(), "Product", "1"); err != nil {
		t.Fatal(err)
	}
	r.want("invalidated", q, `2`, `2`)
	f.clock.advance(500 * time.Millisecond)
	r.want("expired", q, `3`, `3`)
}

func TestCorruptValuesAreNotUsed(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.LocalBytes = -1 })
	q := request{selection: productName, reps: product(1)}
	other := request{selection: productName, reps: product(2)}
	r.run(q, always(`{"name":"one"}`))
	r.run(other, always(`{"name":"two"}`))
	var values []string
	for _, key := range f.redis.Keys() {
		if strings.HasPrefix(key, r.cache.options.prefix+valueKey) {
			values = append(values, key)
		}
	}
	first, _ := f.redis.Get(values[0])
	second, _ := f.redis.Get(values[1])
	// A value under the key of another one is as corrupt as a damaged value.
	_ = f.redis.Set(values[0], second)
	_ = f.redis.Set(values[1], first[:len(first)-2]+`!}`)
	r.want("moved", q, `1`, `1`)
	r.want("damaged", other, `2`, `2`)
}

func TestInvalidConfigurationIsRejected(t *testing.T) {
	f := newFixture(t)
	o := f.options()
	o.Subgraphs["shop"].Types["Product"] = Rule{}
	o.Events["stock.updated"] = []Entity{{Type: "Product", Key: "sku"}}
	_, err := New(o)
	for _, want := range []string{
		"subgraph shop, type Product: ttl is 0s but must be greater than 0",
		"Product by ",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want it to contain %q", err, want)
		}
	}
	o = f.options()
	o.Subgraphs["shop"].Types["Produkt"] = Rule{TTL: 1}
	o.Subgraphs["shop"].Root["prices"] = Rule{TTL: 1}
	o.Subgraphs["depot"] = Subgraph{}
	c, err := newCache(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.View(f.model)
	for _, want := range []string{
		"the supergraph has no subgraph depot; it has shop, stock",
		"subgraph shop has no entity type Produkt; it has Category, Item, Product",
		"subgraph shop has no root field prices; it has products, time",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want it to contain %q", err, want)
		}
	}
}

func TestCoversOnlyConfiguredTypesAndFields(t *testing.T) {
	v := newFixture(t).router().view
	tests := []struct {
		s    *execute.CacheSelection
		want bool
	}{
		{s: productName, want: true},
		{s: selection("stock", "{... on Category{name}}", "Category"), want: false},
		{s: selection("shop", "{... on Product{name} ... on Shelf{name}}", "Product", "Shelf"), want: false},
		{s: selection("depot", "{... on Product{name}}", "Product"), want: false},
		{s: rootSelection("shop", "{products{total}}", "products"), want: true},
		{s: rootSelection("shop", "{products{total} time}", "products", "time"), want: false},
		{s: rootSelection("shop", "{__typename}"), want: false},
	}
	for _, tt := range tests {
		if got := v.Covers(tt.s); got != tt.want {
			t.Errorf("Covers(%s %s) = %v", tt.s.Subgraph, tt.s.Selections.GraphQL(), got)
		}
	}
}

func TestLocalLayerIsBounded(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.LocalBytes = localShards * 2000; o.Redis = nil })
	for i := range 1000 {
		r.run(request{selection: productName, reps: product(i)}, always(`{"name":"0123456789"}`))
	}
	var bytes int64
	for i := range r.cache.local.shards {
		s := &r.cache.local.shards[i]
		bytes += s.bytes
		if len(s.entries) == 0 {
			t.Errorf("shard %d is empty", i)
		}
	}
	if bytes > localShards*2000 {
		t.Errorf("got %d bytes in the layer", bytes)
	}
}

func TestLocalHitDoesNotAllocate(t *testing.T) {
	f := newFixture(t)
	r := f.router()
	q := request{selection: productName, reps: product(1)}
	r.run(q, always(`1`))
	l := q.lookup()
	all := []*execute.CacheLookup{l}
	if n := testing.AllocsPerRun(100, func() { r.view.Lookup(context.Background(), q.caller, all) }); n > 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
	if l.Found[0].JSON == nil {
		t.Error("not found")
	}
}

// TestRestoredBackupOfEarlierEpochIsDetected restores a state with an earlier epoch,
// which a lookup detects by itself.
func TestRestoredBackupOfEarlierEpochIsDetected(t *testing.T) {
	f := newFixture(t)
	r := f.router(func(o *Options) { o.LocalBytes = -1 })
	q := request{selection: productName, reps: product(1)}
	r.run(q, always(`"old"`))
	restore := f.copyRedis()
	f.redis.Close()
	r.step()
	if err := f.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	r.step() // starts a new epoch
	r.want("in the new epoch", q, `null`, `null`)
	restore()
	r.want("in the old one", q, `"new"`, `"new"`)
}
