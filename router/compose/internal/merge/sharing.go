package merge

import (
	"fmt"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// abstracting returns the fields of interface objects of a subgraph that stand for a
// field of an object type that the subgraph does not have.
func (m *merger) abstracting(f *schema.Field, graph int) []*schema.Field {
	if f.Parent.Kind != schema.Object || len(m.interfaceObjects) == 0 {
		return nil
	}
	s := m.subgraphs[graph].Schema
	if s.Own(f.Parent.Name) != nil {
		return nil
	}
	var all []*schema.Field
	for _, i := range f.Parent.Interfaces {
		if t := m.super.Type(i.Name); t == nil || t.Field(f.Name) == nil {
			continue
		}
		if own := s.Own(i.Name); own != nil && own.Kind == schema.Object {
			if field := own.Field(f.Name); field != nil {
				all = append(all, field)
			}
		}
	}
	return all
}

// checkSharing checks that a field that several subgraphs resolve is shareable in
// all of them.
func (m *merger) checkSharing(f mergedField, o *overrides) {
	if len(m.interfaceObjects) == 0 && !f.sources.several() {
		return
	}
	var resolving sources[*schema.Field]
	var all, not []string
	shareable, mistaken := 0, ""
	resolve := func(graph int, own *schema.Field, name string) {
		s := m.subgraphs[graph]
		if s.IsFullyExternal(own) {
			return
		}
		resolving, all = append(resolving, source[*schema.Field]{graph, own}), append(all, name)
		if s.IsShareable(own) {
			shareable++
			return
		}
		not = append(not, name)
		if o.unknown[graph] && mistaken == "" {
			mistaken = name
		}
	}
	for _, each := range f.sources {
		if each.at != nil {
			if !o.overridden(each.graph) {
				resolve(each.graph, each.at, m.names[each.graph])
			}
			continue
		}
		for _, abstract := range m.abstracting(f.Field, each.graph) {
			resolve(each.graph, abstract, fmt.Sprintf("%s (as %s of an interface object)", m.names[each.graph], abstract.Coordinate()))
		}
	}
	if len(not) == 0 || shareable == 0 && len(not) == 1 {
		return
	}
	if m.super.Roots[schema.Subscription] == f.Parent.Name {
		m.errorf("INVALID_FIELD_SHARING", locations(m, resolving), "Field %q is resolved by %s, but a subscription cannot be shared.", f.Coordinate(), report.Subgraphs(all))
		m.suggest(subscriptionAdvice)
		return
	}
	where := report.Subgraphs(not)
	if shareable == 0 {
		where = "all of them"
	}
	advice := ""
	if mistaken != "" {
		advice = fmt.Sprintf(" Perhaps the argument from of @override in subgraph %q is misspelt: there is no such subgraph.", mistaken)
	}
	m.errorf("INVALID_FIELD_SHARING", locations(m, resolving), "Field %q is resolved by %s, but is not @shareable in %s.%s", f.Coordinate(), report.Subgraphs(all), where, advice)
}
