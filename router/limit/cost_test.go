package limit_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
)

const costSDL = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"]) { query: Query mutation: Mutation }
directive @join__field(graph: join__Graph requires: join__FieldSet provides: join__FieldSet type: String external: Boolean override: String usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph! interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph! key: join__FieldSet extension: Boolean! = false resolvable: Boolean! = true isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @link(url: String as: String for: link__Purpose import: [link__Import]) repeatable on SCHEMA
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
enum join__Graph { A @join__graph(name: "a", url: "http://a") }
enum link__Purpose { SECURITY EXECUTION }
interface Media @join__type(graph: A) { title: String cover: Image }
type Image @join__type(graph: A) { url: String }
type Book implements Media @join__implements(graph: A, interface: "Media") @join__type(graph: A) { title: String cover: Image author: Author pages: [Page!] @listSize(assumedSize: 100) }
type Film implements Media @join__implements(graph: A, interface: "Media") @join__type(graph: A) { title: String cover: Image cast: [Author!] @listSize(assumedSize: 5) }
type Author @join__type(graph: A) @cost(weight: 3) { name: String rating: Int @cost(weight: 7) }
type Page @join__type(graph: A) { text: String }
type Connection @join__type(graph: A) { edges: [Edge!]! nodes: [Book!]! total: Int }
type Edge @join__type(graph: A) { node: Book }
input Paging @join__type(graph: A) { first: Int }
type Query @join__type(graph: A) {
  book: Book
  media: Media
  plain: [Book!]
  books(first: Int, last: Int): Connection @listSize(slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false, assumedSize: 20)
  strict(first: Int, last: Int): [Book!] @listSize(slicingArguments: ["first", "last"])
  paged(page: Paging): [Book!] @listSize(slicingArguments: ["page.first"], requireOneSlicingArgument: false)
  byIds(ids: [ID!]!): [Book] @listSize(assumedSize: 50)
  unsized(ids: [ID!]!): [Book]
  search(text: String @cost(weight: 5)): Book
}
type Mutation @join__type(graph: A) { add: Book }
`

func TestCostFollowsDirectives(t *testing.T) {
	m, err := supergraph.Parse(costSDL)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := operation.NewSchema(m.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	estimator := limit.NewEstimator(m, limit.CostOptions{})
	tests := []struct {
		name, query, vars string
		want              float64
		err               string
	}{
		{name: "a scalar is free", query: `{ book { title } }`, vars: ``, want: 1, err: ""},
		{name: "each alias counts", query: `{ a: book { title } b: book { title } }`, vars: ``, want: 2, err: ""},
		{name: "weights of types and fields", query: `{ book { author { name rating } } }`, vars: ``, want: 1 + 3 + 7, err: ""},
		{name: "a mutation", query: `mutation { add { title } }`, vars: ``, want: 11, err: ""},
		{name: "an argument", query: `{ search(text: "a") { title } }`, vars: ``, want: 6, err: ""},
		{name: "an absent argument", query: `{ search { title } }`, vars: ``, want: 1, err: ""},
		{name: "a list of unknown length", query: `{ plain { title } }`, vars: ``, want: 10, err: ""},
		{name: "an assumed size", query: `{ book { pages { text } } }`, vars: ``, want: 101, err: ""},
		{name: "lists in lists", query: `{ plain { pages { text } } }`, vars: ``, want: 10 * 101, err: ""},
		{name: "sized fields, assumed", query: `{ books { edges { node { title } } } }`, vars: ``, want: 1 + 20*(1+1), err: ""},
		{name: "sized fields, first", query: `{ books(first: 3) { nodes { title } total } }`, vars: ``, want: 1 + 3, err: ""},
		{name: "sized fields, a variable", query: `query ($n: Int) { books(first: $n) { nodes { title } } }`, vars: `{"n":4}`, want: 1 + 4, err: ""},
		{name: "sized fields, a variable's default", query: `query ($n: Int = 7) { books(first: $n) { nodes { title } } }`, vars: `{}`, want: 1 + 7, err: ""},
		{name: "sized fields, a null variable", query: `query ($n: Int) { books(first: $n) { nodes { title } } }`, vars: `{"n":null}`, want: 1 + 20, err: ""},
		{name: "sized fields, two slicing arguments", query: `{ books(first: 3, last: 8) { nodes { title } } }`, vars: ``, want: 1 + 8, err: ""},
		{name: "one required slicing argument", query: `{ strict(first: 3) { title } }`, vars: ``, want: 3, err: ""},
		{name: "two slicing arguments where one is required", query: `{ strict(first: 3, last: 3) { title } }`, vars: ``, want: 0, err: "The field strict needs exactly one of the arguments first, last"},
		{name: "a required slicing argument is missing", query: `{ strict { title } }`, vars: ``, want: 0, err: "The field strict needs exactly one"},
		{name: "inside an input object", query: `{ paged(page: {first: 6}) { title } }`, vars: ``, want: 6, err: ""},
		{name: "a variable inside an input object", query: `query ($n: Int) { paged(page: {first: $n}) { title } }`, vars: `{"n":2}`, want: 2, err: ""},
		{name: "an input object in a variable", query: `query ($p: Paging) { paged(page: $p) { title } }`, vars: `{"p":{"first":9}}`, want: 9, err: ""},
		{name: "the most expensive type of an interface", query: `{ media { title ... on Film { cast { name } } ... on Book { author { name } } } }`, vars: ``, want: 1 + 15, err: ""},
		{name: "fields common to all types count once", query: `{ media { cover { url } ... on Film { title } } }`, vars: ``, want: 2, err: ""},
		{name: "a negative size", query: `{ books(first: -5) { nodes { title } } }`, vars: ``, want: 1, err: ""},
		{name: "a list of ids", query: `{ byIds(ids: ["1", "2", "3"]) { title } }`, vars: ``, want: 50, err: ""},
		{name: "more ids than assumed", query: `query ($i: [ID!]!) { byIds(ids: $i) { title } }`, vars: `{"i":[` + strings.Repeat(`"1",`, 9_999) + `"1"]}`, want: 10_000, err: ""},
		{name: "more ids than assumed, as a literal", query: `{ byIds(ids: [` + strings.Repeat(`1 `, 70) + `]) { title } }`, vars: ``, want: 70, err: ""},
		{name: "fewer ids than assumed", query: `query ($i: [ID!]!) { byIds(ids: $i) { title } }`, vars: `{"i":["7"]}`, want: 50, err: ""},
		{name: "more ids than a list without a size", query: `{ unsized(ids: [` + strings.Repeat(`1 `, 70) + `]) { title } }`, vars: ``, want: 70, err: ""},
		{name: "introspection, one field", query: `{ __type(name: "Book") { name } }`, vars: ``, want: 0.02, err: ""},
		{name: "introspection, each alias", query: `{ a: __type(name: "Book") { name } b: __type(name: "Book") { name } }`, vars: ``, want: 0.04, err: ""},
		{name: "introspection, lists in lists", query: `{ __type(name: "Book") { fields { type { fields { type { name } } } } } }`, vars: ``, want: 0.02 + 0.16*(1+1+8*(1+1)), err: ""},
		{name: "the typename is free", query: `{ book { __typename } }`, vars: ``, want: 1, err: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := schema.Parse(tt.query, "")
			if err != nil {
				t.Fatal(err)
			}
			vars, err := d.Variables([]byte(tt.vars))
			if err != nil {
				t.Fatal(err)
			}
			op := d.Operation(vars)
			for range 2 { // the second time, the formula is cached
				got, err := estimator.Check(op, vars, 0)
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) {
						t.Fatalf("got error %v, want %s", err, tt.err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(got-tt.want) > 1e-9 {
					t.Errorf("got cost %v, want %v", got, tt.want)
				}
			}
		})
	}
	t.Run("above the limit", func(t *testing.T) {
		d, _ := schema.Parse(`{ plain { pages { text } } }`, "")
		op := d.Operation(nil)
		_, err := limit.NewEstimator(m, limit.CostOptions{}).Check(op, nil, 1000)
		var refused *operation.Error
		if !errors.As(err, &refused) || refused.Code != limit.CodeTooCostly || !strings.Contains(refused.Message, "1010") {
			t.Errorf("got error %v", err)
		}
		if _, err := limit.NewEstimator(m, limit.CostOptions{Measure: true}).Check(op, nil, 1000); err != nil {
			t.Errorf("measure mode: got error %v", err)
		}
		if _, err := limit.NewEstimator(m, limit.CostOptions{}).Check(op, nil, 1010); err != nil {
			t.Errorf("cost equal to the limit: got error %v", err)
		}
	})
	t.Run("large numbers", func(t *testing.T) {
		d, _ := schema.Parse(`query ($n: Int) { books(first: $n) { nodes { title } } }`, "")
		vars, _ := d.Variables([]byte(`{"n":3000001}`))
		_, err := limit.NewEstimator(m, limit.CostOptions{}).Check(d.Operation(vars), vars, 2_000_000)
		if err == nil || !strings.Contains(err.Error(), "the limit is 2000000.") || strings.Contains(err.Error(), "e+") {
			t.Errorf("got error %v", err)
		}
	})
	t.Run("huge list size", func(t *testing.T) {
		d, _ := schema.Parse(`query ($n: Int) { books(first: $n) { nodes { title } } }`, "")
		vars, _ := d.Variables([]byte(`{"n":2147483647}`))
		if c, err := estimator.Check(d.Operation(vars), vars, 0); err != nil || math.IsInf(c, 0) || c < 2147483647 {
			t.Errorf("got cost %v, err %v", c, err)
		}
	})
}

// TestCostOfNestedFragmentsTakesLinearTime nests fragments on two types 12 levels
// deep. Evaluating a field once per enclosing type would take 2^12 steps.
func TestCostOfNestedFragmentsTakesLinearTime(t *testing.T) {
	sdl := strings.Replace(costSDL, "interface Media @join__type(graph: A) {", "interface Media @join__type(graph: A) { next: Media", 1)
	sdl = strings.ReplaceAll(sdl, `implements Media @join__implements(graph: A, interface: "Media") @join__type(graph: A) {`, `implements Media @join__implements(graph: A, interface: "Media") @join__type(graph: A) { next: Media `)
	m, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	var nest func(depth int) []operation.Selection
	nest = func(depth int) []operation.Selection {
		if depth == 0 {
			return []operation.Selection{&operation.Field{Alias: "title", Name: "title"}}
		}
		below := nest(depth - 1)
		var list []operation.Selection
		for _, typ := range []string{"Book", "Film"} {
			list = append(list, &operation.InlineFragment{TypeCondition: typ, Selections: []operation.Selection{
				&operation.Field{Alias: "next", Name: "next", Selections: below},
			}})
		}
		return list
	}
	op := &operation.Operation{Selections: []operation.Selection{&operation.Field{Alias: "media", Name: "media", Selections: nest(12)}}}
	c, err := limit.NewEstimator(m, limit.CostOptions{}).Check(op, nil, 0)
	if err != nil || c != 13 {
		t.Errorf("got cost %v, err %v", c, err)
	}
}
