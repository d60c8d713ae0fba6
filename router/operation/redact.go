package operation

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// maxRedacted bounds the text that Redacted returns, in bytes. Fragments are inlined, so that
// the text can be much larger than the document.
const maxRedacted = 256 << 10

// Redacted returns the text of the operation with a variable in place of each value, so that
// it can be recorded and identifies the operation. Documents that differ only in literals,
// default values, white space, comments and the use of fragments have the same text. The text
// is a valid document with the same query plan. It has no labels of @defer, and no directives
// of variables.
//
// It returns "" for operations that this is not possible for: those whose text would have more
// than maxRedacted bytes, and those with variables inside a value of a custom scalar.
func (d *Document) Redacted() string {
	r := redactor{schema: d.schema, names: map[string]bool{}, known: map[string]string{}}
	source, done := d.tree()
	defer done()
	for _, v := range source.VariableDefinitions {
		typ := v.Type.String()
		if v.DefaultValue != nil && v.DefaultValue.Kind != ast.NullValue && !v.Type.NonNull {
			typ += "!" // with a default, the variable may be used where null is not allowed
		}
		r.define(v.Variable, typ)
	}
	r.directives(source.Directives)
	r.set(d.schema.root(d.kind), source.SelectionSet)
	if r.failed {
		return ""
	}
	head := d.kind.String()
	if source.Name != "" {
		head += " " + source.Name
	}
	if r.variables.Len() > 0 {
		head += "(" + r.variables.String() + ")"
	}
	return head + r.body.String()
}

// A redactor prints an operation without values.
type redactor struct {
	schema    *Schema
	variables strings.Builder // their definitions
	body      strings.Builder
	names     map[string]bool // of variables
	last      int             // number of the last variable made
	// known maps literals to variables. Fields with the same response key must have the same
	// arguments, so that equal literals in one place need the same variable.
	known map[string]string
	path  []string // response keys
	// failed is set if the operation cannot be redacted.
	failed bool
}

func (r *redactor) define(name, typ string) {
	if r.variables.Len() > 0 {
		r.variables.WriteString(", ")
	}
	r.variables.WriteString("$" + name + ": " + typ)
	r.names[name] = true
}

func (r *redactor) set(parent *ast.Definition, set ast.SelectionSet) {
	r.body.WriteByte('{')
	r.selections(parent, set)
	r.body.WriteByte('}')
}

func (r *redactor) selections(parent *ast.Definition, set ast.SelectionSet) {
	for i, sel := range set {
		if r.failed = r.failed || r.body.Len()+r.variables.Len() > maxRedacted; r.failed {
			return
		}
		if i > 0 {
			r.body.WriteByte(' ')
		}
		switch sel := sel.(type) {
		case *ast.Field:
			r.field(sel)
		case *ast.InlineFragment:
			r.fragment(parent, sel.TypeCondition, sel.Directives, sel.SelectionSet)
		case *ast.FragmentSpread:
			r.fragment(parent, sel.Definition.TypeCondition, sel.Directives, sel.Definition.SelectionSet)
		}
	}
}

func (r *redactor) fragment(parent *ast.Definition, condition string, directives ast.DirectiveList, set ast.SelectionSet) {
	if len(directives) == 0 && r.schema.applies(parent, condition) {
		r.selections(parent, set)
		return
	}
	r.body.WriteString("...")
	if condition != "" {
		r.body.WriteString(" on " + condition)
		parent = r.schema.schema.Types[condition]
	}
	r.directives(directives)
	r.set(parent, set)
}

func (r *redactor) field(f *ast.Field) {
	r.path = append(r.path, f.Alias)
	if f.Alias != f.Name {
		r.body.WriteString(f.Alias + ": ")
	}
	r.body.WriteString(f.Name)
	r.arguments(f.Arguments)
	r.directives(f.Directives)
	if len(f.SelectionSet) > 0 {
		r.set(r.schema.schema.Types[f.Definition.Type.Name()], f.SelectionSet)
	}
	r.path = r.path[:len(r.path)-1]
}

func (r *redactor) arguments(list ast.ArgumentList) {
	for i, a := range list {
		r.body.WriteString([2]string{"(", ", "}[min(i, 1)] + a.Name + ": ")
		r.value(a.Name, a.Value)
	}
	if len(list) > 0 {
		r.body.WriteByte(')')
	}
}

// directives prints directives. Conditions keep their values, because they decide what the
// operation selects. @defer loses its label, which cannot be a variable.
func (r *redactor) directives(list ast.DirectiveList) {
	for _, d := range list {
		r.body.WriteString(" @" + d.Name)
		switch d.Name {
		case "skip", "include", "defer":
			if a := d.Arguments.ForName("if"); a != nil {
				r.body.WriteString("(if: " + a.Value.String() + ")")
			}
		default:
			r.arguments(d.Arguments)
		}
	}
}

// value prints a value at a place among the arguments: a variable as it is, and a variable in
// place of each part that has none.
func (r *redactor) value(place string, v *ast.Value) {
	switch {
	case v.Kind == ast.Variable:
		r.body.WriteString("$" + v.Raw)
	case !hasVariable(v):
		r.literal(place, v)
	case v.Kind == ast.ListValue:
		r.children(place, v, "[", "]")
	default:
		r.children(place, v, "{", "}")
	}
}

func (r *redactor) children(place string, v *ast.Value, begin, end string) {
	r.body.WriteString(begin)
	for i, c := range v.Children {
		if i > 0 {
			r.body.WriteString(", ")
		}
		if c.Name != "" {
			r.body.WriteString(c.Name + ": ")
		}
		r.value(place+"."+c.Name, c.Value)
	}
	r.body.WriteString(end)
}

func (r *redactor) literal(place string, v *ast.Value) {
	if v.ExpectedType == nil { // inside a custom scalar, which no variable can be declared for
		r.failed = true
		return
	}
	typ := v.ExpectedType.String()
	key := strings.Join(r.path, ".") + "(" + place + ":" + typ + "=" + printValue(v)
	name := r.known[key]
	if name == "" {
		for name = r.next(); r.names[name]; {
			name = r.next()
		}
		r.define(name, typ)
		r.known[key] = name
	}
	r.body.WriteString("$" + name)
}

// next returns the next of the names a to z, aa, ab and so on.
func (r *redactor) next() string {
	r.last++
	var name []byte
	for n := r.last; n > 0; n = (n - 1) / 26 {
		name = append([]byte{byte('a' + (n-1)%26)}, name...)
	}
	return string(name)
}

func hasVariable(v *ast.Value) bool {
	if v.Kind == ast.Variable {
		return true
	}
	for _, c := range v.Children {
		if hasVariable(c.Value) {
			return true
		}
	}
	return false
}
