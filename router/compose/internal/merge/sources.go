package merge

import (
	"slices"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// An element is a part of a schema.
type element interface {
	comparable
	Base() *schema.Node
}

// A source is an element in a subgraph, or nil if the subgraph could have it but has
// not.
type source[T element] struct {
	graph int
	at    T
}

// sources are the sources of an element of the supergraph, in the order of subgraphs.
type sources[T element] []source[T]

// here returns the sources that have the element.
func (s sources[T]) here() sources[T] {
	var none T
	if !slices.ContainsFunc(s, func(each source[T]) bool { return each.at == none }) {
		return s
	}
	return slices.DeleteFunc(slices.Clone(s), func(each source[T]) bool { return each.at == none })
}

// several reports whether more than one source has the element.
func (s sources[T]) several() bool {
	var none T
	found := false
	for _, each := range s {
		if each.at != none {
			if found {
				return true
			}
			found = true
		}
	}
	return false
}

// in returns the element in a subgraph.
func (s sources[T]) in(graph int) (at T, known bool) {
	for _, each := range s {
		if each.graph == graph {
			return each.at, true
		}
	}
	return at, false
}

// nodes returns the sources as nodes, without missing ones.
func (s sources[T]) nodes() sources[*schema.Node] {
	all := make(sources[*schema.Node], 0, len(s))
	var none T
	for _, each := range s {
		if each.at != none {
			all = append(all, source[*schema.Node]{each.graph, each.at.Base()})
		}
	}
	return all
}

// through maps each source to one of its parts.
func through[T, U element](s sources[T], part func(T) U) sources[U] {
	all := make(sources[U], len(s))
	var none T
	for i, each := range s {
		all[i].graph = each.graph
		if each.at != none {
			all[i].at = part(each.at)
		}
	}
	return all
}

func argumentOf(name string) func(*schema.Field) *schema.Field {
	return func(f *schema.Field) *schema.Field { return f.Argument(name) }
}

// locations returns where the sources are.
func locations[T element](m *merger, s sources[T]) []report.Location {
	var all []report.Location
	for _, each := range s.here() {
		if p := each.at.Base().Position; p.Line > 0 {
			all = append(all, m.at(each.graph, p))
		}
	}
	return all
}

// presentAndMissing returns where the sources have an element, and then the elements that should
// have it in the subgraphs where it is missing.
func presentAndMissing[T element](m *merger, s sources[T], owners sources[*schema.Node]) []report.Location {
	var none T
	missing := slices.DeleteFunc(slices.Clone(owners), func(each source[*schema.Node]) bool {
		at, _ := s.in(each.graph)
		return at != none
	})
	return append(locations(m, s), locations(m, missing)...)
}

// graphNames returns the names of the subgraphs for which a condition holds.
func graphNames[T element](m *merger, s sources[T], condition func(source[T]) bool) []string {
	var names []string
	for _, each := range s {
		if condition(each) {
			names = append(names, m.names[each.graph])
		}
	}
	return names
}
