package satisfy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// print returns the SDL of the supergraph.
func (g *generator) print() string {
	var b strings.Builder
	b.WriteString("schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.5\", for: EXECUTION) {\n  query: Query\n")
	if g.types["Mutation"] != nil {
		b.WriteString("  mutation: Mutation\n")
	}
	b.WriteString("}\n" + machinery)
	b.WriteString("enum join__Graph {\n")
	for _, graph := range g.graphs {
		fmt.Fprintf(&b, "  %s @join__graph(name: %q, url: \"http://%s\")\n", graph, strings.ToLower(graph), strings.ToLower(graph))
	}
	b.WriteString("}\n")
	for _, name := range slices.Sorted(maps.Keys(g.types)) {
		if t := g.types[name]; len(t.in) > 0 {
			t.print(&b)
		}
	}
	return b.String()
}

func (t *typeText) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s %s", t.kind, t.name)
	if len(t.implements) > 0 {
		b.WriteString(" implements I")
	}
	for _, graph := range t.with() {
		for _, key := range t.in[graph] {
			fmt.Fprintf(b, " @join__type(graph: %s, %s)", graph, key)
		}
		if len(t.in[graph]) == 0 {
			fmt.Fprintf(b, " @join__type(graph: %s)", graph)
		}
		if t.implements[graph] {
			fmt.Fprintf(b, ` @join__implements(graph: %s, interface: "I")`, graph)
		}
		for _, m := range t.members[graph] {
			fmt.Fprintf(b, ` @join__unionMember(graph: %s, member: %q)`, graph, m)
		}
	}
	if t.kind == "union" {
		var members []string
		for _, graph := range t.with() {
			members = append(members, t.members[graph]...)
		}
		slices.Sort(members)
		b.WriteString(" = " + strings.Join(slices.Compact(members), " | ") + "\n")
		return
	}
	b.WriteString(" {\n")
	for _, name := range slices.Sorted(maps.Keys(t.fields)) {
		f := t.fields[name]
		fmt.Fprintf(b, "  %s%s: %s", name, f.arguments, f.typ)
		for _, graph := range slices.Sorted(maps.Keys(f.in)) {
			arguments := ""
			if f.in[graph] != "" {
				arguments = ", " + f.in[graph]
			}
			fmt.Fprintf(b, " @join__field(graph: %s%s)", graph, arguments)
		}
		if len(f.in) == 0 {
			b.WriteString(" @join__field")
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
}

// machinery are the definitions of the join specification.
const machinery = `directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean, overrideLabel: String, contextArguments: [join__ContextArgument!]) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
input join__ContextArgument { name: String! type: String! context: String! selection: join__FieldValue! }
scalar join__DirectiveArguments
scalar join__FieldSet
scalar join__FieldValue
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
`
