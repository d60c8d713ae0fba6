package operation

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// A merging checks that the fields of an operation that answer under one
// response key are the same field (spec, section 5.3.2, Field Selection
// Merging). The spec compares all pairs, at every level anew; here the fields
// of a key are compared, at every level once, with the first of them: that
// types have the same shape, and that fields are the same, are equivalences
// among those that must agree.
type merging struct {
	// left is how many more fields may be looked at.
	left   int
	errors Errors
}

// maxMerging bounds the fields looked at for one document: a hostile one can
// make its fields overlap in exponentially many ways.
const maxMerging = 500_000

// checkMerging expects a document that all other rules hold for.
func checkMerging(doc *ast.QueryDocument) Errors {
	m := merging{left: maxMerging}
	return m.check(doc)
}

func (m *merging) check(doc *ast.QueryDocument) Errors {
	for _, op := range doc.Operations {
		top := groupByKey([]ast.SelectionSet{op.SelectionSet})
		if m.fields(top); len(m.errors) == 0 {
			m.shapes(top)
		}
		if m.left <= 0 {
			return Errors{{Message: "The operation's fields overlap in too many ways to be checked.", Locations: locations(op.Position), Code: CodeMaxFields}}
		}
	}
	return m.errors
}

// groupByKey collects fields by response key, in order, fragments looked
// through; each fragment once.
func groupByKey(sets []ast.SelectionSet) [][]*ast.Field {
	var groups [][]*ast.Field
	index := map[string]int{}
	seen := map[string]bool{}
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				i, ok := index[sel.Alias]
				if !ok {
					i = len(groups)
					index[sel.Alias] = i
					groups = append(groups, nil)
				}
				groups[i] = append(groups[i], sel)
			case *ast.InlineFragment:
				collect(sel.SelectionSet)
			case *ast.FragmentSpread:
				if !seen[sel.Name] {
					seen[sel.Name] = true
					collect(sel.Definition.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		collect(set)
	}
	return groups
}

// below groups what is selected on the values of fields with one key.
func below(fields []*ast.Field) [][]*ast.Field {
	var sets []ast.SelectionSet
	for _, f := range fields {
		if len(f.SelectionSet) > 0 {
			sets = append(sets, f.SelectionSet)
		}
	}
	if len(sets) == 0 {
		return nil
	}
	return groupByKey(sets)
}

// shapes checks SameResponseShape: a client can tell from the key alone what
// the value looks like, whatever the object's type.
func (m *merging) shapes(groups [][]*ast.Field) {
	for _, fields := range groups {
		if m.left -= len(fields); m.left <= 0 || len(m.errors) >= maxErrors {
			return
		}
		first := fields[0]
		same := true
		for _, f := range fields[1:] {
			if !sameShape(first, f) {
				m.conflict(first, f, fmt.Sprintf("they return conflicting types %q and %q", first.Definition.Type, f.Definition.Type))
				same = false
				break
			}
		}
		if same {
			m.shapes(below(fields))
		}
	}
}

func sameShape(a, b *ast.Field) bool {
	x, y := a.Definition.Type, b.Definition.Type
	for ; ; x, y = x.Elem, y.Elem {
		if x.NonNull != y.NonNull || (x.Elem == nil) != (y.Elem == nil) {
			return false
		}
		if x.Elem == nil {
			break
		}
	}
	// Composite types have a selection set: its fields are compared.
	composite := len(a.SelectionSet) > 0
	return composite == (len(b.SelectionSet) > 0) && (composite || x.NamedType == y.NamedType)
}

// fields checks that fields which one object may answer are the same: those
// with the same object type as parent, and any with an abstract one.
func (m *merging) fields(groups [][]*ast.Field) {
	for _, all := range groups {
		for _, fields := range byParent(all) {
			if m.left -= len(fields); m.left <= 0 || len(m.errors) >= maxErrors {
				return
			}
			if m.same(fields) {
				m.fields(below(fields))
			}
		}
	}
}

func (m *merging) same(fields []*ast.Field) bool {
	first := fields[0]
	for _, f := range fields[1:] {
		switch {
		case first.Name != f.Name:
			m.conflict(first, f, fmt.Sprintf("%q and %q are different fields", first.Name, f.Name))
			return false
		case !sameArguments(first.Arguments, f.Arguments):
			m.conflict(first, f, "they have differing arguments")
			return false
		}
	}
	return true
}

func byParent(all []*ast.Field) [][]*ast.Field {
	var parents []*ast.Definition
	for _, f := range all {
		if p := f.ObjectDefinition; p.Kind == ast.Object && !slices.Contains(parents, p) {
			parents = append(parents, p)
		}
	}
	if len(parents) == 0 || len(parents) == 1 && all[0].ObjectDefinition == parents[0] && len(all) == 1 {
		return [][]*ast.Field{all}
	}
	groups := make([][]*ast.Field, 0, len(parents))
	for _, p := range parents {
		var group []*ast.Field
		for _, f := range all {
			if f.ObjectDefinition == p || f.ObjectDefinition.Kind != ast.Object {
				group = append(group, f)
			}
		}
		groups = append(groups, group)
	}
	return groups
}

func sameArguments(a, b ast.ArgumentList) bool {
	if len(a) != len(b) {
		return false
	}
	ignore := func(string) {}
	for _, x := range a {
		y := b.ForName(x.Name)
		if y == nil || printValue(x.Value, ignore) != printValue(y.Value, ignore) {
			return false
		}
	}
	return true
}

func (m *merging) conflict(a, b *ast.Field, reason string) {
	e := &Error{
		Message:   fmt.Sprintf("Fields %q conflict because %s. Use different aliases on the fields to fetch both if this was intentional.", a.Alias, reason),
		Locations: append(locations(a.Position), locations(b.Position)...),
		Code:      CodeValidationFailed,
	}
	if !slices.ContainsFunc(m.errors, func(known *Error) bool {
		return known.Message == e.Message && slices.Equal(known.Locations, e.Locations)
	}) {
		m.errors = append(m.errors, e)
	}
}
