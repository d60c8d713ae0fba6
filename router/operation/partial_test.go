package operation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"souk/router/operation"
)

const reloaded = `schema { query: Query mutation: Mutation }

directive @note(level: Level = LOW, of: Filter) on FIELD_DEFINITION | OBJECT | ENUM_VALUE | ARGUMENT_DEFINITION

type Query {
  node(id: ID!): Node
  things(filter: Filter, level: Level): [Thing!]
  any: Any
}

type Mutation {
  add(filter: Filter!): Thing
}

interface Node {
  id: ID!
  owner: Owner
}

interface Named implements Node {
  id: ID!
  owner: Owner
  name: String @note
}

interface Owner {
  id: ID!
}

type User implements Owner & Node {
  id: ID!
  owner: User
  friends(first: Int = 10 @note): [User!]
}

type Thing implements Node & Named @note(level: HIGH) {
  id: ID!
  owner: User
  name: String
  level: Level @deprecated
}

type Other {
  thing: Thing
  at: Date
}

union Any = User | Thing

enum Level {
  LOW
  HIGH @note
}

input Filter {
  text: String = ""
  level: Level = LOW
  and: Filter
}

scalar Date @specifiedBy(url: "https://example.com/date")
`

// described returns all that matters of a schema but the positions.
func described(s *ast.Schema) string {
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithBuiltin()).FormatSchema(s)
	for _, list := range []map[string][]*ast.Definition{s.PossibleTypes, s.Implements} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			fmt.Fprintf(&b, "\n%s:", name)
			for _, def := range list[name] {
				fmt.Fprintf(&b, " %s %t", def.Name, s.Types[def.Name].Kind == def.Kind && len(s.Types[def.Name].Fields) == len(def.Fields))
			}
		}
	}
	for _, root := range []*ast.Definition{s.Query, s.Mutation, s.Subscription} {
		fmt.Fprintf(&b, "\n%t", root == nil || s.Types[root.Name] == root)
	}
	refers := func(list ast.DirectiveList) {
		for _, d := range list {
			fmt.Fprintf(&b, "\n@%s %t", d.Name, d.Definition != nil && d.Definition.Position == s.Directives[d.Name].Position)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		def := s.Types[name]
		if def.BuiltIn {
			continue
		}
		refers(def.Directives)
		for _, v := range def.EnumValues {
			refers(v.Directives)
		}
		for _, f := range def.Fields {
			refers(f.Directives)
			for _, a := range f.Arguments {
				refers(a.Directives)
			}
		}
	}
	return b.String()
}

// TestSchemasAfterOthersAreValidatedAsIfAlone changes each line of a schema in several ways. What comes
// out, or which error, must not depend on the schema before.
func TestSchemasAfterOthersAreValidatedAsIfAlone(t *testing.T) {
	former, err := operation.NewSchema(reloaded)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(reloaded, "\n")
	check := func(text string) {
		t.Helper()
		want, wanted := operation.NewSchema(text)
		got, err := operation.NewSchemaAfter(text, former, func() {})
		if fmt.Sprint(err) != fmt.Sprint(wanted) {
			t.Errorf("got the error %v, want %v, of\n%s", err, wanted, text)
			return
		}
		if err == nil && described(got.Definitions()) != described(want.Definitions()) {
			t.Errorf("got %s\nwant %s", described(got.Definitions()), described(want.Definitions()))
		}
		if err == nil { // a schema that shares is shared
			again, err := operation.NewSchemaAfter(text, got, func() {})
			if err != nil || described(again.Definitions()) != described(want.Definitions()) {
				t.Errorf("after itself: %v\n%s", err, text)
			}
			back, err := operation.NewSchemaAfter(reloaded, got, func() {})
			if err != nil || described(back.Definitions()) != described(former.Definitions()) {
				t.Errorf("back from it: %v\n%s", err, text)
			}
		}
	}
	names := []string{"Node", "Named", "Owner", "User", "Thing", "Other", "Any", "Level", "Filter", "Date", "String", "Missing", "Query"}
	valid := 0
	for i, line := range lines {
		with := func(line string) {
			text := strings.Join(lines[:i], "") + line + strings.Join(lines[i+1:], "")
			if text == reloaded {
				return
			}
			if _, err := operation.NewSchema(text); err == nil {
				valid++
			}
			check(text)
		}
		with("")
		with(line + line)
		with(strings.Replace(line, ":", "Other:", 1))
		with(strings.Replace(line, "type ", "interface ", 1))
		with(strings.Replace(line, "type ", "input ", 1))
		with(strings.Replace(line, "!", "", 1))
		with(strings.Replace(line, "(", "(more: Int!, ", 1))
		with(strings.TrimSuffix(line, "\n") + " @note\n")
		with(strings.TrimSuffix(line, "\n") + " @missing\n")
		with(line + "  more(filter: Filter): Thing\n")
		with(line + "\ntype New implements Node { id: ID! owner: User more: Any }\n")
		for _, from := range names {
			if !strings.Contains(line, from) {
				continue
			}
			for _, to := range names {
				with(strings.Replace(line, from, to, 1))
			}
		}
	}
	if valid < 50 {
		t.Errorf("only %d changes are valid", valid)
	}
}
