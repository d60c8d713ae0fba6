package compose

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
)

// checkProvidedSharing reports fields that one subgraph provides and another
// defines without sharing. A provided field is @external in its subgraph but
// resolved there on the path of @provides. Its owner must mark it @shareable, or
// the router may not choose between the two.
func checkProvidedSharing(schemas []*subgraphSchema) Errors {
	var problems Errors
	reported := map[string]bool{}
	for _, provider := range schemas {
		for _, field := range provider.providedFields() {
			for _, owner := range schemas {
				definition := owner.unsharedField(field)
				key := owner.name + "/" + field.String()
				if owner == provider || definition == nil || reported[key] {
					continue
				}
				reported[key] = true
				problems = append(problems, &Error{
					Code: CodeInvalidFieldSharing,
					Message: fmt.Sprintf("Non-shareable field %q is resolved from multiple subgraphs: subgraph %q defines it, and %q resolves it by @provides; mark it @shareable in %q",
						field, owner.name, provider.name, owner.name),
					Subgraph: owner.name,
					Line:     definition.Position.Line,
					Column:   definition.Position.Column,
				})
			}
		}
	}
	return problems
}

// providedFields returns the object fields that the subgraph provides, in document
// order.
func (s *subgraphSchema) providedFields() []coordinate {
	if !s.federated2 {
		return nil
	}
	var provided []coordinate
	for _, definition := range s.order {
		for _, field := range definition.Fields {
			for _, directive := range field.Directives.ForNames(s.directives["provides"]) {
				provided = s.collect(provided, field.Type.Name(), fieldSet(directive))
			}
		}
	}
	return provided
}

// collect appends the fields that a selection set selects on a type, recursively.
func (s *subgraphSchema) collect(to []coordinate, typ string, selected ast.SelectionSet) []coordinate {
	for _, selection := range selected {
		switch selection := selection.(type) {
		case *ast.Field:
			to = append(to, coordinate{typ, selection.Name})
			if field := s.field(coordinate{typ, selection.Name}); field != nil {
				to = s.collect(to, field.Type.Name(), selection.SelectionSet)
			}
		case *ast.InlineFragment:
			on := selection.TypeCondition
			if on == "" {
				on = typ
			}
			to = s.collect(to, on, selection.SelectionSet)
		}
	}
	return to
}

// unsharedField returns the definition of a field that the subgraph resolves but
// does not share: it is not @external, not @shareable and not part of a key.
// Otherwise it returns nil.
func (s *subgraphSchema) unsharedField(at coordinate) *ast.FieldDefinition {
	if !s.federated2 { // in Federation 1 every field is shared
		return nil
	}
	for _, definition := range s.types[at.typ] {
		field := definition.Fields.ForName(at.field)
		if field == nil || definition.Kind != ast.Object {
			continue
		}
		shared := s.has(field.Directives, "shareable") || s.has(definition.Directives, "shareable")
		external := s.has(field.Directives, "external") || s.has(definition.Directives, "external")
		if !shared && !external && !s.isKey(at) {
			return field
		}
	}
	return nil
}

// isKey reports whether a field is at the top level of one of its type's keys.
func (s *subgraphSchema) isKey(at coordinate) bool {
	for _, key := range s.applied(at.typ, "key") {
		for _, selection := range fieldSet(key) {
			if field, ok := selection.(*ast.Field); ok && field.Name == at.field {
				return true
			}
		}
	}
	return false
}
