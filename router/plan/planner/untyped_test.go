package planner_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// untypedGraph has an @interfaceObject in object, which resolves values below it.
const untypedGraph = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) { query: Query }
enum join__Graph {
  TYPES @join__graph(name: "types", url: "http://types")
  OBJECT @join__graph(name: "object", url: "http://object")
  VALUES @join__graph(name: "values", url: "http://values")
}
interface Node @join__type(graph: TYPES, key: "id") @join__type(graph: OBJECT, key: "id", isInterfaceObject: true) {
  id: ID
  v: Value @join__field(graph: OBJECT)
  w: Int @join__field(graph: OBJECT)
}
type A implements Node @join__implements(graph: TYPES, interface: "Node") @join__type(graph: TYPES, key: "id") {
  id: ID
  a: Int @join__field(graph: TYPES)
  v: Value @join__field
  w: Int @join__field
}
type B implements Node @join__implements(graph: TYPES, interface: "Node") @join__type(graph: TYPES, key: "id") {
  id: ID
  b: Int @join__field(graph: TYPES)
  v: Value @join__field
  w: Int @join__field
}
type Value @join__type(graph: OBJECT, key: "no") @join__type(graph: VALUES, key: "no") {
  no: ID
  x: Int @join__field(graph: OBJECT)
  y: Int @join__field(graph: OBJECT)
  z: Int @join__field(graph: VALUES)
  p: Part @join__field(graph: OBJECT)
}
type Part @join__type(graph: OBJECT) { s: Int t: Int }
type Query @join__type(graph: TYPES) @join__type(graph: OBJECT) @join__type(graph: VALUES) {
  types: [Node] @join__field(graph: TYPES)
  objects: [Node] @join__field(graph: OBJECT)
}`

// What is selected for one type below a field of an @interfaceObject is asked for once the type is known: the
// requests of plans answer operations by that rule.
func TestPlansAskOnceTypesAreKnown(t *testing.T) {
	m, err := supergraph.Parse(untypedGraph)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := operation.NewSchema(m.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	r, p := rand.New(rand.NewPCG(*firstGraph, 5)), planner.New(m, planner.Options{})
	for range *graphs {
		text := "query" + randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0)
		if strings.Contains(text, "__typename") {
			continue
		}
		doc, err := schema.Parse(text, "")
		if err != nil {
			t.Fatal(err)
		}
		made, err := p.Plan(doc.Operation(nil))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if fewest := fewestRequests(m, doc.Operation(nil), nil, cost(made)); fewest.Requests == 0 {
			var b strings.Builder
			if err := plan.Print(&b, made); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s: as many requests cannot answer the operation:\n%s", text, b.String())
		}
	}
}
