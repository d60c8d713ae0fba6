package operation_test

import (
	"testing"

	"souk/router/operation"
)

// Equal fields of several types are in memory once. Those that differ in anything that clients can see
// are not, nor those with directives.
func TestTypesShareEqualFields(t *testing.T) {
	s, err := operation.NewSchema(`type Query { a: A b: B }
type A implements Node {
  id: ID!
  "A name."
  name: String
  list(first: Int = 10, of: Any = "1"): [[String!]]!
  text(of: Any = ["1", {x: 1}]): String
  note(of: Any = {x: 1}): String
  old: Int @deprecated
  kind: String
}
interface Node { id: ID! }
type B implements Node {
  id: ID!
  "A  name."
  name: String
  list(first: Int = 10, of: Any = "1"): [[String!]]!
  text(of: Any = ["1", {x: "1"}]): String
  note(of: Any = {x: 2}): String
  old: Int @deprecated
  kind: String!
}
scalar Any
`)
	if err != nil {
		t.Fatal(err)
	}
	types := s.Definitions().Types
	for name, want := range map[string]bool{"id": true, "list": true, "name": false, "text": false, "note": false, "old": false, "kind": false} {
		a, b := types["A"].Fields.ForName(name), types["B"].Fields.ForName(name)
		if (a == b) != want {
			t.Errorf("field %s: shared is %t, want %t", name, a == b, want)
		}
		if !want && a.Name != b.Name {
			t.Errorf("field %s is named %q and %q", name, a.Name, b.Name)
		}
	}
	if got := types["B"].Fields.ForName("text").Arguments[0].DefaultValue.String(); got != `["1",{x:"1"}]` {
		t.Errorf("got the default value %s", got)
	}
	if got := types["A"].Fields.ForName("list").Type.String(); got != "[[String!]]!" {
		t.Errorf("got the type %s", got)
	}
	if got := types["B"].Fields.ForName("name").Description; got != "A  name." {
		t.Errorf("got the description %q", got)
	}
	if d := types["B"].Fields.ForName("old").Directives; len(d) != 1 || d[0].Definition != s.Definitions().Directives["deprecated"] {
		t.Errorf("got the directives %v", d)
	}
}
