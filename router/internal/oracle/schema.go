package oracle

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// The methods below answer questions about the schemas that the data depends on. They look
// at all subgraphs, so that every subgraph gets the same answer.

// definition returns the definition of a type, preferably from the API schema.
func (w *World) definition(name string) *ast.Definition {
	if d := w.api.Types[name]; d != nil {
		return d
	}
	for _, s := range w.names {
		if d := w.subgraphs[s].schema.Types[name]; d != nil {
			return d
		}
	}
	return nil
}

// declaration returns the definition of a field and the type that its data belongs to. The
// data of a field of an @interfaceObject belongs to the interface.
func (w *World) declaration(typename, field string) (*ast.FieldDefinition, string) {
	for _, name := range w.names {
		s := w.subgraphs[name]
		for _, iface := range w.interfacesOf(typename) {
			d := s.schema.Types[iface]
			if d != nil && d.Kind == ast.Object && d.Fields.ForName(field) != nil && !w.isKey(typename, field) {
				return d.Fields.ForName(field), iface
			}
		}
	}
	if d := w.api.Types[typename]; d != nil && d.Fields.ForName(field) != nil {
		return d.Fields.ForName(field), typename
	}
	for _, name := range w.names {
		if d := w.subgraphs[name].schema.Types[typename]; d != nil && d.Fields.ForName(field) != nil {
			return d.Fields.ForName(field), typename
		}
	}
	return nil, typename
}

// interfacesOf returns the interfaces that a type implements in any subgraph, and the type
// itself if it is an @interfaceObject in any subgraph.
func (w *World) interfacesOf(typename string) []string {
	var out []string
	if w.isInterfaceObject(typename) {
		out = append(out, typename)
	}
	for _, name := range w.names {
		if d := w.subgraphs[name].schema.Types[typename]; d != nil {
			for _, i := range d.Interfaces {
				if !slices.Contains(out, i) {
					out = append(out, i)
				}
			}
		}
	}
	return out
}

func (w *World) isInterfaceObject(name string) bool {
	return slices.ContainsFunc(w.names, func(s string) bool {
		d := w.subgraphs[s].schema.Types[name]
		return d != nil && d.Directives.ForName("interfaceObject") != nil
	})
}

func (w *World) isEntity(typename string) bool {
	return slices.ContainsFunc(w.names, func(s string) bool {
		d := w.subgraphs[s].schema.Types[typename]
		return d != nil && d.Directives.ForName("key") != nil
	})
}

// keys returns the field sets of all @key directives of a type and its interfaces.
func (w *World) keys(typename string) []ast.SelectionSet {
	out := w.keysOf(typename)
	for _, iface := range w.interfacesOf(typename) {
		out = append(out, w.keysOf(iface)...)
	}
	return out
}

// keysOf returns the field sets of all @key directives on a type.
func (w *World) keysOf(typename string) []ast.SelectionSet {
	var out []ast.SelectionSet
	for _, s := range w.names {
		if d := w.subgraphs[s].schema.Types[typename]; d != nil {
			for _, key := range d.Directives.ForNames("key") {
				out = append(out, fieldSet(key.Arguments.ForName("fields").Value.Raw))
			}
		}
	}
	return out
}

func (w *World) isKey(typename, field string) bool {
	return slices.ContainsFunc(w.keys(typename), func(set ast.SelectionSet) bool {
		return selected(set, field) != nil
	})
}

func (w *World) isLeafKey(typename, field string) bool {
	return slices.ContainsFunc(w.keys(typename), func(set ast.SelectionSet) bool {
		f := selected(set, field)
		return f != nil && f.SelectionSet == nil
	})
}

// requires returns the field set of a field's @requires in any subgraph, including
// subgraphs that add the field with an @interfaceObject.
func (w *World) requires(typename, field string) ast.SelectionSet {
	for _, name := range append([]string{typename}, w.interfacesOf(typename)...) {
		for _, s := range w.names {
			if set := w.subgraphs[s].fieldSetOf(name, field, "requires"); set != nil {
				return set
			}
		}
	}
	return nil
}

// candidates returns the possible object types of a field with an abstract type: those that
// are known to every subgraph that resolves the field.
func (w *World) candidates(owner, field, abstract string) []string {
	var out []string
	first := true
	for _, name := range w.names {
		s := w.subgraphs[name]
		if !s.resolves(owner, field) {
			continue
		}
		known := s.possible(abstract)
		if s.schema.Types[abstract] != nil && s.schema.Types[abstract].Kind == ast.Object {
			known = w.implementers(abstract)
		}
		if first {
			out, first = known, false
			continue
		}
		out = slices.DeleteFunc(out, func(t string) bool { return !slices.Contains(known, t) })
	}
	if w.isInterfaceObject(abstract) {
		return w.implementers(abstract)
	}
	return out
}

// implementers returns the object types that implement an interface in any subgraph.
func (w *World) implementers(iface string) []string {
	var out []string
	for _, s := range w.names {
		for _, t := range w.subgraphs[s].possible(iface) {
			if t != iface && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	slices.Sort(out)
	return out
}

// enumValues returns the values that all clients and subgraphs know.
func (w *World) enumValues(name string) []string {
	var out []string
	for _, v := range w.api.Types[name].EnumValues {
		everywhere := !slices.ContainsFunc(w.names, func(s string) bool {
			d := w.subgraphs[s].schema.Types[name]
			return d != nil && d.EnumValues.ForName(v.Name) == nil
		})
		if everywhere {
			out = append(out, v.Name)
		}
	}
	return out
}

// fieldSet parses a field set of @key, @requires or @provides.
func fieldSet(text string) ast.SelectionSet {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") {
		text = "{" + text + "}"
	}
	document, err := syntax.Query(&ast.Source{Input: text}, 0)
	if err != nil {
		panic(err) // composition accepted it
	}
	return document.Operations[0].SelectionSet
}

func selected(set ast.SelectionSet, name string) *ast.Field {
	for _, s := range set {
		if f, ok := s.(*ast.Field); ok && f.Name == name {
			return f
		}
	}
	return nil
}

// required returns the required fields of an object as a router would send them. A field
// with an error is null and increments faults.
func (w *World) required(obj *object, set ast.SelectionSet, faults *int) string {
	return canonical(w.selectedData(obj, set, faults))
}

func (w *World) selectedData(obj *object, set ast.SelectionSet, faults *int) map[string]any {
	out := map[string]any{}
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if s.Name == "__typename" {
				continue
			}
			s.Definition, _ = w.declaration(obj.typename, s.Name)
			value, err := w.monolithField(obj, s, s.ArgumentMap(nil), faults)
			if err != nil {
				value = nil
				*faults++
			}
			out[s.Name] = w.reduced(value, s.SelectionSet, faults)
		case *ast.InlineFragment:
			if s.TypeCondition == obj.typename || slices.Contains(w.interfacesOf(obj.typename), s.TypeCondition) {
				for k, v := range w.selectedData(obj, s.SelectionSet, faults) {
					out[k] = v
				}
			}
		}
	}
	return out
}

func (w *World) reduced(value any, set ast.SelectionSet, faults *int) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = w.reduced(v[i], set, faults)
		}
		return out
	case *object:
		return w.selectedData(v, set, faults)
	}
	return value
}
