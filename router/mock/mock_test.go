package mock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/internal/oracle"
	"souk/router/introspect"
	"souk/router/mock"
	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

var (
	firstSeed  = flag.Uint64("mock.seed", 0, "the seed of the first graph")
	graphs     = flag.Uint64("mock.graphs", 12, "the number of generated graphs")
	operations = flag.Int("mock.operations", 40, "the number of operations for each graph")
)

// A router plans and executes operations over mocks.
type router struct {
	model    *supergraph.Model
	schema   *operation.Schema
	planner  *planner.Planner
	executor *execute.Executor
	api      *ast.Schema
}

func newRouter(t *testing.T, sdl string, subgraphs map[string]string, seed uint64) *router {
	t.Helper()
	model, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	mocks := mocks{}
	for name, text := range subgraphs {
		if mocks[name], err = mock.New(mock.Options{SDL: text, API: model.APISchema, Seed: seed}); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	api, err := gqlparser.LoadSchema(&ast.Source{Input: model.APISchema})
	if err != nil {
		t.Fatal(err)
	}
	return &router{model, schema, planner.New(model, planner.Options{}), execute.New(execute.Options{Transport: mocks, Introspect: introspect.New(schema).Answer}), api}
}

// mocks is the transport to mocked subgraphs by name.
type mocks map[string]*mock.Subgraph

func (m mocks) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	recorder := httptest.NewRecorder()
	m[r.Subgraph].ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(r.Body.B)))
	body := execute.NewBuffer(recorder.Body.Len())
	body.B = append(body.B, recorder.Body.Bytes()...)
	return &execute.SubgraphResponse{Status: recorder.Code, Header: recorder.Header(), Body: body}, nil
}

func (mocks) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	panic("no test subscribes")
}

// run executes an operation. ok is false if the operation is invalid.
func (r *router) run(t *testing.T, query string, variables json.RawMessage) (body []byte, ok bool) {
	t.Helper()
	document, err := r.schema.Parse(query, "")
	if err != nil {
		return nil, false
	}
	values, err := document.Variables(variables)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.planner.Plan(document.Undeferred(values))
	if err != nil {
		t.Fatalf("no plan: %v\n%s", err, query)
	}
	program, err := r.executor.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	response := r.executor.Execute(t.Context(), &execute.Request{Program: program, Variables: values})
	defer response.Release()
	return bytes.Clone(response.Body), true
}

// check reports what is wrong with a response, or "".
func (r *router) check(t *testing.T, query string, variables map[string]any, body []byte) string {
	t.Helper()
	var response struct {
		Data   any
		Errors []any
	}
	if err := json.Unmarshal(body, &response); err != nil {
		return err.Error()
	}
	if len(response.Errors) > 0 {
		return "the response has errors"
	}
	document, list := gqlparser.LoadQueryWithRules(r.api, query, nil)
	if list != nil {
		t.Fatal(list)
	}
	root := r.api.Query
	if document.Operations[0].Operation == ast.Mutation {
		root = r.api.Mutation
	}
	s := shape{r.api, variables}
	if !s.object(response.Data, root, []ast.SelectionSet{document.Operations[0].SelectionSet}) {
		return "the data does not have the types of the API schema"
	}
	return ""
}

// Every operation over mocked subgraphs gets a valid response without errors.
func TestEveryOperationGetsAValidResponse(t *testing.T) {
	composed, asked := 0, 0
	for seed := *firstSeed; seed < *firstSeed+*graphs; seed++ {
		subgraphs := oracle.Split(seed)
		var list []compose.Subgraph
		for name, sdl := range subgraphs {
			list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: sdl})
		}
		result, err := compose.Compose(t.Context(), list)
		if err != nil {
			continue
		}
		composed++
		asked += checkGraph(t, result.SDL, subgraphs, seed)
	}
	if composed < int(*graphs)/2 || asked < composed**operations/2 {
		t.Errorf("only %d graphs composed, and %d operations were valid", composed, asked)
	}
}

// cursors are arguments for which generated operations have any text, and refusals the errors of
// those that are none, and of negative numbers of items.
var (
	cursors  = regexp.MustCompile(`\b(after|before): "(?:[^"\\]|\\.)*"`)
	refusals = regexp.MustCompile(`which is not a cursor of this list|it must not be negative`)
)

func checkGraph(t *testing.T, sdl string, subgraphs map[string]string, seed uint64) (asked int) {
	t.Helper()
	r := newRouter(t, sdl, subgraphs, seed)
	world, err := oracle.New(oracle.Options{Seed: seed, API: r.model.APISchema, Subgraphs: subgraphs})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	for range *operations {
		op := world.Generate(rng.IntN)
		op.Query = cursors.ReplaceAllString(op.Query, `$1: ""`)
		body, ok := r.run(t, op.Query, op.Variables)
		if !ok {
			continue
		}
		asked++
		if refusals.Match(body) { // of a variable
			continue
		}
		if wrong := r.check(t, op.Query, op.Values(), body); wrong != "" {
			t.Fatalf("seed %d: %s\noperation %s\nvariables %s\nresponse %s", seed, wrong, op.Query, op.Variables, body)
		}
		if again, _ := r.run(t, op.Query, op.Variables); !bytes.Equal(again, body) {
			t.Fatalf("seed %d: two responses to %s\n%s\n%s", seed, op.Query, body, again)
		}
	}
	return asked
}

func TestEveryOperationOfTheStoreGetsAValidResponse(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile("../../schema/" + path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	subgraphs := map[string]string{}
	for _, name := range []string{"user", "product", "inventory", "order", "notification"} {
		subgraphs[name] = read("shared.graphqls") + read(name+".graphqls")
	}
	for seed := range uint64(2) {
		checkGraph(t, read("supergraph.graphql"), subgraphs, seed)
	}
}

// A shape checks data against the API schema.
type shape struct {
	schema    *ast.Schema
	variables map[string]any
}

// object reports whether a value is an object of one of the possible types of d.
func (s shape) object(value any, d *ast.Definition, sets []ast.SelectionSet) bool {
	fields, ok := value.(map[string]any)
	if !ok {
		return false
	}
	possible := s.schema.GetPossibleTypes(d)
	if d.Kind == ast.Object {
		possible = []*ast.Definition{d}
	}
	for _, p := range possible {
		selected := map[string][]*ast.Field{}
		for _, set := range sets {
			s.collect(selected, p, set)
		}
		fits := len(selected) == len(fields)
		for key, list := range selected {
			v, given := fields[key]
			switch {
			case !given:
				fits = false
			case list[0].Name == "__typename":
				fits = fits && v == p.Name
			case strings.HasPrefix(list[0].Name, "__"):
			default:
				fits = fits && s.value(v, p.Fields.ForName(list[0].Name).Type, list)
			}
		}
		if fits {
			return true
		}
	}
	return false
}

func (s shape) collect(into map[string][]*ast.Field, d *ast.Definition, set ast.SelectionSet) {
	for _, selection := range set {
		switch x := selection.(type) {
		case *ast.Field:
			if s.included(x.Directives) {
				into[x.Alias] = append(into[x.Alias], x)
			}
		case *ast.InlineFragment:
			if s.included(x.Directives) && s.applies(d, x.TypeCondition) {
				s.collect(into, d, x.SelectionSet)
			}
		case *ast.FragmentSpread:
			if s.included(x.Directives) && s.applies(d, x.Definition.TypeCondition) {
				s.collect(into, d, x.Definition.SelectionSet)
			}
		}
	}
}

func (s shape) applies(d *ast.Definition, condition string) bool {
	if condition == "" || condition == d.Name {
		return true
	}
	for _, p := range s.schema.GetPossibleTypes(s.schema.Types[condition]) {
		if p == d {
			return true
		}
	}
	return false
}

func (s shape) included(list ast.DirectiveList) bool {
	if d := list.ForName("skip"); d != nil && d.ArgumentMap(s.variables)["if"] == true {
		return false
	}
	d := list.ForName("include")
	return d == nil || d.ArgumentMap(s.variables)["if"] == true
}

func (s shape) value(value any, t *ast.Type, fields []*ast.Field) bool {
	if value == nil {
		return !t.NonNull
	}
	if t.Elem != nil {
		list, ok := value.([]any)
		for _, item := range list {
			ok = ok && s.value(item, t.Elem, fields)
		}
		return ok
	}
	switch d := s.schema.Types[t.NamedType]; d.Kind {
	case ast.Enum:
		text, _ := value.(string)
		return d.EnumValues.ForName(text) != nil
	case ast.Scalar:
		_, number := value.(float64)
		_, text := value.(string)
		_, boolean := value.(bool)
		switch d.Name {
		case "Int":
			return number && value.(float64) == float64(int32(value.(float64)))
		case "Float":
			return number
		case "String", "ID":
			return text
		case "Boolean":
			return boolean
		}
		return true
	default:
		sets := make([]ast.SelectionSet, len(fields))
		for i, f := range fields {
			sets[i] = f.SelectionSet
		}
		return s.object(value, d, sets)
	}
}

// ask sends an operation to a mock and returns the response.
func ask(t *testing.T, m *mock.Subgraph, query, variables string) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	body := fmt.Sprintf(`{"query":%q,"variables":%s}`, query, variables)
	m.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
	return recorder.Body.String()
}

const shop = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
type Query { product(id: ID!): Product bySku(sku: String!): Product products(first: Int): [Product!]! media: [Media!]! }
type Mutation { createProduct(input: NewProduct!): Product! rate(productId: ID!, input: NewRating!): Rating! }
input NewRating { weight: Float kind: Kind at: DateTime }
type Rating { weight: Float kind: Kind at: DateTime product: Product! }
input NewProduct { name: String! price: Int }
type Product @key(fields: "id") @key(fields: "sku") @key(fields: "maker { code }") {
  id: ID! sku: String! name: String! email: String! price: Int stars: Int! createdAt: DateTime! kind: Kind! maker: Maker!
}
type Maker { code: String! name: String }
enum Kind { SMALL LARGE }
scalar DateTime
interface Media @key(fields: "id") { id: ID! }
type Book implements Media @key(fields: "id") { id: ID! title: String }
type Film implements Media @key(fields: "id") { id: ID! minutes: Int }
`

func TestKeysAndArgumentsComeBack(t *testing.T) {
	m, err := mock.New(mock.Options{SDL: shop})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, variables, want string }{
		{`{ product(id: "77") { id } }`, `{}`, `{"data":{"product":{"id":"77"}}}`},
		{`{ product(id: 77) { id sku } }`, `{}`, `{"data":{"product":{"id":"77","sku":"SKU-00077"}}}`},
		{`query($id: ID!) { product(id: $id) { id } }`, `{"id": 77}`, `{"data":{"product":{"id":"77"}}}`},
		{`{ bySku(sku: "SKU-00012") { id sku } }`, `{}`, `{"data":{"bySku":{"id":"12","sku":"SKU-00012"}}}`},
		{`mutation { rate(productId: "7", input: {weight: 1.5, kind: LARGE, at: "2026-01-02T00:00:00Z"}) { weight kind at product { id sku } } }`, `{}`,
			`{"data":{"rate":{"weight":1.5,"kind":"LARGE","at":"2026-01-02T00:00:00Z","product":{"id":"7","sku":"SKU-00007"}}}}`},
		{`query($id: ID!) { product(id: $id) { id sku } }`, `{"id": "77"}`, `{"data":{"product":{"id":"77","sku":"SKU-00077"}}}`},
		{`{ products(first: 2) { __typename } }`, `{}`, `{"data":{"products":[{"__typename":"Product"},{"__typename":"Product"}]}}`},
		{`mutation { createProduct(input: {name: "Lamp", price: 7}) { name price } }`, `{}`, `{"data":{"createProduct":{"name":"Lamp","price":7}}}`},
		{`{ product(id: 99999999999999999999) { id } }`, `{}`, `{"data":{"product":{"id":"99999999999999999999"}}}`},
		{`query($id: ID! = 99999999999999999999) { product(id: $id) { id } }`, `{}`, `{"data":{"product":{"id":"99999999999999999999"}}}`},
		{`query($id: ID!) { product(id: $id) { id } }`, `{"id": 99999999999999999999}`, `{"data":{"product":{"id":"99999999999999999999"}}}`},
		{`mutation { rate(productId: 1, input: {weight: 99999999999999999999, at: 99999999999999999999}) { weight at } }`, `{}`,
			`{"data":{"rate":{"weight":99999999999999999999,"at":99999999999999999999}}}`},
		{`query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { id sku } ... on Media { id } } }`,
			`{"r": [{"__typename":"Product","id":"1"},{"__typename":"Product","sku":"SKU-00005"},{"__typename":"Media","id":"x"}]}`,
			`{"data":{"_entities":[{"id":"1","sku":"SKU-00001"},{"id":"5","sku":"SKU-00005"},{"id":"x"}]}}`},
		{`query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { maker { code } } } }`, `{"r": [{"__typename":"Product","maker":{"code":"M"}}]}`,
			`{"data":{"_entities":[{"maker":{"code":"M"}}]}}`},
	} {
		if got := ask(t, m, c.query, c.variables); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.query, got, c.want)
		}
	}
	// Values that are out of the range of the field's type do not come back.
	for _, input := range []string{"price: 99999999999999999999", "price: 2147483648"} {
		if got := ask(t, m, `mutation { createProduct(input: {name: "Lamp", `+input+`}) { name price } }`, `{}`); !strings.Contains(got, `"name":"Lamp","price":`) || strings.Contains(got, input) {
			t.Errorf("%s: got %s", input, got)
		}
	}
	if got := ask(t, m, `mutation { rate(productId: 1, input: {weight: 1e999}) { weight } }`, `{}`); !strings.Contains(got, `"weight":`) || strings.Contains(got, "1e999") {
		t.Errorf("got %s", got)
	}
	if got := ask(t, m, `{ _service { sdl } }`, `{}`); !strings.Contains(got, "type Maker") {
		t.Errorf("got %s", got)
	}
}

// The same entity has the same data on all paths, and another seed gives other data.
func TestEntitiesHaveOneState(t *testing.T) {
	one, err := mock.New(mock.Options{SDL: shop})
	if err != nil {
		t.Fatal(err)
	}
	const fields = `{ id sku name email price stars createdAt kind maker { code name } }`
	direct := ask(t, one, `{ product(id: "3") `+fields+` }`, `{}`)
	entity := ask(t, one, `query($r: [_Any!]!) { _entities(representations: $r) { ... on Product `+fields+` } }`, `{"r":[{"__typename":"Product","id":"3"}]}`)
	if want := strings.Replace(direct, `"product":`, `"_entities":[`, 1); strings.TrimSuffix(want, "}}")+"]}}" != entity {
		t.Errorf("got\n%s\n%s", direct, entity)
	}
	other, err := mock.New(mock.Options{SDL: shop, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if ask(t, other, `{ product(id: "3") `+fields+` }`, `{}`) == direct {
		t.Error("two seeds give the same data")
	}
}

func TestValuesAreBelievable(t *testing.T) {
	m, err := mock.New(mock.Options{SDL: shop})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Data struct {
			Products []struct {
				Email, CreatedAt string
				Stars            int
			}
		}
	}
	if err := json.Unmarshal([]byte(ask(t, m, `{ products { email stars createdAt } }`, `{}`)), &got); err != nil {
		t.Fatal(err)
	}
	for _, p := range got.Data.Products {
		if !strings.Contains(p.Email, "@example.com") || p.Stars < 1 || p.Stars > 5 || !strings.HasPrefix(p.CreatedAt, "202") {
			t.Errorf("got %+v", p)
		}
	}
	if len(got.Data.Products) == 0 {
		t.Error("got no products")
	}
}

// A response has a bound, however deep the operation is.
func TestResponsesAreBounded(t *testing.T) {
	m, err := mock.New(mock.Options{SDL: "type Query { all: [T!]! } type T { id: ID! all: [T!]! }"})
	if err != nil {
		t.Fatal(err)
	}
	query := strings.Repeat("{ id all ", 30) + "{ id }" + strings.Repeat("}", 30)
	if got := ask(t, m, strings.Replace(query, "{ id all", "{ all", 1), `{}`); len(got) > 2<<20 || !strings.HasPrefix(got, `{"data":`) {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	m, err := mock.New(mock.Options{SDL: shop})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		`subscription { x }`: "a subscription needs Accept: text/event-stream, or a WebSocket with graphql-transport-ws",
		`{ nothing }`:        "the schema does not define the field Query.nothing",
		`{`:                  "Expected Name",
		`{ ...A } fragment A on Query { media { id } ...A }`:                                         `"data"`,
		`{ product { ...P } } fragment P on Product { maker { ...M } } fragment M on Maker { ...P }`: `"data"`,
		`query($r: [_Any!]!) { _entities(representations: [{__typename: "None"}]) { __typename } }`:  `the __typename \"None\", which the schema does not define`,
	} {
		if got := ask(t, m, query, `{}`); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", query, got)
		}
	}
	if _, err := mock.New(mock.Options{SDL: "type {"}); err == nil {
		t.Error("got no error for an SDL with a syntax error")
	}
}

// FuzzMock checks that any SDL and any operation end with a response.
func FuzzMock(f *testing.F) {
	f.Add(shop, `{ products { id maker { code } } }`)
	f.Add("type Query { a: A } interface A { b: [B!]! } enum B { C }", `{ a { b } }`)
	f.Add(connected, `{ products(first: 3) { edges { node { id } } pageInfo { endCursor } } node(id: 1) { id } }`)
	f.Add("type Query { Id(ids: [ID], first: Int): ID _id: ID } type C { items: [C] count: Int }", `{ Id(ids: [1], first: -1) _id }`)
	f.Add("union U enum E type Query { u: U e: E }", `{ u { __typename } e }`)
	f.Fuzz(func(t *testing.T, sdl, query string) {
		m, err := mock.New(mock.Options{SDL: sdl})
		if err != nil {
			return
		}
		body, err := json.Marshal(map[string]any{"query": query})
		if err != nil {
			return
		}
		recorder := httptest.NewRecorder()
		m.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body)))
		if !json.Valid(recorder.Body.Bytes()) {
			t.Errorf("got %s", recorder.Body)
		}
	})
}
