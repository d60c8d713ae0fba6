package merge

import (
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// A spread tells in which subgraphs an element has which value.
type spread[T element] struct {
	elements sources[T]
	value    func(T) string
	missing  bool         // subgraphs without the element count, with the value ""
	skip     func(T) bool // elements that do not count; may be nil
}

// A group is the subgraphs that have a value.
type group struct {
	value string
	names []string
}

func (g group) String() string { return report.Subgraphs(g.names) }

// groups returns the groups by value, that of super first, even if it is empty.
func (s spread[T]) groups(m *merger, super string) ([]group, []report.Location) {
	all := []group{{value: super}}
	var at []report.Location
	add := func(value, name string) {
		for i := range all {
			if all[i].value == value {
				all[i].names = append(all[i].names, name)
				return
			}
		}
		all = append(all, group{value, []string{name}})
	}
	visit := func(graph int, e T) {
		if s.skip != nil && s.skip(e) {
			return
		}
		add(s.value(e), m.names[graph])
		if p := e.Base().Position; p.Line > 0 {
			at = append(at, m.at(graph, p))
		}
	}
	var none T
	if !s.missing {
		for _, each := range s.elements.here() {
			visit(each.graph, each.at)
		}
		return all, at
	}
	for graph, name := range m.names {
		if e, _ := s.elements.in(graph); e != none {
			visit(graph, e)
		} else {
			add("", name)
		}
	}
	return all, at
}

// mismatchError reports an error: `what` has one value in some subgraphs and others
// in others.
func mismatchError[T element](m *merger, code, what, super string, s spread[T]) {
	groups, at := s.groups(m, super)
	var parts []string
	for _, g := range groups {
		if len(g.names) > 0 {
			parts = append(parts, g.value+" in "+g.String())
		}
	}
	m.errorf(code, at, "%s %s.", what, strings.Join(parts, ", but "))
}

// presence reports a hint about an element that some subgraphs have and others have
// not. has tells which.
func presence[T element](m *merger, code string, about *schema.Node, s sources[T], missing bool, has func(T) bool, format string, args ...any) {
	groups, at := spread[T]{elements: s, missing: missing, value: func(e T) string {
		if has(e) {
			return "yes"
		}
		return ""
	}}.groups(m, "yes")
	without := ""
	for _, g := range groups[1:] {
		without = g.String()
	}
	m.hint(code, about, at, format+": it is in %s, but not in %s.", append(args, groups[0], without)...)
}
