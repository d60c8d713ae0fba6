package console_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type graph struct {
	ID        string
	Subgraphs []struct {
		Name, URL     string
		Types, Fields int
	}
	Types []graphType
}

type graphType struct {
	Name, Kind, Description, Owner string
	Subgraphs                      []string
	Keys                           []struct {
		Subgraph, Fields string
		Resolvable       bool
	}
	Values []struct{ Name, Description string }
	Fields []graphField
}

type graphField struct {
	Name, Type, Description, Owner string
	Deprecated                     *string
	Arguments                      []struct {
		Name, Type string
		Default    *string
	}
	Resolvers []struct {
		Subgraph           string
		Resolves, External bool
		Requires           *string
	}
}

func (g graph) field(t *testing.T, typeName, name string) graphField {
	t.Helper()
	for _, f := range g.typ(t, typeName).Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no field %s.%s", typeName, name)
	return graphField{}
}

func (g graph) typ(t *testing.T, name string) graphType {
	t.Helper()
	for _, one := range g.Types {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("no type %s", name)
	return graphType{}
}

func TestGraphShowsWhoResolvesWhat(t *testing.T) {
	s := newShop(t, nil)
	g := get[graph](t, s, "graph")
	var names []string
	for _, one := range g.Types {
		names = append(names, one.Name+" "+one.Kind)
	}
	if want := []string{"Mutation OBJECT", "Product OBJECT", "Query OBJECT", "Review OBJECT", "Size ENUM", "Subscription OBJECT"}; !reflect.DeepEqual(names, want) {
		t.Errorf("types %v, want %v", names, want)
	}
	if len(g.Subgraphs) != 2 || g.Subgraphs[0].Name != "catalog" || g.Subgraphs[0].Types != 5 || g.Subgraphs[1].Fields != 6 || !strings.HasPrefix(g.Subgraphs[0].URL, "http://127.0.0.1:") {
		t.Errorf("subgraphs %+v", g.Subgraphs)
	}
	product := g.typ(t, "Product")
	if product.Description != "A thing to buy." || product.Owner != "shop" || len(product.Keys) != 2 || product.Keys[1].Fields != "id" || product.Keys[1].Subgraph != "reviews" || !product.Keys[0].Resolvable {
		t.Errorf("%+v", product)
	}
	if f := g.field(t, "Product", "title"); f.Deprecated == nil || *f.Deprecated != "Use name." || f.Owner != "catalog" {
		t.Errorf("%+v", f)
	}
	if f := g.field(t, "Product", "weight"); len(f.Resolvers) != 2 || !f.Resolvers[0].Resolves || f.Resolvers[1].Resolves || !f.Resolvers[1].External {
		t.Errorf("%+v", f)
	}
	if f := g.field(t, "Product", "parcel"); f.Owner != "reviews" || len(f.Resolvers) != 1 || f.Resolvers[0].Requires == nil || *f.Resolvers[0].Requires != "weight" {
		t.Errorf("%+v", f)
	}
	if f := g.field(t, "Query", "products"); len(f.Arguments) != 1 || f.Arguments[0].Default == nil || *f.Arguments[0].Default != "2" || f.Type != "[Product!]!" {
		t.Errorf("%+v", f)
	}
	if size := g.typ(t, "Size"); len(size.Values) != 2 || size.Values[1].Description != "Not small." {
		t.Errorf("%+v", size)
	}
}

func TestGraphIsRevalidatedByTheSupergraph(t *testing.T) {
	s := newShop(t, nil)
	res, body := s.api(t, http.MethodGet, "graph", "")
	tag := res.Header.Get("ETag")
	if tag == "" || !strings.Contains(body, strings.Trim(tag, `"`)) || !strings.Contains(res.Header.Get("Cache-Control"), "no-cache") {
		t.Fatalf("%v", res.Header)
	}
	if res, body := s.api(t, http.MethodGet, "graph", "", "If-None-Match: "+tag); res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("%s %s", res.Status, body)
	}
	if strings.Contains(body, "s3cr3t") {
		t.Error("the response has a password")
	}
}

// TestOwnerIsTheTeamOrTheMainSubgraph: the owner of a type is the team that its schema names,
// however it does so, and otherwise the subgraph that resolves most of the fields, wherever it is
// in the list of subgraphs. Fields that are external there, or resolved elsewhere, do not count.
func TestOwnerIsTheTeamOrTheMainSubgraph(t *testing.T) {
	head, _, _ := strings.Cut(sdl, "type Query")
	s := newShopFrom(t, head+`
directive @owner(team: String) on OBJECT
type Query @join__type(graph: CATALOG) @join__type(graph: REVIEWS) { products: [First!] @join__field(graph: CATALOG) second: Second @join__field(graph: CATALOG)
  tagged: Tagged @join__field(graph: CATALOG) directed: Directed @join__field(graph: CATALOG) described: Described @join__field(graph: CATALOG) }
type Mutation @join__type(graph: CATALOG) { none: String @join__field(graph: CATALOG) }
type Subscription @join__type(graph: CATALOG) { none: String @join__field(graph: CATALOG) }
type First @join__type(graph: CATALOG, key: "id") @join__type(graph: REVIEWS, key: "id") {
  id: ID!
  a: Int @join__field(graph: CATALOG)
  b: Int @join__field(graph: CATALOG)
  c: Int @join__field(graph: REVIEWS)
}
type Second @join__type(graph: CATALOG, key: "id") @join__type(graph: REVIEWS, key: "id") {
  id: ID!
  a: Int @join__field(graph: CATALOG, external: true) @join__field(graph: REVIEWS)
  b: Int @join__field(graph: CATALOG, external: true) @join__field(graph: REVIEWS)
  c: Int @join__field(graph: CATALOG)
}
type Tagged @join__type(graph: CATALOG) @join__type(graph: REVIEWS) @tag(name: "team:tags") { a: Int @join__field(graph: REVIEWS) }
type Directed @join__type(graph: CATALOG) @join__type(graph: REVIEWS) @owner(team: "directives") { a: Int @join__field(graph: REVIEWS) }
"""
What it is.
Owner: descriptions
"""
type Described @join__type(graph: CATALOG) @join__type(graph: REVIEWS) { a: Int @join__field(graph: REVIEWS) }
`, nil)
	g := get[graph](t, s, "graph")
	for name, want := range map[string]string{"First": "catalog", "Second": "reviews", "Tagged": "tags", "Directed": "directives", "Described": "descriptions"} {
		if got := g.typ(t, name).Owner; got != want {
			t.Errorf("the owner of %s is %q, want %q", name, got, want)
		}
	}
	for coordinate, want := range map[string]string{"First.id": "catalog", "First.c": "reviews", "Second.id": "reviews", "Second.c": "catalog"} {
		typeName, name, _ := strings.Cut(coordinate, ".")
		if got := g.field(t, typeName, name).Owner; got != want {
			t.Errorf("the owner of %s is %q, want %q", coordinate, got, want)
		}
	}
}

// TestSubgraphsCountWhatTheListShows: types and fields that clients do not see are in no count.
func TestSubgraphsCountWhatTheListShows(t *testing.T) {
	hidden := strings.NewReplacer(
		`) { query: Query`, `) @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY) { query: Query`,
		`directive @authenticated`, "directive @inaccessible on FIELD_DEFINITION | OBJECT\ndirective @authenticated",
		`type Review @join__type(graph: REVIEWS) {`, `type Audit @join__type(graph: REVIEWS) @inaccessible { by: String }
type Review @join__type(graph: REVIEWS) { audit: Audit @inaccessible`,
	).Replace(sdl)
	g := get[graph](t, newShopFrom(t, hidden, nil), "graph")
	for _, sub := range g.Subgraphs {
		types, fields := 0, 0
		for _, one := range g.Types {
			if slices.Contains(one.Subgraphs, sub.Name) {
				types++
			}
			for _, f := range one.Fields {
				for _, r := range f.Resolvers {
					if r.Subgraph == sub.Name && r.Resolves {
						fields++
					}
				}
			}
		}
		if sub.Types != types || sub.Fields != fields || types == 0 {
			t.Errorf("%s has %d types and %d fields, the list %d and %d", sub.Name, sub.Types, sub.Fields, types, fields)
		}
	}
}
