package operation

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// A scope collects the selections on the objects of one type.
type scope struct {
	parent *ast.Definition
	out    []Selection
	order  []*pending          // the fields in out
	index  map[string]*pending // by response key, if there are many
	// spread are the fragments already included. So are the first ones of outer, the enclosing scope: as many
	// as it had included when this one was made.
	spread []*ast.FragmentDefinition
	outer  *scope
	known  int
	// inner is the scope of the last fragment in out, if a following fragment
	// with the same type condition can be merged into it.
	inner     *scope
	fragments []*fragmentScope
}

// A pending field is a field whose selection sets are still being collected.
type pending struct {
	field *Field
	typ   *ast.Definition
	sets  []ast.SelectionSet
}

type fragmentScope struct {
	fragment *InlineFragment
	scope    *scope
}

// fewFields is the number of fields that are looked up one after another.
const fewFields = 32

// field returns the last field with a response key, or nil.
func (sc *scope) field(key string) *pending {
	if sc.index != nil {
		return sc.index[key]
	}
	for _, p := range slices.Backward(sc.order) {
		if p.field.Alias == key {
			return p
		}
	}
	return nil
}

// add adds a field to a scope.
func (s *specialiser) add(sc *scope, p *pending) {
	sc.order = s.orders.Append(sc.order, p)
	sc.out = s.selectionLists.Append(sc.out, p.field)
	sc.inner = nil
	if len(sc.order) == fewFields {
		sc.index = make(map[string]*pending, 2*fewFields)
		for _, p := range sc.order {
			sc.index[p.field.Alias] = p
		}
	} else if sc.index != nil {
		sc.index[p.field.Alias] = p
	}
}

// includes reports whether a fragment is already included, in this scope or an enclosing one.
func (sc *scope) includes(f *ast.FragmentDefinition) bool {
	for n := len(sc.spread); sc != nil; sc, n = sc.outer, sc.known {
		if slices.Contains(sc.spread[:n], f) {
			return true
		}
	}
	return false
}

// narrowed reports whether a fragment in the scope has a field with this key.
func (sc *scope) narrowed(key string) bool {
	return slices.ContainsFunc(sc.fragments, func(f *fragmentScope) bool {
		return f.scope.field(key) != nil || f.scope.narrowed(key)
	})
}
