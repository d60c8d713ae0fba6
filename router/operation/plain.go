package operation

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// plainly finds that a document is valid, if that is plain to see, and annotates it as the validator
// does. It visits the document once and allocates next to nothing. The validator's rules take many times as
// long, but can tell what is wrong.
//
// Plain documents have one operation, no named fragments, no directives, no response key twice in
// a selection set, and no lists or objects in arguments. Of any other document, plainly knows nothing.
type plainly struct {
	schema *Schema
	op     *ast.OperationDefinition
}

// plainKeys bounds the response keys at one position and those on the way to it. The former are compared one
// after another.
const plainKeys = 64

// isPlain reports whether a document is plain and valid.
func (s *Schema) isPlain(doc *ast.QueryDocument) bool {
	if len(doc.Operations) != 1 || len(doc.Fragments) > 0 {
		return false
	}
	op := doc.Operations[0]
	root := s.root(kindOf(op))
	if root == nil || op.Operation == ast.Subscription || len(op.Directives) > 0 || len(op.VariableDefinitions) > plainKeys {
		return false
	}
	p := plainly{schema: s, op: op}
	for i, v := range op.VariableDefinitions {
		v.Definition = s.schema.Types[v.Type.Name()]
		if v.Definition == nil || !v.Definition.IsInputType() || v.DefaultValue != nil || len(v.Directives) > 0 ||
			slices.ContainsFunc(op.VariableDefinitions[:i], func(other *ast.VariableDefinition) bool { return other.Variable == v.Variable }) {
			return false
		}
	}
	var keys [plainKeys]string
	_, ok := p.set(root, op.SelectionSet, keys[:0])
	return ok && !slices.ContainsFunc(op.VariableDefinitions, func(v *ast.VariableDefinition) bool { return !v.Used })
}

// set visits a selection set. The keys are the response keys at its position, to which it adds its own. Those
// after them in memory are for the positions below.
func (p *plainly) set(parent *ast.Definition, set ast.SelectionSet, keys []string) (_ []string, ok bool) {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			if len(keys) == cap(keys) || slices.Contains(keys, sel.Alias) {
				return keys, false
			}
			keys = append(keys, sel.Alias)
			ok = p.field(parent, sel, keys[len(keys):])
		case *ast.InlineFragment:
			inner := parent
			if sel.TypeCondition != "" {
				inner = p.schema.schema.Types[sel.TypeCondition]
				if inner == nil || !inner.IsCompositeType() || !p.schema.overlaps(parent.Name, sel.TypeCondition) {
					return keys, false
				}
			}
			sel.ObjectDefinition = parent
			if len(sel.Directives) > 0 {
				return keys, false
			}
			keys, ok = p.set(inner, sel.SelectionSet, keys)
		default:
			ok = false
		}
		if !ok {
			return keys, false
		}
	}
	return keys, len(set) > 0
}

func (p *plainly) field(parent *ast.Definition, f *ast.Field, free []string) bool {
	if len(f.Directives) > 0 {
		return false
	}
	f.ObjectDefinition = parent
	if f.Name == "__typename" {
		f.Definition = typename
		return len(f.Arguments) == 0 && len(f.SelectionSet) == 0
	}
	def := parent.Fields.ForName(f.Name)
	if def == nil || strings.HasPrefix(f.Name, "__") {
		return false
	}
	f.Definition = def
	typ := p.schema.schema.Types[def.Type.Name()]
	if typ == nil || typ.IsLeafType() != (len(f.SelectionSet) == 0) || !p.arguments(def, f.Arguments) {
		return false
	}
	if typ.IsLeafType() {
		return true
	}
	_, ok := p.set(typ, f.SelectionSet, free)
	return ok
}

// typename is the definition of __typename.
var typename = &ast.FieldDefinition{Name: "__typename", Type: ast.NamedType("String", nil)}

func (p *plainly) arguments(def *ast.FieldDefinition, list ast.ArgumentList) bool {
	for i, a := range list {
		argument := def.Arguments.ForName(a.Name)
		if argument == nil || i == plainKeys || list[:i].ForName(a.Name) != nil {
			return false
		}
		v := a.Value
		v.ExpectedType, v.Definition = argument.Type, p.schema.schema.Types[argument.Type.Name()]
		v.ExpectedTypeHasDefault = argument.DefaultValue != nil && argument.DefaultValue.Kind != ast.NullValue
		if v.Definition == nil || !p.value(v) {
			return false
		}
	}
	return !slices.ContainsFunc(def.Arguments, func(required *ast.ArgumentDefinition) bool {
		return required.Type.NonNull && required.DefaultValue == nil && list.ForName(required.Name) == nil
	})
}

func (p *plainly) value(v *ast.Value) bool {
	if v.Kind == ast.Variable {
		return p.variable(v)
	}
	if v.ExpectedType.Elem != nil {
		return false
	}
	switch v.Kind {
	case ast.IntValue:
		return v.Definition.OneOf("Int", "Float", "ID") && inRange(v.Definition.Name, v)
	case ast.FloatValue:
		return v.Definition.OneOf("Float") && inRange(v.Definition.Name, v)
	case ast.StringValue:
		return v.Definition.OneOf("String", "ID")
	case ast.BooleanValue:
		return v.Definition.OneOf("Boolean")
	case ast.EnumValue:
		return v.Definition.Kind == ast.Enum && v.Definition.EnumValues.ForName(v.Raw) != nil
	}
	return false
}

func (p *plainly) variable(v *ast.Value) bool {
	v.VariableDefinition = p.op.VariableDefinitions.ForName(v.Raw)
	if v.VariableDefinition == nil {
		return false
	}
	v.VariableDefinition.Used = true
	expected := *v.ExpectedType
	expected.NonNull = expected.NonNull && !v.ExpectedTypeHasDefault
	return v.VariableDefinition.Type.IsCompatible(&expected)
}
