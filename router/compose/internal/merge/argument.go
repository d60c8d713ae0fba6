package merge

import (
	"slices"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// An argued is an element of the supergraph with arguments.
type argued interface {
	AddArgument(name string) *schema.Field
	RemoveArgument(*schema.Field)
}

// fieldArguments and directiveArguments are the arguments of a field or a directive.
type fieldArguments struct{ *schema.Field }
type directiveArguments struct{ *schema.Definition }

// arguedSource is a field or a directive of a subgraph.
type arguedSource interface {
	element
	Argument(name string) *schema.Field
}

// addArguments adds the arguments that all sources have.
func (m *merger) addArguments(all sources[*schema.Field], dest argued) {
	addArgumentsOf(m, all, dest, func(f *schema.Field) []*schema.Field { return f.Arguments })
}

func addArgumentsOf[T arguedSource](m *merger, all sources[T], dest argued, arguments func(T) []*schema.Field) {
	present := all.here()
	seen := map[string]bool{}
	for _, each := range present {
		for _, a := range arguments(each.at) {
			if !seen[a.Name] {
				seen[a.Name] = true
				list := through(present, func(e T) *schema.Field { return e.Argument(a.Name) })
				added := dest.AddArgument(a.Name)
				if m.fromContext(list, added) || !m.everySource(list, present.nodes, added) {
					dest.RemoveArgument(added)
					m.removed[&added.Node] = true
				}
			}
		}
	}
}

// fromContext reports whether an argument is set from a context in any subgraph: it
// is not part of the supergraph.
func (m *merger) fromContext(all sources[*schema.Field], dest *schema.Field) bool {
	contextual := func(each source[*schema.Field]) bool {
		return each.at != nil && m.subgraphs[each.graph].Has(&each.at.Node, "fromContext")
	}
	if !slices.ContainsFunc(all, contextual) {
		return false
	}
	for _, each := range all.here() {
		switch at := []report.Location{m.at(each.graph, each.at.Position)}; {
		case contextual(each):
		case each.at.Required():
			m.errorf("CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS", at,
				"Argument %q is set from a context in another subgraph, so in subgraph %q it must have @fromContext, be nullable or have a default value.", dest.Coordinate(), m.names[each.graph])
		default:
			m.hint("CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS", nil, at,
				"Argument %q is not in the supergraph, because it is set from a context in another subgraph.", dest.Coordinate())
		}
	}
	return true
}

// everySource reports whether all sources have an argument; otherwise it is not part
// of the supergraph, which is an error if it is required. owners returns what could have it.
func (m *merger) everySource(all sources[*schema.Field], owners func() sources[*schema.Node], dest *schema.Field) bool {
	missing := graphNames(m, all, func(s source[*schema.Field]) bool { return s.at == nil })
	if len(missing) == 0 {
		return true
	}
	required := graphNames(m, all, func(s source[*schema.Field]) bool { return s.at != nil && s.at.Required() })
	if len(required) > 0 {
		m.errorf("REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH", presentAndMissing(m, all, owners()),
			"Argument %q is required in %s, but missing in %s.", dest.Coordinate(), report.Subgraphs(required), report.Subgraphs(missing))
		return false
	}
	presence(m, "INCONSISTENT_ARGUMENT_PRESENCE", &dest.Node, all, true, func(*schema.Field) bool { return true },
		"Optional argument %q is not in the supergraph, because not all subgraphs have it", dest.Coordinate())
	return false
}

func (m *merger) mergeArgument(all sources[*schema.Field], dest *schema.Field) {
	present := all.here()
	m.mergeDescription(present.nodes(), &dest.Node)
	m.record(present.nodes(), &dest.Node)
	m.mergeRef(present, dest, true)
	m.mergeDefault(present, dest, "Argument", "FIELD_ARGUMENT_DEFAULT_MISMATCH")
}

// mergeDefault merges default values: they must be equal, and all sources must have
// one.
func (m *merger) mergeDefault(all sources[*schema.Field], dest *schema.Field, what, code string) {
	var merged *schema.Value
	inconsistent, incompatible := false, false
	for i, each := range all {
		given := each.at.Default
		switch {
		case merged == nil:
			merged = given
			inconsistent = inconsistent || i > 0 && given != nil
		case !merged.Equal(given):
			inconsistent = true
			incompatible = incompatible || given != nil
		}
	}
	if !inconsistent || incompatible {
		dest.Default = merged
	}
	text := func(f *schema.Field) string {
		if f.Default == nil {
			return "no default value"
		}
		return "default value " + m.literal(f)
	}
	s := spread[*schema.Field]{elements: all, value: text}
	switch {
	case incompatible:
		mismatchError(m, code, what+` "`+dest.Coordinate()+`" must have the same default value in all subgraphs. It has`, text(dest), s)
	case inconsistent:
		groups, at := s.groups(m, text(dest))
		with := ""
		for _, g := range groups[1:] {
			with = g.value + " in " + g.String()
		}
		m.hint("INCONSISTENT_DEFAULT_VALUE_PRESENCE", &dest.Node, at, "%s %q has no default value in the supergraph: it has none in %s, but %s.",
			what, dest.Coordinate(), groups[0], with)
	}
}
