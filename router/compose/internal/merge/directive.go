package merge

import (
	"slices"
	"strings"

	"souk/router/compose/internal/schema"
)

// addDirectives adds the definitions of directives that operations use or that are
// composed.
func (m *merger) addDirectives() {
	for graph, s := range m.subgraphs {
		for _, d := range s.Schema.Directives {
			if m.isMergedDefinition(graph, d) && m.super.Directive(d.Name) == nil {
				m.super.AddDirective(d.Name)
			}
		}
	}
}

func (m *merger) isMergedDefinition(graph int, d *schema.Definition) bool {
	if m.composed.composes(graph, d.Name) {
		return true
	}
	return !m.joined[d.Name] && schema.BuiltInDirectives[d.Name] == nil && len(d.Executable()) > 0
}

func (m *merger) mergeDirectives() {
	for _, d := range slices.Clone(m.super.Directives) {
		if m.isMachinery(d.Name) || d.Name == "link" {
			continue
		}
		if m.composed.exists(d.Name) {
			m.mergeComposed(d)
			continue
		}
		var all sources[*schema.Definition]
		merged := false
		for graph, s := range m.subgraphs {
			own := s.Schema.Directive(d.Name)
			all = append(all, source[*schema.Definition]{graph, own})
			merged = merged || own != nil && m.isMergedDefinition(graph, own)
		}
		if merged {
			m.mergeExecutable(all, d)
		}
	}
}

// mergeComposed takes the definition of a composed directive.
func (m *merger) mergeComposed(dest *schema.Definition) {
	own, graph := m.composed.definition(dest.Name)
	if own == nil {
		return
	}
	dest.Repeatable, dest.Locations = own.Repeatable, own.Locations
	dest.Description, dest.Described = own.Description, own.Described
	m.mergeDirectiveArguments(sources[*schema.Definition]{{graph, own}}, dest)
}

func (m *merger) mergeDirectiveArguments(all sources[*schema.Definition], dest *schema.Definition) {
	addArgumentsOf(m, all, directiveArguments{dest}, func(d *schema.Definition) []*schema.Field { return d.Arguments })
	for _, a := range dest.Arguments {
		m.mergeArgument(through(all, func(d *schema.Definition) *schema.Field { return d.Argument(a.Name) }), a)
	}
}

// mergeExecutable merges a directive for operations. Any subgraph may get it, so it
// must be in all, and may be used as all allow.
func (m *merger) mergeExecutable(all sources[*schema.Definition], dest *schema.Definition) {
	executable := func(d *schema.Definition) []string { return slices.Sorted(slices.Values(d.Executable())) }
	if len(all.here()) < len(all) {
		m.super.RemoveDirective(dest.Name)
		presence(m, "INCONSISTENT_EXECUTABLE_DIRECTIVE_PRESENCE", &dest.Node, all, true, func(*schema.Definition) bool { return true },
			"Directive @%s for operations is not in the supergraph, because not all subgraphs have it", dest.Name)
		return
	}
	common := executable(all[0].at)
	repeatable, sameRepeatable, sameLocations := all[0].at.Repeatable, true, true
	for _, each := range all[1:] {
		sameRepeatable = sameRepeatable && each.at.Repeatable == repeatable
		own := executable(each.at)
		sameLocations = sameLocations && slices.Equal(common, own)
		common = slices.DeleteFunc(common, func(l string) bool { return !slices.Contains(own, l) })
	}
	where := spread[*schema.Definition]{elements: all, value: func(d *schema.Definition) string { return strings.Join(executable(d), ", ") }}
	describe := func(groups []group) string {
		var parts []string
		for _, g := range groups {
			if len(g.names) > 0 {
				parts = append(parts, g.value+" in "+g.String())
			}
		}
		return strings.Join(parts, " and ")
	}
	if len(common) == 0 {
		m.super.RemoveDirective(dest.Name)
		groups, at := where.groups(m, "")
		m.hint("NO_EXECUTABLE_DIRECTIVE_INTERSECTION", &dest.Node, at, "Directive @%s for operations is not in the supergraph, because no location is in all subgraphs. It has %s.", dest.Name, describe(groups))
		return
	}
	dest.Repeatable, dest.Locations = repeatable && sameRepeatable, common
	m.mergeDescription(all.nodes(), &dest.Node)
	if !sameRepeatable {
		presence(m, "INCONSISTENT_EXECUTABLE_DIRECTIVE_REPEATABLE", &dest.Node, all, false, func(d *schema.Definition) bool { return d.Repeatable },
			"Directive @%s for operations is not repeatable in the supergraph, because not all subgraphs let it be repeated", dest.Name)
	}
	if !sameLocations {
		groups, at := where.groups(m, strings.Join(common, ", "))
		m.hint("INCONSISTENT_EXECUTABLE_DIRECTIVE_LOCATIONS", &dest.Node, at, "Directive @%s for operations has the locations %s in the supergraph, those that all subgraphs have. It has %s.",
			dest.Name, strings.Join(common, ", "), describe(groups))
	}
	m.mergeDirectiveArguments(all, dest)
}

// mergeSchema merges the definition of the schema.
func (m *merger) mergeSchema() {
	var all sources[*schema.Node]
	for graph, s := range m.subgraphs {
		all = append(all, source[*schema.Node]{graph, &s.Schema.Node})
		for operation, root := range s.Schema.Roots {
			t := s.Schema.Own(root)
			if t != nil && slices.ContainsFunc(t.Fields, func(f *schema.Field) bool { return !s.FederationField(t, f.Name) }) {
				m.super.Roots[operation] = root
			}
		}
	}
	m.mergeDescription(all, &m.super.Node)
	m.record(all, &m.super.Node)
	m.addJoinDirectives(all, &m.super.Node)
}
