package compose

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// checkKeys reports keys that select a union. A representation cannot tell which
// member of the union such a value is.
func checkKeys(schemas []*subgraphSchema) Errors {
	var problems Errors
	for _, s := range schemas {
		for _, definition := range s.order {
			for _, key := range definition.Directives.ForNames(s.directives["key"]) {
				for _, at := range s.collect(nil, definition.Name, fieldSet(key)) {
					field := s.field(at)
					if field == nil || !s.is(field.Type.Name(), ast.Union) {
						continue
					}
					problems = append(problems, &Error{
						Code:     CodeKeySelectsInvalidType,
						Message:  fmt.Sprintf("On type %q, for @key(fields: %s): field %q is a union, but a key must not select a union", definition.Name, key.Arguments.ForName("fields").Value, at),
						Subgraph: s.name, Line: key.Position.Line, Column: key.Position.Column,
					})
				}
			}
		}
	}
	return problems
}

// checkExternalInterfaceFields reports @external on interface fields. No subgraph
// resolves these fields directly.
func checkExternalInterfaceFields(schemas []*subgraphSchema) Errors {
	var problems Errors
	for _, s := range schemas {
		for _, definition := range s.order {
			if definition.Kind != ast.Interface || !s.federated2 {
				continue
			}
			for _, field := range definition.Fields {
				if s.has(field.Directives, "external") {
					problems = append(problems, &Error{
						Code:     CodeExternalOnInterface,
						Message:  fmt.Sprintf("Interface field %q is marked @external, but only object fields can be external", coordinate{definition.Name, field.Name}),
						Subgraph: s.name, Line: field.Position.Line, Column: field.Position.Column,
					})
				}
			}
		}
	}
	return problems
}

// implementations returns the object types that implement an interface in any
// subgraph.
func implementations(schemas []*subgraphSchema, name string) []string {
	var all []string
	for _, s := range schemas {
		if s.is(name, ast.Interface) {
			all = append(all, s.possible(name)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// checkInterfaceObjects reports subgraphs that define both an @interfaceObject and
// a type that implements the interface.
func checkInterfaceObjects(schemas []*subgraphSchema) Errors {
	var problems Errors
	for _, s := range schemas {
		for _, definition := range s.order {
			directive := definition.Directives.ForName(s.directives["interfaceObject"])
			if directive == nil {
				continue
			}
			for _, typ := range implementations(schemas, definition.Name) {
				if len(s.types[typ]) == 0 {
					continue
				}
				problems = append(problems, &Error{
					Code:     CodeInterfaceObjectUsage,
					Message:  fmt.Sprintf("Interface %q is an @interfaceObject in this subgraph, which therefore must not define its implementation %q", definition.Name, typ),
					Subgraph: s.name, Line: directive.Position.Line, Column: directive.Position.Column,
				})
			}
		}
	}
	return problems
}

// checkInterfaceKeys reports interfaces with a resolvable key in a subgraph that
// does not define all implementations: the subgraph cannot resolve the concrete
// type of every entity.
func checkInterfaceKeys(schemas []*subgraphSchema) Errors {
	var problems Errors
	for _, s := range schemas {
		for _, definition := range s.order {
			if definition.Kind != ast.Interface || !s.federated2 {
				continue
			}
			key := resolvableKey(definition.Directives.ForNames(s.directives["key"]))
			if key == nil {
				continue
			}
			known := s.possible(definition.Name)
			for _, typ := range implementations(schemas, definition.Name) {
				if slices.Contains(known, typ) {
					continue
				}
				problems = append(problems, &Error{
					Code:     CodeInterfaceKeyMissingType,
					Message:  fmt.Sprintf("Interface %q has a resolvable key in this subgraph, which therefore must define type %q, an implementation in another subgraph", definition.Name, typ),
					Subgraph: s.name, Line: key.Position.Line, Column: key.Position.Column,
				})
			}
		}
	}
	return problems
}

// resolvableKey returns the first resolvable key, or nil.
func resolvableKey(keys []*ast.Directive) *ast.Directive {
	for _, key := range keys {
		if resolvable := key.Arguments.ForName("resolvable"); resolvable == nil || resolvable.Value.Raw != "false" {
			return key
		}
	}
	return nil
}
