package cache

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/internal/redistest"
)

// tagged starts a router with cache tags; without Redis if local is set.
func (f *fixture) tagged(local bool, change ...func(*Options)) *router {
	return f.router(append(change, func(o *Options) {
		s := o.Subgraphs["shop"]
		s.ResponseTags = true
		s.Root = map[string]Rule{"time": {TTL: time.Minute}}
		o.Subgraphs["shop"] = s
		if local {
			o.Redis = nil
		}
	})...)
}

func (r *router) mustInvalidateTag(tag string, subgraphs ...string) {
	r.t.Helper()
	if err := r.cache.InvalidateTag(context.Background(), tag, subgraphs...); err != nil {
		r.t.Fatal(err)
	}
}

// An invalidation concerns the values with the cache tag and no others, in both layers.
func TestCacheTagsOfTheSchemaInvalidate(t *testing.T) {
	for _, local := range []bool{false, true} {
		t.Run(fmt.Sprintf("local %t", local), func(t *testing.T) {
			r := newTaggedFixture(t).tagged(local)
			q := request{selection: productName, reps: product(1, 2)}
			for _, step := range []struct{ tag, subgraph, want string }{
				{"", "", "v v"}, {"", "", "v* v*"},
				{"product-1", "", "v v*"}, {"product-2", "shop", "v* v"}, {"product-1", "stock", "v* v*"},
				{"product-", "", "v* v*"}, {"catalog", "", "v v"}, {"unknown", "", "v* v*"},
			} {
				if step.tag != "" {
					var in []string
					if step.subgraph != "" {
						in = []string{step.subgraph}
					}
					r.mustInvalidateTag(step.tag, in...)
				}
				if got := r.run(q, always("v")); got != step.want {
					t.Errorf("after %q in %q: got %s, want %s", step.tag, step.subgraph, got, step.want)
				}
			}
		})
	}
}

// The value of an argument can be a literal, a variable, or inside of either.
func TestCacheTagsHaveTheValuesOfArguments(t *testing.T) {
	r := newTaggedFixture(t).tagged(false)
	for text, value := range map[string]string{
		`{time(zone:{name:"utc"})}`:       "",
		`{time(zone:{name:$n})}`:          `"utc"`,
		`{time(zone:$n)}`:                 `{"name":"u\u0074c"}`,
		`{a:time(zone:$n) time(zone:$n)}`: `{"name":"utc"}`,
	} {
		q := request{selection: rootSelection("shop", text, "time")}
		if value != "" {
			q.variables = append(q.variables, variable("n", value))
		}
		r.run(q, always("{}"))
		if got := r.run(q, always("{}")); got != "{}*" {
			t.Errorf("%s: not cached: %s", text, got)
		}
		r.mustInvalidateTag("time-cet")
		if got := r.run(q, always("{}")); got != "{}*" {
			t.Errorf("%s: another cache tag invalidates it: %s", text, got)
		}
		r.mustInvalidateTag("time-utc")
		if got := r.run(q, always("{}")); got != "{}" {
			t.Errorf("%s: not invalidated: %s", text, got)
		}
	}
}

// What cannot have its cache tag is not cached, since it could not be invalidated.
func TestValuesWithoutTheirCacheTagAreNotCached(t *testing.T) {
	r := newTaggedFixture(t).tagged(false)
	for text, value := range map[string]string{
		`{time}`: "", `{time(zone:null)}`: "", `{time(zone:{})}`: "", `{time(zone:{name:null})}`: "", `{time(zone:$n)}`: "null",
		`{time(zone:{name:$n})}`: `["utc"]`, `{t:time(zone:{name:$n})}`: `"` + strings.Repeat("u", maxCacheTagBytes) + `"`,
	} {
		q := request{selection: rootSelection("shop", text, "time")}
		if value != "" {
			q.variables = append(q.variables, variable("n", value))
		}
		r.run(q, always("{}"))
		if got := r.run(q, always("{}")); got != "{}" {
			t.Errorf("%s with %s: cached: %s", text, value, got)
		}
	}
	bySKU := request{selection: productName, reps: []string{`{"__typename":"Product","sku":"1"}`}}
	r.run(bySKU, always("v"))
	if got := r.run(bySKU, always("v")); got != "v" {
		t.Errorf("an entity without the key of its cache tag is cached: %s", got)
	}
}

// Cache tags of responses work in both layers, and together with those of the schema.
func TestCacheTagsOfResponsesInvalidate(t *testing.T) {
	for _, local := range []bool{false, true} {
		t.Run(fmt.Sprintf("local %t", local), func(t *testing.T) {
			f := newTaggedFixture(t)
			f.told = func(answer string) []string { return []string{"all", "is-" + answer} }
			r := f.tagged(local)
			q := request{selection: productName, reps: product(1, 2)}
			answer := func(rep string) string {
				if strings.Contains(rep, `"1"`) {
					return "v1"
				}
				return "v2"
			}
			for _, step := range []struct{ tag, want string }{
				{"unknown", "v1 v2"}, {"unknown", "v1* v2*"}, {"is-v1", "v1 v2*"}, {"all", "v1 v2"}, {"product-2", "v1* v2"}, {"is-v2", "v1* v2"}, {"is-v3", "v1* v2*"},
			} {
				r.mustInvalidateTag(step.tag)
				if got := r.run(q, answer); got != step.want {
					t.Errorf("after %s: got %s, want %s", step.tag, got, step.want)
				}
			}
		})
	}
}

// A response that was on its way when one of its cache tags was invalidated is not used.
func TestResponsesFromBeforeAnInvalidationByCacheTagAreNotStored(t *testing.T) {
	for _, local := range []bool{false, true} {
		f := newTaggedFixture(t)
		f.told = func(string) []string { return []string{"shelf"} }
		r := f.tagged(local)
		q := request{selection: productName, reps: product(1)}
		r.run(q, func(string) string {
			r.mustInvalidateTag("shelf")
			return "v1"
		})
		if got := r.run(q, always("v2")); got != "v2" {
			t.Errorf("local %t: got %s from before the invalidation", local, got)
		}
		if got := r.run(q, always("v3")); got != "v2*" {
			t.Errorf("local %t: got %s, want what was fetched after the invalidation", local, got)
		}
	}
}

// Too many cache tags, too long ones, and those that belong to no entity prevent caching.
func TestUnusableCacheTagsOfResponsesPreventCaching(t *testing.T) {
	many := make([]string, maxCacheTags)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, tags := range map[string][]string{"many": many, "long": {strings.Repeat("x", maxCacheTagBytes+1)}} {
		f := newTaggedFixture(t)
		f.told = func(string) []string { return tags }
		r := f.tagged(false)
		q := request{selection: productName, reps: product(1)}
		r.run(q, always("v"))
		if got := r.run(q, always("v")); got != "v" {
			t.Errorf("%s: cached: %s", name, got)
		}
	}
}

// Other routers learn of an invalidation, and values survive the encoding.
func TestCacheTagsReachOtherRouters(t *testing.T) {
	f := newTaggedFixture(t)
	f.told = func(string) []string { return []string{"shelf", ""} }
	a, b := f.tagged(false), f.tagged(false)
	q := request{selection: productName, reps: product(1)}
	a.run(q, always("v1"))
	if got := b.run(q, always("v2")); got != "v1*" {
		t.Fatalf("the other router does not find the value: %s", got)
	}
	a.mustInvalidateTag("shelf")
	b.step()
	if got := b.run(q, always("v2")); got != "v2" {
		t.Errorf("the other router still has %s", got)
	}
}

// In a Redis Cluster, the tokens of cache tags are in the slot of the values: all commands have
// one slot.
func TestCacheTagsWorkInACluster(t *testing.T) {
	var addresses []string
	for _, node := range redistest.StartCluster(t, 3) {
		addresses = append(addresses, node.Addr)
	}
	f := newTaggedFixture(t)
	f.told = func(string) []string { return []string{"shelf"} }
	r := f.tagged(false, func(o *Options) {
		o.Redis = &redis.UniversalOptions{Addrs: addresses, IsClusterMode: true}
		o.LocalBytes = -1
		o.Streams = nil // the one of the cache itself is in the slot of its keys
	})
	eventually(t, "Redis is in use", func() bool { r.step(); return r.usable() })
	q := request{selection: productName, reps: product(1, 2)}
	for _, step := range []struct{ tag, want string }{{"", "v v"}, {"", "v* v*"}, {"product-1", "v v*"}, {"shelf", "v v"}, {"", "v* v*"}} {
		if step.tag != "" {
			r.mustInvalidateTag(step.tag)
		}
		r.step()
		if got := r.run(q, always("v")); got != step.want {
			t.Errorf("after %q: got %s, want %s", step.tag, got, step.want)
		}
	}
}

func FuzzReadLabels(f *testing.F) {
	f.Add(appendLabels(nil, []string{"a", ""}))
	f.Fuzz(func(t *testing.T, b []byte) {
		labels, rest, ok := readLabels(b)
		if ok && len(rest) > len(b) {
			t.Errorf("%d bytes left of %d", len(rest), len(b))
		}
		again, _, ok2 := readLabels(appendLabels(nil, labels))
		if ok && len(b) < 1<<15 && (!ok2 || strings.Join(again, "\x00") != strings.Join(labels, "\x00")) {
			t.Errorf("%q becomes %q", labels, again)
		}
	})
}

func TestFormatsOfCacheTags(t *testing.T) {
	for format, valid := range map[string]bool{
		"a": true, "a-{$key.id}": true, "{$key.a.b}{$key.c}": true,
		"": false, "{$key}": false, "{$args.id}": false, "{id}": false, "a{$key.id": false, "{$key..id}": false, "{}": false,
	} {
		if _, err := parseTemplate(format, "$key"); (err == nil) != valid {
			t.Errorf("%q: error %v", format, err)
		}
	}
}
