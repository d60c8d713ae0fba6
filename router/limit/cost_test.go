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

func TestCost(t *testing.T) {
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
		{"a scalar is free", `{ book { title } }`, ``, 1, ""},
		{"each alias counts", `{ a: book { title } b: book { title } }`, ``, 2, ""},
		{"weights of types and fields", `{ book { author { name rating } } }`, ``, 1 + 3 + 7, ""},
		{"a mutation", `mutation { add { title } }`, ``, 11, ""},
		{"an argument", `{ search(text: "a") { title } }`, ``, 6, ""},
		{"an argument that is not given", `{ search { title } }`, ``, 1, ""},
		{"a list of unknown length", `{ plain { title } }`, ``, 10, ""},
		{"an assumed size", `{ book { pages { text } } }`, ``, 101, ""},
		{"lists in lists", `{ plain { pages { text } } }`, ``, 10 * 101, ""},
		{"sized fields, assumed", `{ books { edges { node { title } } } }`, ``, 1 + 20*(1+1), ""},
		{"sized fields, first", `{ books(first: 3) { nodes { title } total } }`, ``, 1 + 3, ""},
		{"sized fields, a variable", `query ($n: Int) { books(first: $n) { nodes { title } } }`, `{"n":4}`, 1 + 4, ""},
		{"its default", `query ($n: Int = 7) { books(first: $n) { nodes { title } } }`, `{}`, 1 + 7, ""},
		{"it is null", `query ($n: Int) { books(first: $n) { nodes { title } } }`, `{"n":null}`, 1 + 20, ""},
		{"two given", `{ books(first: 3, last: 8) { nodes { title } } }`, ``, 1 + 8, ""},
		{"exactly one", `{ strict(first: 3) { title } }`, ``, 3, ""},
		{"exactly one is given two", `{ strict(first: 3, last: 3) { title } }`, ``, 0, "strict must be given exactly one of the arguments first, last"},
		{"exactly one is not given", `{ strict { title } }`, ``, 0, "strict must be given exactly one"},
		{"inside an input object", `{ paged(page: {first: 6}) { title } }`, ``, 6, ""},
		{"a variable inside an input object", `query ($n: Int) { paged(page: {first: $n}) { title } }`, `{"n":2}`, 2, ""},
		{"an input object in a variable", `query ($p: Paging) { paged(page: $p) { title } }`, `{"p":{"first":9}}`, 9, ""},
		{"of an interface's types the dearest", `{ media { title ... on Film { cast { name } } ... on Book { author { name } } } }`, ``, 1 + 15, ""},
		{"what types share counts once", `{ media { cover { url } ... on Film { title } } }`, ``, 2, ""},
		{"a negative size", `{ books(first: -5) { nodes { title } } }`, ``, 1, ""},
		{"a list of ids", `{ byIds(ids: ["1", "2", "3"]) { title } }`, ``, 50, ""},
		{"more ids than assumed", `query ($i: [ID!]!) { byIds(ids: $i) { title } }`, `{"i":[` + strings.Repeat(`"1",`, 9_999) + `"1"]}`, 10_000, ""},
		{"more ids in the document", `{ byIds(ids: [` + strings.Repeat(`1 `, 70) + `]) { title } }`, ``, 70, ""},
		{"one id for a list", `query ($i: [ID!]!) { byIds(ids: $i) { title } }`, `{"i":["7"]}`, 50, ""},
		{"more ids than a list without a size", `{ unsized(ids: [` + strings.Repeat(`1 `, 70) + `]) { title } }`, ``, 70, ""},
		{"introspection, little", `{ __type(name: "Book") { name } }`, ``, 0.02, ""},
		{"introspection, each alias", `{ a: __type(name: "Book") { name } b: __type(name: "Book") { name } }`, ``, 0.04, ""},
		{"introspection, lists in lists", `{ __type(name: "Book") { fields { type { fields { type { name } } } } } }`, ``, 0.02 + 0.16*(1+1+8*(1+1)), ""},
		{"the typename is free", `{ book { __typename } }`, ``, 1, ""},
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
			for range 2 { // made, and remembered
				got, err := estimator.Check(op, vars)
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) {
						t.Fatalf("error %v, want %s", err, tt.err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(got.Estimated-tt.want) > 1e-9 {
					t.Errorf("cost %v, want %v", got.Estimated, tt.want)
				}
			}
		})
	}
	t.Run("too much", func(t *testing.T) {
		d, _ := schema.Parse(`{ plain { pages { text } } }`, "")
		op := d.Operation(nil)
		_, err := limit.NewEstimator(m, limit.CostOptions{Max: 1000}).Check(op, nil)
		var refused *operation.Error
		if !errors.As(err, &refused) || refused.Code != limit.CodeTooCostly || !strings.Contains(refused.Message, "1010") {
			t.Errorf("error %v", err)
		}
		if _, err := limit.NewEstimator(m, limit.CostOptions{Max: 1000, Measure: true}).Check(op, nil); err != nil {
			t.Errorf("measuring refuses: %v", err)
		}
		if _, err := limit.NewEstimator(m, limit.CostOptions{Max: 1010}).Check(op, nil); err != nil {
			t.Errorf("exactly the limit is refused: %v", err)
		}
	})
	t.Run("huge", func(t *testing.T) {
		d, _ := schema.Parse(`query ($n: Int) { books(first: $n) { nodes { title } } }`, "")
		vars, _ := d.Variables([]byte(`{"n":2147483647}`))
		if c, err := estimator.Check(d.Operation(vars), vars); err != nil || math.IsInf(c.Estimated, 0) || c.Estimated < 2147483647 {
			t.Errorf("%v %v", c, err)
		}
	})
}

// TestCostOfNestedFragmentsIsQuick has fragments in fragments, of which each
// type's part is looked at for each type around it.
func TestCostOfNestedFragmentsIsQuick(t *testing.T) {
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
	c, err := limit.NewEstimator(m, limit.CostOptions{}).Check(op, nil)
	if err != nil || c.Estimated != 13 {
		t.Errorf("%v %v", c, err)
	}
}
