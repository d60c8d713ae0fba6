package merge

import (
	"fmt"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// mergeField merges a field of an object or interface.
func (m *merger) mergeField(f mergedField, overrides *overrides) {
	if m.onlyExternal(f) {
		return
	}
	internal := m.withoutExternal(f)
	nodes := internal.nodes()
	if len(nodes) > 0 {
		m.mergeDescription(nodes, &f.Node)
		m.recordField(nodes, f.Field)
		m.addArguments(internal, fieldArguments{f.Field})
		for _, a := range f.Arguments {
			m.mergeArgument(through(internal, argumentOf(a.Name)), a)
		}
	} else { // an interface object resolves it
		internal = f.sources
	}
	equal := m.mergeRef(internal, f.Field, false)
	if m.hasExternal(f) {
		m.checkExternal(f, equal)
		nodes = f.sources.nodes()
	}
	m.addJoinFields(f, equal, overrides)
	m.addJoinDirectives(nodes, &f.Node)
}

// onlyExternal reports whether no subgraph resolves a field, which is an error.
func (m *merger) onlyExternal(f mergedField) bool {
	var names []string
	for _, each := range f.sources {
		s := m.subgraphs[each.graph]
		if each.at != nil {
			if !s.IsExternal(each.at) {
				return false
			}
			names = append(names, s.Name)
			continue
		}
		for _, abstract := range m.abstracting(f.Field, each.graph) {
			if !s.IsExternal(abstract) {
				return false
			}
			names = append(names, s.Name)
		}
	}
	m.errorf("EXTERNAL_MISSING_ON_BASE", locations(m, f.sources), "Field %q is @external in all subgraphs that have it: %s.", f.Coordinate(), report.Subgraphs(names))
	return true
}

// withoutExternal returns the sources that are resolved. Directives that are part of
// the supergraph cannot be applied to others.
func (m *merger) withoutExternal(f mergedField) sources[*schema.Field] {
	if !m.hasExternal(f) {
		return f.sources
	}
	internal := make(sources[*schema.Field], len(f.sources))
	for i, each := range f.sources {
		internal[i].graph = each.graph
		if each.at == nil || !m.subgraphs[each.graph].IsExternal(each.at) {
			internal[i].at = each.at
			continue
		}
		for _, d := range each.at.Applied {
			if m.isMergedApplication(-1, d.Name) {
				m.errorf("MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL", []report.Location{m.at(each.graph, d.Position)},
					"@%s cannot be applied to the @external field %q in subgraph %q; apply it where the field is resolved.", d.Name, f.Coordinate(), m.names[each.graph])
			}
		}
	}
	return internal
}

func (m *merger) hasExternal(f mergedField) bool {
	for _, each := range f.sources {
		if each.at != nil && m.subgraphs[each.graph].IsExternal(each.at) {
			return true
		}
	}
	return false
}

// An enumUse is how an enum is used: as the type of inputs, of outputs or both.
type enumUse struct{ input, output string } // coordinates of examples

// mergeRef merges the types of a field or argument. It reports whether they are
// equal. Outputs get the widest type, inputs the narrowest.
func (m *merger) mergeRef(all sources[*schema.Field], dest *schema.Field, input bool) bool {
	var merged *schema.Ref
	subtypes, incompatible := false, false
	example := ""
	for _, each := range all {
		if each.at == nil {
			continue
		}
		ref := each.at.Type
		switch {
		case merged == nil:
			merged, example = ref, each.at.Coordinate()
		case merged.Same(ref):
		case merged.StrictSubtype(ref, m.direct):
			subtypes = true
			if input {
				merged = ref
			}
		case ref.StrictSubtype(merged, m.direct):
			subtypes = true
			if !input {
				merged = ref
			}
		default:
			incompatible = true
		}
	}
	dest.Type = merged
	if t := m.super.Type(merged.Base()); t != nil && t.Kind == schema.Enum {
		m.useEnum(t.Name, example, input)
	}
	argument := dest.Parent == nil
	what := "field"
	if argument {
		what = "argument"
	}
	typeOf := func(f *schema.Field) string { return fmt.Sprintf("type %q", f.Type) }
	s := spread[*schema.Field]{elements: all, value: typeOf}
	switch {
	case incompatible:
		code := "FIELD_TYPE_MISMATCH"
		if argument {
			code = "FIELD_ARGUMENT_TYPE_MISMATCH"
		}
		mismatchError(m, code, fmt.Sprintf("The types of %s %q are incompatible. It has", what, dest.Coordinate()), typeOf(dest), s)
	case subtypes:
		hint, kind := "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE", "subtype"
		if argument {
			hint = "INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE"
		}
		if input {
			kind = "supertype"
		}
		groups, at := s.groups(m, typeOf(dest))
		var others []string
		for _, g := range groups[1:] {
			others = append(others, strings.Replace(g.value, "type", kind, 1)+" in "+g.String())
		}
		m.hint(hint, &dest.Node, at, "The types of %s %q are compatible, but not equal. The supergraph has %s, as %s; it has %s.",
			what, dest.Coordinate(), typeOf(dest), groups[0], strings.Join(others, " and "))
	}
	return !incompatible && !subtypes
}

func (m *merger) useEnum(name, coordinate string, input bool) {
	if m.current != nil {
		m.current.enums = append(m.current.enums, enumReference{name, coordinate, input})
	}
	use := m.enums[name]
	if use == nil {
		use = &enumUse{}
		m.enums[name] = use
	}
	switch {
	case input && use.input == "":
		use.input = coordinate
	case !input && use.output == "":
		use.output = coordinate
	}
}

// direct reports whether a type is a member of a union or implements an interface.
func (m *merger) direct(abstract, member string) bool {
	if m.current != nil {
		m.current.related = true
	}
	a, t := m.super.Type(abstract), m.super.Type(member)
	if a == nil || t == nil {
		return false
	}
	return a.Kind == schema.Union && a.HasMember(member) || a.Kind == schema.Interface && t.Implements(abstract)
}
