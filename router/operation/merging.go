package operation

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// merging checks that fields with the same response key can be merged (GraphQL,
// section 5.3.2, Field Selection Merging).
//
// The specification compares all pairs of fields, which is quadratic, and
// repeats that at every level. Here each field is compared with the first field
// of its response key only, once at every level. That suffices because both
// relations, "same response shape" and "same field with the same arguments",
// are equivalence relations among the fields that must agree.
//
//	{ a: x { p } a: x { q } a: y }   compares x with x, then x with y: conflict
type merging struct {
	// left is the number of fields that may still be compared.
	left   int
	errors Errors
}

// maxMerging bounds the fields compared for one document. In a hostile document
// fields can overlap in exponentially many ways.
const maxMerging = 500_000

// checkMerging expects a document that satisfies all other validation rules.
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
			return Errors{{Message: "The fields of the operation overlap in too many ways to be validated. Use fewer fragments on different types at the same level.", Locations: locations(op.Position), Code: CodeMaxFields}}
		}
	}
	return m.errors
}

// groupByKey groups fields by response key, in document order. It includes the
// fields in fragments and visits each fragment once.
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

// below groups the subfields selected by fields with the same response key.
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

// shapes checks SameResponseShape: fields with the same response key must have
// values of the same shape, even if they apply to different object types.
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
	// Composite types need not be equal: the fields selected on them are
	// compared instead.
	composite := len(a.SelectionSet) > 0
	return composite == (len(b.SelectionSet) > 0) && (composite || x.NamedType == y.NamedType)
}

// fields checks FieldsInSetCanMerge: fields that can apply to the same object
// must have the same name and arguments. These are the fields with the same
// object type as parent, together with all those on abstract types.
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

// byParent returns, for each object type among the parents, the fields that can
// apply to it. It returns a single group if all parents are abstract types.
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
	for _, x := range a {
		y := b.ForName(x.Name)
		if y == nil || printValue(x.Value) != printValue(y.Value) {
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
