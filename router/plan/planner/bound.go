package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// lowerBound returns requests and levels that no plan for some selections can do
// with less. It only looks at which subgraphs resolve which field, so it costs
// little, and for most operations it already proves that the greedy choice is
// best. The root fields are fetched from the subgraph start, unless it is nil.
func (w *walker) lowerBound(root *supergraph.Type, start *supergraph.Subgraph, selections []operation.Selection) Cost {
	b := bounder{walker: w, levels: 1}
	var level1 []*supergraph.Subgraph
	if start != nil {
		level1 = w.memory.subgraphs.Append(nil, start)
		b.used, b.requests = level1, 1
	}
	b.visit(root, selections, level1)
	// Fields that one subgraph resolves need a request to it. Of the others,
	// those whose subgraphs are disjoint need a request each.
	for _, any := range b.anyOf {
		if !slices.ContainsFunc(any, func(g *supergraph.Subgraph) bool { return slices.Contains(b.used, g) }) {
			b.requests++
			b.used = w.memory.subgraphs.Append(b.used, any...)
		}
	}
	return Cost{Requests: b.requests, Levels: b.levels}
}

type bounder struct {
	*walker
	// used are the subgraphs of the requests that are counted.
	used             []*supergraph.Subgraph
	anyOf            [][]*supergraph.Subgraph // those of which a field needs one
	requests, levels int
}

// visit adds what a selection set needs. The subgraphs in level1 may resolve
// its object in the first request; nil means all subgraphs.
func (b *bounder) visit(t *supergraph.Type, selections []operation.Selection, level1 []*supergraph.Subgraph) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.InlineFragment:
			// Which types a subgraph returns is left out of account.
			inner := t
			if sel.TypeCondition != "" {
				inner = b.model.Type(sel.TypeCondition)
			}
			b.visit(inner, sel.Selections, level1)
		case *operation.Field:
			f := t.Field(sel.Name)
			if f == nil || sel.Denied != nil || t.Kind != supergraph.Object {
				continue
			}
			b.field(f, sel, level1)
		}
	}
}

func (b *bounder) field(f *supergraph.Field, sel *operation.Field, level1 []*supergraph.Subgraph) {
	var resolving, first []*supergraph.Subgraph
	for _, in := range f.In {
		// An external field may be provided.
		if !in.Resolves(b.labels) && !in.External {
			continue
		}
		resolving = b.memory.subgraphs.Append(resolving, in.Subgraph)
		if in.Requires == nil && in.Contexts == nil && (level1 == nil || slices.Contains(level1, in.Subgraph)) {
			first = b.memory.subgraphs.Append(first, in.Subgraph)
		}
	}
	switch len(resolving) {
	case 0:
		return // an @interfaceObject resolves it
	case 1:
		if !slices.Contains(b.used, resolving[0]) {
			b.requests++
			b.used = b.memory.subgraphs.Append(b.used, resolving[0])
		}
	default:
		b.anyOf = b.memory.subgraphLists.Append(b.anyOf, resolving)
	}
	if first == nil {
		b.levels = 2
		first = []*supergraph.Subgraph{}
	}
	b.visit(f.Named, sel.Selections, first)
}
