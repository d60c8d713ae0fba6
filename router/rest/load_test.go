package rest_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"souk/router/rest"
)

const smallSchema = `
type Query { thing(id: ID!): Thing, things(first: Int, after: String): ThingConnection! }
type Mutation { make(input: MakeInput!): MakeResult!, drop(id: ID!): Boolean! }
type Thing { id: ID!, name: String!, price: Price!, version: Int! }
type Price { amount: Float!, currency: String! }
type ThingConnection { nodes: [Thing!]!, pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean!, endCursor: String }
input MakeInput { name: String!, price: PriceInput }
input PriceInput { amount: Float! }
type Made { thing: Thing! }
type Taken { message: String!, code: String! }
union MakeResult = Made | Taken
`

func TestInvalidRoutesAreRejected(t *testing.T) {
	const makeField = `make(input: {name: $name}) { ... on Made { thing { id } } ... on Taken @problem(status: 409) { code } }`
	cases := map[string]struct{ operation, want string }{
		"syntax": {operation: "query a {", want: "a.graphql:1:10: Expected Name, found <EOF>"},
		"unknown field": {operation: `query a @rest(method: GET, path: "/a", result: "thing") { thing(id: 1) { nam } }`,
			want: `Cannot query field "nam" on type "Thing". Did you mean "name"?`},
		"unknown directive argument":      {operation: `query a @rest(methd: GET, path: "/a", result: "thing") { thing(id: 1) { id } }`, want: `Unknown argument "methd"`},
		"no @rest":                        {operation: `query a { thing(id: 1) { id } }`, want: "a.graphql:1:1: operation a has no @rest; give it one"},
		"mutation by GET":                 {operation: `mutation a($name: String!) @rest(method: GET, path: "/a", result: "make.thing") { ` + makeField + ` }`, want: "this is a mutation with GET"},
		"query by POST":                   {operation: `query a @rest(method: POST, path: "/a", result: "thing") { thing(id: 1) { id } }`, want: "this is a query with POST"},
		"an unknown path variable":        {operation: `query a @rest(method: GET, path: "/a/{id}", result: "thing") { thing(id: 1) { id } }`, want: "the operation has no variable $id"},
		"a nullable path variable":        {operation: `query a($id: ID) @rest(method: GET, path: "/a/{id}", result: "thing") { thing(id: 1) { name } again: thing(id: $id) { id } }`, want: "Variable"},
		"a status out of range":           {operation: `query a @rest(method: GET, path: "/a", result: "thing", status: 99999999999999999999) { thing(id: 1) { id } }`, want: "99999999999999999999"},
		"an empty path segment":           {operation: `query a @rest(method: GET, path: "/a//b", result: "thing") { thing(id: 1) { id } }`, want: `has the invalid segment ""`},
		"a path without a leading slash":  {operation: `query a @rest(method: GET, path: "a", result: "thing") { thing(id: 1) { id } }`, want: "must start with a slash"},
		"no result":                       {operation: `query a @rest(method: GET, path: "/a") { thing(id: 1) { id } }`, want: "result is missing"},
		"a result that is not selected":   {operation: `query a @rest(method: GET, path: "/a", result: "thng") { thing(id: 1) { id } }`, want: `does not select "thng" there; did you mean "thing"?`},
		"a result below a list":           {operation: `query a @rest(method: GET, path: "/a", result: "things.nodes.id") { things { nodes { id } } }`, want: `"nodes" is a list`},
		"an error without a status":       {operation: `mutation a($name: String!) @rest(method: POST, path: "/a", result: "make.thing") { make(input: {name: $name}) { ... on Made { thing { id } } } }`, want: "make can return Taken, which neither has thing nor is a problem"},
		"a problem status below 400":      {operation: `mutation a($name: String!) @rest(method: POST, path: "/a", result: "make.thing") { make(input: {name: $name}) { ... on Made { thing { id } } ... on Taken @problem(status: 200) { code } } }`, want: "status 200 is not an error"},
		"a success status for missing":    {operation: `query a @rest(method: GET, path: "/a", result: "thing", missing: 200) { thing(id: 1) { id } }`, want: "missing: 200 is not allowed"},
		"a location that is not selected": {operation: `mutation a($name: String!) @rest(method: POST, path: "/a", result: "make.thing", location: "/a/{nme}") { ` + makeField + ` }`, want: `no scalar "nme"`},
		"unwrap of two fields":            {operation: `query a @rest(method: GET, path: "/a", result: "thing") { thing(id: 1) { price @unwrap { amount currency } } }`, want: "does not select exactly one"},
		"wrap of a scalar":                {operation: `mutation a($name: String! @wrap(field: "x")) @rest(method: POST, path: "/a", result: "make.thing") { ` + makeField + ` }`, want: "@wrap applies to an input object"},
		"wrap of an unknown field":        {operation: `mutation a($name: String!, $price: PriceInput @wrap(field: "amout")) @rest(method: POST, path: "/a", result: "make.thing") { make(input: {name: $name, price: $price}) { ... on Made { thing { id } } ... on Taken @problem(status: 409) { code } } }`, want: `did you mean "amount"?`},
		"shorthand of a non-list":         {operation: `mutation a($name: String! @shorthand) @rest(method: POST, path: "/a", result: "make.thing") { ` + makeField + ` }`, want: "@shorthand applies to a list of input objects"},
		"a body with GET":                 {operation: `query a($id: ID! @body) @rest(method: GET, path: "/a", result: "thing") { thing(id: $id) { id } }`, want: "a GET request has no body"},
		"a page without variables":        {operation: `query a @rest(method: GET, path: "/a", result: "things.nodes", page: "things") { things { nodes { id } pageInfo { hasNextPage endCursor } } }`, want: "a page needs the variable $first"},
		"a page without links":            {operation: `query a($first: Int, $after: String) @rest(method: GET, path: "/a", result: "things.nodes", page: "things") { things(first: $first, after: $after) { nodes { id } } }`, want: "pageInfo { hasNextPage endCursor }"},
		"a duplicate route": {operation: `query a($id: ID!) @rest(method: GET, path: "/a/{id}", result: "thing") { thing(id: $id) { id } }
			query b($x: ID!) @rest(method: GET, path: "/a/{x}", result: "thing") { thing(id: $x) { id } }`, want: "operation b has the route GET /a/{x}, which conflicts with that of operation a"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			documents := fstest.MapFS{"a.graphql": {Data: []byte(c.operation)}}
			_, err := rest.New(rest.Options{Documents: documents, SchemaSDL: smallSchema, Executor: &graph{}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			var at *rest.DocumentError
			if !errors.As(err, &at) || at.File != "a.graphql" || at.Line == 0 {
				t.Errorf("the error has no position: %#v", at)
			}
		})
	}
}
