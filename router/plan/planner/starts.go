package planner

import (
	"cmp"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A rootField is a root field of a mutation or a subscription. One request to one
// subgraph fetches it.
type rootField struct {
	field *operation.Field
	// starts are the subgraphs that it can be fetched from, at least one.
	starts []start
}

// A start is a subgraph that a root field can be fetched from.
type start struct {
	subgraph *supergraph.Subgraph
	// leaves are those of the field and of all below it, with paths from the subgraph's
	// root type.
	leaves []*leaf
	// goals and byType are what the thorough walks found, once they have been there: see
	// division.goals.
	goals, byType *goals
}

// from returns the start from a subgraph; nil if the field cannot be fetched from there.
func (f *rootField) from(g *supergraph.Subgraph) *start {
	for i := range f.starts {
		if f.starts[i].subgraph == g {
			return &f.starts[i]
		}
	}
	return nil
}

// rootPositions are the response positions of the root, one for each subgraph that paths
// start from. Paths from others must not use what was found for them.
type rootPositions struct {
	root *slot
	list []rootPosition
}

type rootPosition struct {
	subgraph *supergraph.Subgraph
	position *position
}

func (p *rootPositions) of(memory *scratch, g *supergraph.Subgraph) *position {
	for _, known := range p.list {
		if known.subgraph == g {
			return known.position
		}
	}
	at := memory.positions.Of(position{slot: p.root})
	p.list = append(p.list, rootPosition{g, at})
	return at
}

// walkRootFields finds the subgraphs that root fields can be fetched from, and the leaves
// of each. Fields that are not fetched are left out.
func (w *walker) walkRootFields(root *slot, typ *supergraph.Type, selections []operation.Selection) ([]rootField, error) {
	selected := rootFields(selections)
	fields := w.memory.rootFields.Make(len(selected))[:0]
	positions := rootPositions{root: root}
	for _, f := range selected {
		if f.Denied != nil || strings.HasPrefix(f.Name, "__") {
			continue
		}
		starts, err := w.walkRootField(&positions, typ, f)
		if err != nil {
			return nil, err
		}
		if len(starts[0].leaves) > 0 {
			fields = append(fields, rootField{f, starts})
		}
	}
	return fields, nil
}

// walkRootField finds the subgraphs that a root field can be fetched from, at least one.
func (w *walker) walkRootField(positions *rootPositions, typ *supergraph.Type, f *operation.Field) (starts []start, err error) {
	if def := typ.Field(f.Name); def != nil {
		for _, in := range def.In {
			leaves, failed := w.walkFrom(in.Subgraph, positions.of(w.memory, in.Subgraph), typ, f)
			if failed == nil {
				starts = w.memory.starts.Append(starts, start{subgraph: in.Subgraph, leaves: leaves})
			}
			err = failed
		}
	}
	switch {
	case starts != nil:
		return starts, nil
	case err == nil:
		err = &unreachable{&branch{position: w.memory.positions.Of(position{slot: positions.root}), typ: typ, entitiesExplored: true}, f}
	}
	return nil, err
}

// walkFrom finds the leaves of a root field that is fetched from a subgraph.
func (w *walker) walkFrom(g *supergraph.Subgraph, at *position, typ *supergraph.Type, f *operation.Field) ([]*leaf, error) {
	edge := w.newEdge(edge{kind: rootEdge, subgraph: g, typ: typ, position: at})
	return w.walkRoot(&branch{position: at, typ: typ, paths: w.memory.edgeLists.Append(nil, edge), entitiesExplored: true}, []operation.Selection{f})
}

// rootFields are the root fields of an operation, fragments spread out.
func rootFields(selections []operation.Selection) []*operation.Field {
	var fields []*operation.Field
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			fields = append(fields, sel)
		case *operation.InlineFragment:
			fields = append(fields, rootFields(sel.Selections)...)
		}
	}
	return fields
}

// A preference compares the starts of a unit: by the requests that the chooser's paths
// from here on need, and then by the costs of these paths.
type preference struct {
	requests, cost int
	next           int // the index of the start of the next unit
}

// prefer returns a start for each unit so that the chooser's paths need few requests, with
// one for each change of the subgraph. It takes what each unit needs for itself, so it does
// not know what they share.
func (d *division) prefer() []*supergraph.Subgraph {
	preferences := make([][]preference, len(d.units))
	for u := len(d.units) - 1; u >= 0; u-- {
		starts := d.units[u].starts
		preferences[u] = make([]preference, len(starts))
		for k, g := range starts {
			var best preference
			if u+1 < len(d.units) {
				best = bestNext(g, d.units[u+1].starts, preferences[u+1])
			}
			if len(starts) > 1 { // with one there is nothing to compare
				leaves := d.leaves(u, u+1, g)
				best.requests += measure(d.w.memory, leaves, d.chooser.chosen, false).Requests - 1
				for _, l := range leaves {
					best.cost += l.candidates[0].cost
				}
			}
			preferences[u][k] = best
		}
	}
	chosen := make([]*supergraph.Subgraph, len(d.units))
	next := bestNext(nil, d.units[0].starts, preferences[0]).next
	for u := range d.units {
		chosen[u] = d.units[u].starts[next]
		next = preferences[u][next].next
	}
	return chosen
}

// bestNext returns the best preference after a unit that is fetched from a subgraph.
func bestNext(g *supergraph.Subgraph, starts []*supergraph.Subgraph, preferences []preference) preference {
	var best preference
	for k, p := range preferences {
		if p.next = k; starts[k] != g {
			p.requests++
		}
		if k == 0 || cmp.Or(cmp.Compare(p.requests, best.requests), cmp.Compare(p.cost, best.cost)) < 0 {
			best = p
		}
	}
	return best
}
