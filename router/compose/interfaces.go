package compose

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// checkKeys finds keys that select a union, of which no representation could
// say which type it is.
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
						Message:  fmt.Sprintf("On type %q, for @key(fields: %s): field %q is a union, which a key cannot select", definition.Name, key.Arguments.ForName("fields").Value, at),
						Subgraph: s.name, Line: key.Position.Line, Column: key.Position.Column,
					})
				}
			}
		}
	}
	return problems
}

// checkExternalInterfaceFields finds @external on fields of interfaces, which
// no subgraph resolves anyway.
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
						Message:  fmt.Sprintf("Field %q of an interface is marked @external; only fields of objects can be", coordinate{definition.Name, field.Name}),
						Subgraph: s.name, Line: field.Position.Line, Column: field.Position.Column,
					})
				}
			}
		}
	}
	return problems
}

// implementations gives the object types that implement an interface anywhere.
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

// checkInterfaceObjects finds subgraphs that know an interface as one object
// (@interfaceObject) and define a type that implements it besides.
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
					Message:  fmt.Sprintf("Interface %q is an @interfaceObject here, so type %q, which implements it, must not be defined here", definition.Name, typ),
					Subgraph: s.name, Line: directive.Position.Line, Column: directive.Position.Column,
				})
			}
		}
	}
	return problems
}

// checkInterfaceKeys finds interfaces that can be entered by a key in a subgraph
// that does not know all types of the interface: it could not say which type an
// entity is.
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
					Message:  fmt.Sprintf("Interface %q has a resolvable key here, but type %q, which implements it in another subgraph, is not defined here", definition.Name, typ),
					Subgraph: s.name, Line: key.Position.Line, Column: key.Position.Column,
				})
			}
		}
	}
	return problems
}

func resolvableKey(keys []*ast.Directive) *ast.Directive {
	for _, key := range keys {
		if resolvable := key.Arguments.ForName("resolvable"); resolvable == nil || resolvable.Value.Raw != "false" {
			return key
		}
	}
	return nil
}
