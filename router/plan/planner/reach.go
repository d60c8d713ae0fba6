package planner

import (
	"slices"

	"souk/router/supergraph"
)

// An entrance is a way into a subgraph at a stand: by a key, and perhaps with
// what one field requires, be it of the object or of those above.
type entrance struct {
	typ      *supergraph.Type
	graph    *supergraph.Graph
	key      *supergraph.Key
	requires *supergraph.FieldIn
}

// all gives the moves of a stand together with those that enter further
// subgraphs. Subgraphs are entered in rounds: in each, those whose keys and
// requirements can be had from the ones before. So what a move needs never
// needs the move, however the subgraphs' keys refer to each other.
func (w *walker) all(s *stand) []*move {
	if s.closed || s.open {
		return append(s.moves[:len(s.moves):len(s.moves)], s.entered...)
	}
	s.open = true
	if s.typ == w.model.Query {
		s.entered = w.enterRoots(s)
		return append(s.moves[:len(s.moves):len(s.moves)], s.entered...)
	}
	waiting := w.entrances(s)
	for progress := true; progress && w.left >= 0; {
		from := &stand{at: s.at, typ: s.typ, above: s.above, moves: append(s.moves[:len(s.moves):len(s.moves)], s.entered...), closed: true, common: s.common}
		var entered []*move
		waiting = slices.DeleteFunc(waiting, func(options []entrance) bool {
			best := w.enterBest(from, options)
			if best == nil {
				return false
			}
			entered = append(entered, best)
			return true
		})
		s.entered = append(s.entered, entered...)
		progress = len(entered) > 0
	}
	return append(s.moves[:len(s.moves):len(s.moves)], s.entered...)
}

// entrances lists what can be entered at a stand; each item are the keys to
// choose from for one subgraph, or for one field that requires something.
func (w *walker) entrances(s *stand) [][]entrance {
	var list [][]entrance
	for _, t := range append([]*supergraph.Type{s.typ}, s.typ.Interfaces...) {
		for _, in := range t.In {
			if t != s.typ && !in.InterfaceObject || len(in.Possible) == 0 {
				continue
			}
			var keys []*supergraph.Key
			for _, k := range in.Keys {
				if k.Resolvable {
					keys = append(keys, k)
				}
			}
			if len(keys) == 0 {
				continue
			}
			if s.deferred || !slices.ContainsFunc(s.moves, func(m *move) bool { return m.graph == in.Graph && m.typ == t && !m.loose() }) {
				list = w.offer(list, t, in.Graph, keys, nil)
			}
			for _, f := range t.Fields {
				if fi := f.InGraph(in.Graph); fi != nil && (fi.Requires != nil || fi.Contexts != nil) && fi.Resolves(w.labels) {
					list = w.offer(list, t, in.Graph, keys, fi)
				}
			}
		}
	}
	return list
}

func (w *walker) offer(list [][]entrance, t *supergraph.Type, g *supergraph.Graph, keys []*supergraph.Key, requires *supergraph.FieldIn) [][]entrance {
	var options []entrance
	for _, k := range keys {
		if e := (entrance{t, g, k, requires}); !w.entering[e] {
			options = append(options, e)
		}
	}
	if options == nil {
		return list
	}
	return append(list, options)
}

// enterBest makes the cheapest of the moves that are possible.
func (w *walker) enterBest(from *stand, options []entrance) *move {
	var best *move
	for _, e := range options {
		if m := w.enter(from, e); m != nil && (best == nil || m.cost < best.cost) {
			best = m
		}
	}
	return best
}

// enter makes the move through an entrance; nil if what it needs cannot be
// had from the stand.
func (w *walker) enter(from *stand, e entrance) *move {
	outer := w.into
	w.entering[e], w.into = true, e.graph
	defer func() { delete(w.entering, e); w.into = outer }()
	needs, err := w.walk(from, e.key.Fields.Selections)
	if err == nil && e.requires != nil && e.requires.Requires != nil {
		var more []*goal
		more, err = w.walk(from, e.requires.Requires.Selections)
		needs = append(needs, more...)
	}
	var contexts []*contextValue
	if err == nil && e.requires != nil {
		var more []*goal
		contexts, more, err = w.contextValues(from, e.requires)
		needs = append(needs, more...)
	}
	if err != nil || len(needs) == 0 {
		return nil
	}
	return w.add(&move{kind: enter, needs: needs, graph: e.graph, typ: e.typ, at: from.at, key: e.key, contexts: contexts, only: e.requires, part: w.part})
}

// enterRoots goes to the query types of all subgraphs that have one, from
// the operation's root or an object whose field leads back to it.
func (w *walker) enterRoots(s *stand) []*move {
	var entered []*move
	for _, in := range s.typ.In {
		if !s.deferred && slices.ContainsFunc(s.moves, func(m *move) bool { return m.graph == in.Graph }) {
			continue
		}
		m := &move{kind: root, graph: in.Graph, typ: s.typ, at: s.at, part: w.part}
		if s.at.parent != nil {
			m.needs = []*goal{{ways: s.moves}}
		}
		entered = append(entered, w.add(m))
	}
	return entered
}

// tellsTypes says whether the values of a field are told apart by their types
// in a subgraph, so that a representation has to name the type of each.
func tellsTypes(f *supergraph.Field, g *supergraph.Graph) bool {
	value := f.Named
	if in := f.InGraph(g); in != nil {
		value = in.Named
	}
	in := value.InGraph(g)
	return value.Abstract() && in != nil && !in.InterfaceObject
}
