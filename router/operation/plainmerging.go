package operation

import (
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
)

// plainMerging finds that the fields of a document can be merged, if that is plain to see: fields with the
// same response key at one position have the same name, equal arguments and types of the same shape, even if they
// apply to objects of different types. See merging for all others.
//
// The lists have what belongs to the positions on the way to the current one, each after what is above it.
type plainMerging struct {
	sets   []ast.SelectionSet
	fields []*ast.Field
	spread []*ast.FragmentDefinition // those of the current position
	left   int                       // how many fields may still be visited
}

const (
	// plainFields bounds the fields and fragments at one position. They are compared one after another.
	plainFields = 256
	// plainVisits bounds the fields that are visited. A field counts each time its fragment is spread.
	plainVisits = 10_000
)

var plainMergings = sync.Pool{New: func() any { return new(plainMerging) }}

func mergesPlainly(op *ast.OperationDefinition) bool {
	m := plainMergings.Get().(*plainMerging)
	m.sets, m.left = append(m.sets[:0], op.SelectionSet), plainVisits
	ok := m.position(0)
	if cap(m.fields) > plainVisits {
		return ok // few documents have so many
	}
	clear(m.sets[:cap(m.sets)])
	clear(m.fields[:cap(m.fields)])
	clear(m.spread[:cap(m.spread)])
	m.sets, m.fields, m.spread = m.sets[:0], m.fields[:0], m.spread[:0]
	plainMergings.Put(m)
	return ok
}

// position visits the fields at one position. Its selection sets are the last ones, from an index on.
func (m *plainMerging) position(first int) bool {
	begin := len(m.fields)
	m.spread = m.spread[:0]
	for _, set := range m.sets[first:] {
		if !m.collect(set) {
			return false
		}
	}
	end := len(m.fields)
	if m.left -= end - begin; m.left < 0 || end-begin > plainFields {
		return false
	}
	for i := begin; i < end; i++ {
		if m.fields[i] == nil {
			continue // merged into one before it
		}
		below := len(m.sets)
		if !m.merge(i, end) || len(m.sets) > below && !m.position(below) {
			return false
		}
		m.sets, m.fields = m.sets[:below], m.fields[:end]
	}
	return true
}

// collect adds the fields of a selection set, and visits each fragment once.
func (m *plainMerging) collect(set ast.SelectionSet) bool {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			m.fields = append(m.fields, sel)
		case *ast.InlineFragment:
			if !m.collect(sel.SelectionSet) {
				return false
			}
		case *ast.FragmentSpread:
			if slices.Contains(m.spread, sel.Definition) {
				continue
			}
			if len(m.spread) == plainFields {
				return false
			}
			m.spread = append(m.spread, sel.Definition)
			if !m.collect(sel.Definition.SelectionSet) {
				return false
			}
		}
	}
	return true
}

// merge merges a field with those after it that have its response key, and adds their selection sets.
func (m *plainMerging) merge(i, end int) bool {
	f := m.fields[i]
	for j := i; j < end; j++ {
		other := m.fields[j]
		if other == nil || other.Alias != f.Alias {
			continue
		}
		if other != f && (other.Name != f.Name || !sameShape(f, other) || !plainlySameArguments(f.Arguments, other.Arguments)) {
			return false
		}
		m.fields[j] = nil
		if len(other.SelectionSet) > 0 {
			m.sets = append(m.sets, other.SelectionSet)
		}
	}
	return true
}

// plainlySameArguments reports whether arguments are equal and in the same order.
func plainlySameArguments(a, b ast.ArgumentList) bool {
	return slices.EqualFunc(a, b, func(x, y *ast.Argument) bool { return x.Name == y.Name && plainlySame(x.Value, y.Value) })
}

func plainlySame(a, b *ast.Value) bool {
	return a.Kind == b.Kind && a.Raw == b.Raw &&
		slices.EqualFunc(a.Children, b.Children, func(x, y *ast.ChildValue) bool { return x.Name == y.Name && plainlySame(x.Value, y.Value) })
}
