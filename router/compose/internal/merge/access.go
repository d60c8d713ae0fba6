package merge

import (
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// An elementDirective is an element of the supergraph and a directive that restricts
// access, by its name in Federation.
type elementDirective struct{ coordinate, directive string }

// extraSources returns the elements whose requirements apply to other elements too:
// those of objects to their interfaces, and those of interface objects to the
// implementations and their other interfaces. It is computed once.
func (m *merger) extraSources() map[elementDirective][]*schema.Node {
	if m.extra != nil {
		return m.extra
	}
	m.extra = map[elementDirective][]*schema.Node{}
	for _, s := range m.subgraphs {
		for _, directive := range []string{"authenticated", "requiresScopes", "policy"} {
			for _, a := range s.Applications(directive) {
				m.addExtra(s, a, directive)
			}
		}
	}
	return m.extra
}

func (m *merger) addExtra(s *subgraph.Subgraph, a subgraph.Application, directive string) {
	if a.Type == nil || a.Type.Kind != schema.Object || a.Argument != nil {
		return
	}
	add := func(coordinate string) {
		key := elementDirective{coordinate, directive}
		m.extra[key] = append(m.extra[key], a.Node)
	}
	interfacesOf := func(name string) []*schema.Reference {
		if t := m.super.Type(name); t != nil && t.Kind == schema.Object {
			return t.Interfaces
		}
		return nil
	}
	if a.Field == nil {
		for _, i := range interfacesOf(a.Type.Name) {
			add(i.Name)
		}
		return
	}
	if s.IsExternal(a.Field) {
		return
	}
	suffix := "." + a.Field.Name
	if !s.IsInterfaceObject(a.Type) {
		for _, i := range interfacesOf(a.Type.Name) {
			add(i.Name + suffix)
		}
		return
	}
	others := map[string]bool{}
	for _, object := range m.super.Possible(m.super.Type(a.Type.Name)) {
		add(object.Name + suffix)
		for _, i := range object.Interfaces {
			if i.Name != a.Type.Name && !others[i.Name] {
				others[i.Name] = true
				add(i.Name + suffix)
			}
		}
	}
}
