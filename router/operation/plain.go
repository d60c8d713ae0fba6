package operation

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// plainly finds that a document is valid, if that is plain to see, and annotates it as the validator
// does. It visits each selection set once and allocates next to nothing. The validator's rules take many times
// as long, but can tell what is wrong.
//
// Plain documents have one operation, without directives of its own, and no introspection. They use all their
// fragments, and have no default for a list that is a single value. Fields with the same response key are
// alike, whatever type they are of: see plainMerging. Of any other document, plainly knows nothing.
type plainly struct {
	schema *Schema
	doc    *ast.QueryDocument
	op     *ast.OperationDefinition
	labels []string // of @defer
}

const (
	// plainNames bounds variables, and arguments or directives at one place. They are compared one after another.
	plainNames = 64
	// plainFragments bounds fragments, which are looked up one after another.
	plainFragments = 256
)

// visiting marks a fragment around the one that is visited.
var visiting = new(ast.Definition)

// isPlain reports whether a document is plain and valid.
func (s *Schema) isPlain(doc *ast.QueryDocument) bool {
	if len(doc.Operations) != 1 || len(doc.Fragments) > plainFragments {
		return false
	}
	p := plainly{schema: s, doc: doc, op: doc.Operations[0]}
	root := s.root(kindOf(p.op))
	if root == nil || len(p.op.Directives) > 0 || p.op.Operation == ast.Subscription && !hasPlainRoot(p.op) || !p.definitions() || !p.set(root, p.op.SelectionSet) {
		return false
	}
	unused := slices.ContainsFunc(p.op.VariableDefinitions, func(v *ast.VariableDefinition) bool { return !v.Used }) ||
		slices.ContainsFunc(doc.Fragments, func(f *ast.FragmentDefinition) bool { return f.Definition == nil })
	return !unused && mergesPlainly(p.op)
}

// hasPlainRoot reports whether a subscription has one root field, without directives.
func hasPlainRoot(op *ast.OperationDefinition) bool {
	if len(op.SelectionSet) != 1 {
		return false
	}
	f, ok := op.SelectionSet[0].(*ast.Field)
	return ok && len(f.Directives) == 0 && !strings.HasPrefix(f.Name, "__")
}

// definitions visits the definitions of variables and the heads of fragments.
func (p *plainly) definitions() bool {
	if len(p.op.VariableDefinitions) > plainNames {
		return false
	}
	for i, v := range p.op.VariableDefinitions {
		v.Definition = p.schema.schema.Types[v.Type.Name()]
		if v.Definition == nil || !v.Definition.IsInputType() || len(v.Directives) > 0 ||
			slices.ContainsFunc(p.op.VariableDefinitions[:i], func(other *ast.VariableDefinition) bool { return other.Variable == v.Variable }) {
			return false
		}
		if v.DefaultValue != nil && !p.value(v.DefaultValue, v.Type, v.Definition) {
			return false
		}
	}
	for i, f := range p.doc.Fragments {
		if len(f.VariableDefinition) > 0 || len(f.Directives) > 0 || p.doc.Fragments[:i].ForName(f.Name) != nil {
			return false
		}
	}
	return true
}

// set visits a selection set.
func (p *plainly) set(parent *ast.Definition, set ast.SelectionSet) bool {
	for _, sel := range set {
		ok := false
		switch sel := sel.(type) {
		case *ast.Field:
			ok = p.field(parent, sel)
		case *ast.InlineFragment:
			sel.ObjectDefinition = parent
			inner := parent
			if sel.TypeCondition != "" {
				inner = p.condition(parent, sel.TypeCondition)
			}
			ok = inner != nil && p.directives(sel.Directives, inner, ast.LocationInlineFragment) && p.set(inner, sel.SelectionSet)
		case *ast.FragmentSpread:
			ok = p.spread(parent, sel)
		}
		if !ok {
			return false
		}
	}
	return len(set) > 0
}

// condition returns the type of a type condition, or nil.
func (p *plainly) condition(parent *ast.Definition, name string) *ast.Definition {
	typ := p.schema.schema.Types[name]
	if typ == nil || !typ.IsCompositeType() || !p.schema.overlaps(parent.Name, name) {
		return nil
	}
	return typ
}

// spread visits a fragment spread, and the fragment if no other spread has led to it.
func (p *plainly) spread(parent *ast.Definition, s *ast.FragmentSpread) bool {
	f := p.doc.Fragments.ForName(s.Name)
	if f == nil || f.Definition == visiting {
		return false
	}
	s.Definition, s.ObjectDefinition = f, parent
	typ := p.condition(parent, f.TypeCondition)
	if typ == nil || !p.directives(s.Directives, typ, ast.LocationFragmentSpread) {
		return false
	}
	if f.Definition != nil {
		return true
	}
	f.Definition = visiting
	ok := p.set(typ, f.SelectionSet)
	f.Definition = typ
	return ok
}

func (p *plainly) field(parent *ast.Definition, f *ast.Field) bool {
	f.ObjectDefinition, f.Definition = parent, typename
	if f.Name != typename.Name {
		if f.Definition = parent.Fields.ForName(f.Name); f.Definition == nil || strings.HasPrefix(f.Name, "__") {
			return false
		}
	}
	typ := p.schema.schema.Types[f.Definition.Type.Name()]
	return typ != nil && p.arguments(f.Definition.Arguments, f.Arguments) && p.directives(f.Directives, typ, ast.LocationField) &&
		(typ.IsLeafType() && len(f.SelectionSet) == 0 || !typ.IsLeafType() && p.set(typ, f.SelectionSet))
}

// typename is the definition of __typename.
var typename = &ast.FieldDefinition{Name: "__typename", Type: ast.NamedType("String", nil)}
