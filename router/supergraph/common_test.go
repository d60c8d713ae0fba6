package supergraph_test

import (
	"testing"

	"souk/router/supergraph"
)

const alike = `schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a") B @join__graph(name: "b", url: "http://b") }
type Query @join__type(graph: A) @join__type(graph: B) { one: One @join__field(graph: A) two: Two @join__field(graph: A) }
type One @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
  id: ID!
  name(long: Boolean = true): String @join__field(graph: A)
  weight: Int @join__field(graph: A) @join__field(graph: B, external: true)
  size: Int @join__field(graph: B)
  price: Int @join__field(graph: B, requires: "weight")
}
type Two @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
  id: ID!
  name(long: Boolean = true): String @join__field(graph: A)
  weight: Int @join__field(graph: A) @join__field(graph: B, external: true)
  size: Int @join__field(graph: A)
  price: Int @join__field(graph: B, requires: "weight")
}
`

// Types share what is equal in them, also after another model, and nothing else.
func TestTypesShareEqualDefinitions(t *testing.T) {
	first, err := supergraph.Parse(alike)
	if err != nil {
		t.Fatal(err)
	}
	second, err := supergraph.ParseAfter(alike, first, func() {})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*supergraph.Model{"alone": first, "after another one": second} {
		one, two := m.Type("One"), m.Type("Two")
		for field, want := range map[string]bool{"id": true, "name": true, "weight": true, "size": false, "price": false} {
			a, b := one.Field(field), two.Field(field)
			if a.Parent != one || b.Parent != two {
				t.Errorf("%s: %s has the parents %s and %s", name, field, a.Parent.Name, b.Parent.Name)
			}
			if shared := a.In[0] == b.In[0]; shared != want {
				t.Errorf("%s: the definitions of %s are shared: %t, want %t", name, field, shared, want)
			}
			for _, in := range a.In {
				if m.Subgraph(in.Subgraph.Name) != in.Subgraph || in.Named != m.Type(a.Named.Name) {
					t.Errorf("%s: %s refers to another model", name, field)
				}
			}
		}
		if a, b := one.Field("name").Arguments, two.Field("name").Arguments; a[0] != b[0] || a[0].Named != m.Type("Boolean") || a[0].Default != "true" {
			t.Errorf("%s: got the arguments %v and %v", name, a[0], b[0])
		}
		if one.In[0].Keys[0].Fields != two.In[1].Keys[0].Fields {
			t.Errorf("%s: the keys are not shared", name)
		}
		if in := one.Field("weight").In; in[0].External || !in[1].External {
			t.Errorf("%s: weight is external in the wrong subgraph", name)
		}
	}
	if first.Type("One").In[0].Keys[0] != second.Type("One").In[0].Keys[0] {
		t.Error("the second model has keys of its own")
	}
}
