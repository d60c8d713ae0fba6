package merge

import (
	"strings"

	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// joinSpec returns the version of the join specification that the version of
// Federation needs.
func (m *merger) joinSpec() subgraph.SpecURL {
	minor := 3
	switch {
	case m.version.Compare(subgraph.Version{Major: 2, Minor: 8}) >= 0:
		minor = 5
	case m.version.Compare(subgraph.Version{Major: 2, Minor: 7}) >= 0:
		minor = 4
	}
	return subgraph.SpecURL{Identity: subgraph.JoinIdentity, Name: "join", Version: subgraph.Version{Minor: minor}}
}

// isMachinery reports whether a type belongs to the link or join specification.
func (m *merger) isMachinery(name string) bool {
	return strings.HasPrefix(name, "join__") || strings.HasPrefix(name, "link__")
}

// addJoinSpec adds the elements of version 0.minor of the join specification.
func (m *merger) addJoinSpec(minor int) {
	add := func(name string, repeatable bool, locations string, arguments ...string) *schema.Definition {
		d := m.super.AddDirective("join__" + name)
		d.Repeatable, d.Locations = repeatable, strings.Fields(locations)
		addArguments(d, arguments...)
		return d
	}
	add("graph", false, "ENUM_VALUE", "name: String!", "url: String!")
	m.super.AddType(schema.Enum, "join__Graph")
	m.super.AddType(schema.Scalar, "join__FieldSet")
	add("type", true, "OBJECT INTERFACE UNION ENUM INPUT_OBJECT SCALAR",
		"graph: join__Graph!", "key: join__FieldSet", "extension: Boolean! = false", "resolvable: Boolean! = true", "isInterfaceObject: Boolean! = false")
	field := add("field", true, "FIELD_DEFINITION INPUT_FIELD_DEFINITION",
		"graph: join__Graph", "requires: join__FieldSet", "provides: join__FieldSet", "type: String", "external: Boolean", "override: String", "usedOverridden: Boolean")
	add("implements", true, "OBJECT INTERFACE", "graph: join__Graph!", "interface: String!")
	add("unionMember", true, "UNION", "graph: join__Graph!", "member: String!")
	add("enumValue", true, "ENUM_VALUE", "graph: join__Graph!")
	if minor < 4 {
		return
	}
	m.super.AddType(schema.Scalar, "join__DirectiveArguments")
	add("directive", true, "SCHEMA OBJECT INTERFACE FIELD_DEFINITION",
		"graphs: [join__Graph!]", "name: String!", "args: join__DirectiveArguments")
	addArguments(field, "overrideLabel: String")
	if minor < 5 {
		return
	}
	m.super.AddType(schema.Scalar, "join__FieldValue")
	context := m.super.AddType(schema.Input, "join__ContextArgument")
	for _, name := range []string{"name", "type", "context"} {
		context.AddField(name).Type = schema.ParseRef("String!")
	}
	context.AddField("selection").Type = schema.ParseRef("join__FieldValue!")
	addArguments(field, "contextArguments: [join__ContextArgument!]")
}

// addArguments adds arguments written as `name: Type = boolean`.
func addArguments(d *schema.Definition, arguments ...string) {
	for _, text := range arguments {
		name, rest, _ := strings.Cut(text, ": ")
		typ, value, given := strings.Cut(rest, " = ")
		a := d.AddArgument(name)
		a.Type = schema.ParseRef(typ)
		if given {
			a.Default = schema.Bool(value == "true")
		}
	}
}
