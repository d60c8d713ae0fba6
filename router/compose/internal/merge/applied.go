package merge

import (
	"slices"
	"strings"

	"souk/router/compose/internal/schema"
)

// A recorded is an element whose directives are merged at the end.
type recorded struct {
	of      *merging // of the type that the element belongs to; nil for others
	reused  bool     // of has been merged before
	names   []string
	sources sources[*schema.Node]
	dest    *schema.Node
}

// isMergedApplication reports whether an application of a directive is part of the
// supergraph.
func (m *merger) isMergedApplication(graph int, name string) bool {
	if graph >= 0 && m.composed.composes(graph, name) {
		return true
	}
	return !m.joined[name] && (m.merged[name] != nil || schema.BuiltInDirectives[name] != nil)
}

// appliedNames returns the directives to merge. @inaccessible is merged at once,
// because later decisions depend on it.
func (m *merger) appliedNames(all sources[*schema.Node], dest *schema.Node) []string {
	var names []string
	for _, each := range all {
		for _, d := range each.at.Applied {
			if !slices.Contains(names, d.Name) && m.isMergedApplication(each.graph, d.Name) {
				names = append(names, d.Name)
			}
		}
	}
	if i := slices.Index(names, m.inaccessible); m.inaccessible != "" && i >= 0 {
		m.mergeApplication(m.inaccessible, all, dest)
		names = slices.Delete(names, i, i+1)
	}
	return names
}

// record records the directives of an element.
func (m *merger) record(all sources[*schema.Node], dest *schema.Node) {
	m.later(m.appliedNames(all, dest), all, dest)
}

func (m *merger) later(names []string, all sources[*schema.Node], dest *schema.Node) {
	if len(names) > 0 {
		m.recorded = append(m.recorded, recorded{of: m.current, names: names, sources: all, dest: dest})
	}
}

// recordType records the directives of a type. An interface gets the requirements of
// its implementations.
func (m *merger) recordType(all sources[*schema.Type], t *schema.Type) {
	nodes := all.nodes()
	names := m.appliedNames(nodes, &t.Node)
	if t.Kind == schema.Interface {
		names = m.recordAuthorization(names, nodes, &t.Node)
	}
	m.later(names, nodes, &t.Node)
}

// recordField records the directives of a field. It gets the requirements of
// corresponding fields.
func (m *merger) recordField(nodes sources[*schema.Node], f *schema.Field) {
	m.later(m.recordAuthorization(m.appliedNames(nodes, &f.Node), nodes, &f.Node), nodes, &f.Node)
}

// recordAuthorization records the directives that restrict access, and returns the
// other names.
func (m *merger) recordAuthorization(names []string, all sources[*schema.Node], dest *schema.Node) []string {
	for _, a := range m.authorization {
		with := m.withExtra(all, dest, a)
		i := slices.Index(names, a.name)
		if i >= 0 || len(with) > len(all) {
			m.later([]string{a.name}, with, dest)
		}
		if i >= 0 {
			names = slices.Delete(names, i, i+1)
		}
	}
	return names
}

// withExtra adds elements of other types whose requirements apply too. They count as
// sources of no particular subgraph.
func (m *merger) withExtra(all sources[*schema.Node], dest *schema.Node, a authorization) sources[*schema.Node] {
	with := slices.Clone(all)
	for _, extra := range m.extraSources()[elementDirective{dest.Coordinate(), a.spec}] {
		with = append(with, source[*schema.Node]{0, extra})
	}
	return with
}

// mergeApplied merges the recorded directives.
func (m *merger) mergeApplied() {
	for _, r := range m.recorded {
		if r.reused {
			m.hints = append(m.hints, r.of.applied...)
			continue
		}
		if m.removed[r.dest] || r.dest.Owner != nil && m.removed[r.dest.Owner] {
			continue
		}
		first := len(m.hints)
		for _, name := range r.names {
			m.mergeApplication(name, r.sources, r.dest)
		}
		if r.of != nil {
			r.of.applied = append(r.of.applied, m.hints[first:]...)
		}
	}
	m.recorded = nil
}

// mergeApplication merges the applications of one directive to an element.
func (m *merger) mergeApplication(name string, all sources[*schema.Node], dest *schema.Node) {
	definition := m.super.Directive(name)
	type application struct {
		*schema.Directive
		complete []schema.Argument
		count    int
	}
	var different []*application
	merged := m.merged[name]
	qualified := merged != nil && merged.spec.Composition.Qualified
	for _, each := range all {
		for _, d := range each.at.Of(name) {
			if qualified {
				d = m.qualify(d, each.graph)
			}
			complete := d.With(definition, m.super)
			i := slices.IndexFunc(different, func(a *application) bool { return schema.SameArguments(a.complete, complete) })
			if i < 0 {
				different = append(different, &application{d, complete, 1})
			} else {
				different[i].count++
			}
		}
	}
	switch {
	case len(different) == 0:
	case definition.Repeatable:
		for _, a := range different {
			dest.Apply(&schema.Directive{Name: name, Arguments: a.Arguments})
		}
	case len(different) == 1:
		dest.Apply(&schema.Directive{Name: name, Arguments: asLists(merged, different[0].Arguments)})
	case merged != nil && len(merged.spec.Strategies()) > 0:
		var lists [][]schema.Argument
		for _, a := range different {
			lists = append(lists, a.complete)
		}
		dest.Apply(&schema.Directive{Name: name, Arguments: mergeArguments(merged.spec, lists)})
		m.hint("MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", nil, locations(m, all),
			"@%s has different arguments on %q in different subgraphs, which are merged: %s.", name, dest.Coordinate(), describeStrategies(merged.spec))
	default:
		best := different[0]
		for _, a := range different {
			if a.count > best.count {
				best = a
			}
		}
		dest.Apply(&schema.Directive{Name: name, Arguments: best.Arguments})
		m.hintArguments(name, all, dest, best.Directive)
	}
}

// qualify returns an application that names the subgraph it is from. Applications in
// different subgraphs are different even if they give the same name.
func (m *merger) qualify(d *schema.Directive, graph int) *schema.Directive {
	name := schema.Text(m.names[graph] + "__" + d.Text("name"))
	return &schema.Directive{Name: d.Name, Arguments: []schema.Argument{{Name: "name", Value: name}}}
}

// asLists writes requirements for access as lists of lists, of which GraphQL accepts
// single values too.
func asLists(merged *mergedDirective, arguments []schema.Argument) []schema.Argument {
	if merged == nil || merged.spec.Name != "requiresScopes" && merged.spec.Name != "policy" {
		return arguments
	}
	lists := make([]schema.Argument, len(arguments))
	for i, a := range arguments {
		lists[i] = a
		single := func(item *schema.Value) bool { return item.IsText() }
		if a.Value.IsText() || slices.ContainsFunc(a.Value.List, single) {
			lists[i].Value = fromDNF(toDNF(a.Value))
		}
	}
	return lists
}

func (m *merger) hintArguments(name string, all sources[*schema.Node], dest *schema.Node, best *schema.Directive) {
	text := func(d *schema.Directive) string { return strings.TrimPrefix(d.Print(m.super), "@") }
	s := spread[*schema.Node]{elements: all,
		value: func(n *schema.Node) string {
			if d := n.First(name); d != nil {
				return text(d)
			}
			return ""
		},
		skip: func(n *schema.Node) bool { return !n.Has(name) }}
	groups, at := s.groups(m, text(best))
	var others []string
	for _, g := range groups[1:] {
		others = append(others, "@"+g.value+" in "+g.String())
	}
	m.hint("INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", dest, at, "@%s has different arguments on %q. The supergraph has @%s, as %s, but not %s.",
		name, dest.Coordinate(), groups[0].value, groups[0], strings.Join(others, " and "))
}
