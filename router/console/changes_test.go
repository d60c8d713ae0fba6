package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"souk/router/gateway/config"
)

// A revision changes one thing in a supergraph.
type revision struct {
	name, from, to string
	want           string // the changes
}

// revisions are applied one after the other to rich.
var revisions = []revision{
	{"deprecate a field", `name: String @join__field(graph: CATALOG)`, `name: String @join__field(graph: CATALOG) @deprecated(reason: "Use label.")`,
		`[{added Product.name @deprecated reason: "Use label."}]`},
	{"change the reason", `"Use label."`, `"Use title."`, `[{changed Product.name @deprecated reason: "Use label." → reason: "Use title."}]`},
	{"make a key not resolvable", `key: "sku")`, `key: "sku", resolvable: false)`, `[{changed Product @key("sku") in catalog resolvable → not resolvable}]`},
	{"remove a key", ` @join__type(graph: CATALOG, key: "sku", resolvable: false)`, ``, `[{removed Product @key("sku") in catalog not resolvable}]`},
	{"add a key", `type Product @join__type(graph: CATALOG, key: "id")`, `type Product @join__type(graph: CATALOG, key: "id") @join__type(graph: CATALOG, key: "id weight")`,
		`[{added Product @key("id weight") in catalog resolvable}]`},
	{"require more", `requires: "weight"`, `requires: "weight id"`, `[{changed Product.parcel @requires in reviews "weight" → "weight id"}]`},
	{"provide", `reviews(last: Int): [Review!]! @join__field(graph: REVIEWS)`, `reviews(last: Int): [Review!]! @join__field(graph: REVIEWS, provides: "text")`,
		`[{added Product.reviews @provides in reviews "text"}]`},
	{"override", `size: Size @join__field(graph: CATALOG)`, `size: Size @join__field(graph: CATALOG, override: "reviews")`, `[{added Product.size @override in catalog from: "reviews"}]`},
	{"add an argument", `reviews(last: Int)`, `reviews(last: Int, minimum: Int = 3)`, `[{added Product.reviews(minimum:) Int = 3}]`},
	{"change a default", `minimum: Int = 3`, `minimum: Int = 4`, `[{changed Product.reviews(minimum:) Int = 3 → Int = 4}]`},
	{"deprecate an argument", `minimum: Int = 4`, `minimum: Int = 4 @deprecated(reason: "Ignored.")`, `[{added Product.reviews(minimum:) @deprecated reason: "Ignored."}]`},
	{"remove an argument", `, minimum: Int = 4 @deprecated(reason: "Ignored.")`, ``, `[{removed Product.reviews(minimum:) Int = 4}]`},
	{"change a weight", `@cost(weight: 5)`, `@cost(weight: 7)`, `[{changed Query.products @cost weight: 5 → weight: 7}]`},
	{"change @cacheControl", `maxAge: 5`, `maxAge: 77`, `[{changed Product.label @cacheControl in catalog maxAge: 5 → maxAge: 77}]`},
	{"add a tag", `@tag(name: "owner:shop")`, `@tag(name: "owner:shop") @tag(name: "a")`, `[{changed Product @tag name: "owner:shop" → name: "a", name: "owner:shop"}]`},
	{"hide from strangers", `label: String`, `label: String @authenticated`, `[{added Product.label @authenticated }]`},
	{"describe", `"A thing to buy."`, `"A thing to sell."`, `[{changed Product description A thing to buy. → A thing to sell.}]`},
	{"describe no more", `"Not small." `, ``, `[{removed Size.LARGE description Not small.}]`},
	{"add a value", `SMALL @join__enumValue(graph: CATALOG)`, `SMALL @join__enumValue(graph: CATALOG) TINY @join__enumValue(graph: CATALOG)`, `[{added Size.TINY value}]`},
	{"deprecate a value", `TINY @join__enumValue(graph: CATALOG)`, `TINY @join__enumValue(graph: CATALOG) @deprecated(reason: "Use SMALL.")`, `[{added Size.TINY @deprecated reason: "Use SMALL."}]`},
	{"add a member", `union Found @join__type(graph: REVIEWS) @join__unionMember(graph: REVIEWS, member: "Review") = Review`,
		`union Found @join__type(graph: REVIEWS) @join__unionMember(graph: REVIEWS, member: "Review") @join__unionMember(graph: REVIEWS, member: "Product") = Review | Product`, `[{added Found | Product member}]`},
	{"change an input field", `limit: Int = 1`, `limit: Int! = 1`, `[{changed Filter.limit Int = 1 → Int! = 1}]`},
	{"add a type", `type Review @`, `type Badge @join__type(graph: REVIEWS) { "Its text." text(long: Boolean = false): String @deprecated } type Review @`, `[{added Badge type} {added Badge.text (long: Boolean = false) String from reviews}]`},
	{"change a password", `user:s3cr3t@`, `user:0ther@`, `[{changed subgraph catalog http://catalog.invalid/graphql (credentials or query changed)}]`},
	{"change a query", `?key=s3cr3t`, `?key=0ther`, `[{changed subgraph catalog http://catalog.invalid/graphql (credentials or query changed)}]`},
	{"change an address", `reviews.invalid`, `u:p4ss@comments.invalid`, `[{changed subgraph reviews http://reviews.invalid/graphql → http://comments.invalid/graphql}]`},
	{"change only the text", "\nscalar link__Import", "\n# a comment\n\nscalar   link__Import", `unchanged`},
	{"reorder", "scalar   link__Import\nscalar join__FieldSet", "scalar join__FieldSet\nscalar link__Import", `unchanged`},
}

// rich is sdl with more directives.
var rich = strings.NewReplacer(
	`products(first: Int = 2): [Product!]! @join__field(graph: CATALOG)`, `products(first: Int = 2): [Product!]! @join__field(graph: CATALOG) @cost(weight: 5)`,
	`@join__type(graph: CATALOG, key: "id") @join__type(graph: REVIEWS, key: "id")`, `@join__type(graph: CATALOG, key: "id") @join__type(graph: CATALOG, key: "sku") @join__type(graph: REVIEWS, key: "id")`,
	"  name: String @join__field(graph: CATALOG)\n", "  name: String @join__field(graph: CATALOG)\n  sku: ID @join__field(graph: CATALOG)\n"+
		`  label: String @join__field(graph: CATALOG) @join__directive(graphs: [CATALOG], name: "cacheControl", args: {maxAge: 5})`+"\n",
	`https://specs.apollo.dev/join/v0.3`, `https://specs.apollo.dev/join/v0.5`,
).Replace(sdl) + `
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @cost(weight: Int!) on FIELD_DEFINITION
scalar join__DirectiveArguments
union Found @join__type(graph: REVIEWS) @join__unionMember(graph: REVIEWS, member: "Review") = Review
input Filter @join__type(graph: REVIEWS) { limit: Int = 1 }
`

// TestReloadsShowEveryDifference: a reload is "applied" with changes, or "unchanged".
func TestReloadsShowEveryDifference(t *testing.T) {
	file, text := filepath.Join(t.TempDir(), "supergraph.graphql"), rich
	write := func() {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write()
	s := newShopFrom(t, "", func(c *config.Config) { c.Supergraph.File, c.Supergraph.PollInterval = file, 10*time.Millisecond })
	for i, r := range revisions {
		if !strings.Contains(text, r.from) {
			t.Fatalf("%s: the supergraph has no %s", r.name, r.from)
		}
		text = strings.Replace(text, r.from, r.to, 1)
		write()
		until(t, func() bool { return len(get[reloads](t, s, "reloads").Reloads) == i+1 })
		_, body := s.api(t, "GET", "reloads", "")
		for _, secret := range []string{"s3cr3t", "0ther", "p4ss"} {
			if strings.Contains(body, secret) {
				t.Fatalf("%s: the secret %s is shown in %s", r.name, secret, body)
			}
		}
		got := get[reloads](t, s, "reloads").Reloads[0]
		if r.want == "unchanged" {
			if got.Outcome != "unchanged" || len(got.Changes) != 0 {
				t.Errorf("%s: %s %v", r.name, got.Outcome, got.Changes)
			}
			continue
		}
		if got.Outcome != "applied" || fmt.Sprint(got.Changes) != r.want {
			t.Errorf("%s: %s %v, want %s", r.name, got.Outcome, got.Changes, r.want)
		}
	}
}

// TestReloadOfAConfigurationSaysWhatChanged: also if that is a REST route, or nothing.
func TestReloadOfAConfigurationSaysWhatChanged(t *testing.T) {
	s := newShop(t, nil)
	route := s.routes["products.graphql"]
	for i, step := range []struct {
		change func()
		want   string
	}{
		{func() {}, "unchanged []"},
		{func() {
			s.routes["products.graphql"] = &fstest.MapFile{Data: append([]byte("# a comment\n"), route.Data...)}
		}, "applied [{changed REST routes products.graphql }]"},
		{func() {
			delete(s.routes, "products.graphql")
			s.routes["other.graphql"] = route
			s.config.Limits.MaxAliases = 9
		}, "applied [{changed limits.max_aliases 1000 → 9} {added REST routes other.graphql } {removed REST routes products.graphql }]"},
		{func() {}, "unchanged []"},
	} {
		step.change()
		if err := s.Reconfigure(t.Context(), s.config, nil); err != nil {
			t.Fatal(err)
		}
		got := get[reloads](t, s, "reloads").Reloads[0]
		if text := fmt.Sprint(got.Outcome, " ", got.Changes); text != step.want {
			t.Errorf("step %d: %s, want %s", i, text, step.want)
		}
	}
}
