package satisfy

import (
	"iter"
	"slices"

	"souk/router/supergraph"
)

// Objects are what conditions and fields are read from: objects of one type,
// known at some positions.
type objects struct {
	typ *supergraph.Type
	// known are the positions, including those that entity jumps lead to.
	known    *set
	labels   assignment
	contexts contexts
}

// A jump enters a subgraph by one of the resolvable keys of a type. The type is
// that of the objects or an interface of theirs, for an @interfaceObject.
type jump struct {
	in   *supergraph.TypeIn
	typ  *supergraph.Type
	keys []*supergraph.Key
}

// arrival identifies a closure: the positions that objects arrive at, before
// entity jumps.
type arrival struct {
	typ      *supergraph.Type
	at       *set
	labels   assignment
	contexts contexts
}

// A closure is a set together with what entity jumps add to it.
type closure struct {
	known *set
	// matter are the undecided labels that the closure may depend on.
	matter []int
	// depth is the depth in the stack of closures while it is being computed,
	// and 0 once it is complete.
	depth int
}

// reach returns the objects of a type that arrive at some positions, with the
// positions that entity jumps lead to.
//
// Jumps are made in rounds, each with the positions that the previous ones
// reached, so no jump is its own condition. The keys of a jump may lead to the
// same objects again, below a field: then the inner closure is the part that is
// known so far, and only the outer one is final and remembered.
func (r *reader) reach(t *supergraph.Type, at *set, labels assignment, ctx contexts) objects {
	o := objects{t, at, labels, ctx}
	jumps := r.jumps(t)
	if len(jumps) == 0 || len(at.positions) == 0 {
		return o
	}
	key := arrival{t, at, labels, ctx}
	if c := r.closures[key]; c != nil {
		if c.depth > 0 {
			r.lowest = min(r.lowest, c.depth)
		}
		r.note(c.matter...)
		o.known = c.known
		return o
	}
	if t == r.model.Query {
		o.known = r.queryRoots(at)
		return o
	}
	r.depth++
	c := &closure{known: at, depth: r.depth}
	r.closures[key] = c
	outer, circles := r.lowest, r.circles
	r.lowest = r.depth
	c.matter = r.noted(func() { r.makeJumps(c, o, jumps) })
	o.known = c.known
	if r.lowest < c.depth || r.circles != circles {
		delete(r.closures, key)
	}
	r.lowest = min(outer, r.lowest)
	c.depth = 0
	r.depth--
	return o
}

// makeJumps adds to a closure what jumps lead to, until no more are possible.
func (r *reader) makeJumps(c *closure, o objects, jumps []jump) {
	for range len(jumps) + 1 {
		o.known = c.known
		var reached []position
		for _, j := range jumps {
			target := r.at(j.in.Subgraph, j.typ, nil)
			if !r.covered(o.known.positions, target) && r.usableKey(o, j) != nil {
				reached = append(reached, target)
			}
		}
		if len(reached) == 0 {
			return
		}
		c.known = r.set(append(reached, o.known.positions...))
	}
}

// usableKey returns the first key of a jump that can be read from the objects, or
// nil.
func (r *reader) usableKey(o objects, j jump) *supergraph.Key {
	for _, k := range j.keys {
		if r.reads(o, k.Fields.Selections, j.in.Subgraph) {
			return k
		}
	}
	return nil
}

// queryRoots adds the query types of all subgraphs: no key is needed for them.
func (r *reader) queryRoots(at *set) *set {
	all := slices.Clone(at.positions)
	for _, in := range r.model.Query.In {
		if p := r.at(in.Subgraph, r.model.Query, nil); !r.covered(at.positions, p) {
			all = append(all, p)
		}
	}
	return r.set(all)
}

// jumps lists the jumps from objects of a type.
func (r *reader) jumps(t *supergraph.Type) []jump {
	if list, ok := r.jumpsOf[t]; ok {
		return list
	}
	list := []jump{}
	if t == r.model.Query {
		list = append(list, jump{})
	}
	for of := range enteredAs(t) {
		for _, in := range of.In {
			if of != t && !in.InterfaceObject || len(in.Possible) == 0 {
				continue
			}
			if keys := resolvable(in); len(keys) > 0 {
				list = append(list, jump{in, of, keys})
			}
		}
	}
	r.jumpsOf[t] = list
	return list
}

// enteredAs lists the types as which objects of a type can be entities: itself,
// and its interfaces.
func enteredAs(t *supergraph.Type) iter.Seq[*supergraph.Type] {
	return func(yield func(*supergraph.Type) bool) {
		if !yield(t) {
			return
		}
		for _, i := range t.Interfaces {
			if !yield(i) {
				return
			}
		}
	}
}

func resolvable(in *supergraph.TypeIn) (keys []*supergraph.Key) {
	for _, k := range in.Keys {
		if k.Resolvable {
			keys = append(keys, k)
		}
	}
	return keys
}
