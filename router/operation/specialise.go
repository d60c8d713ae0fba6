package operation

import (
	"maps"
	"slices"
	"strings"
	"unsafe"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/slab"
)

// specialise makes the operation for one combination of condition values. It
// applies CollectFields (GraphQL, section 6.3.2) as far as possible without
// knowing the runtime types of objects: it merges selections that apply to every
// object of the parent type and keeps the others in inline fragments.
//
//	{ node { id ...F @include(if: $a) } }  fragment F on Node { id name }
//	                   with $a = true:     { node { id name } }
func (d *Document) specialise(vars Variables, deferring bool) *Operation {
	s := specialiser{schema: d.schema, vars: vars, deferring: deferring, fields: slab.NewBlock[Field](min(d.usage.Fields, firstFields))}
	source, done := d.tree()
	defer done()
	root := d.schema.root(d.kind)
	op := &Operation{
		Kind:       d.kind,
		Name:       s.copy(d.name),
		RootType:   root.Name,
		Selections: s.selections(root, source.SelectionSet),
	}
	number(op.Selections, 0)
	for _, v := range source.VariableDefinitions {
		if s.used[v.Variable] {
			def := VariableDefinition{Name: s.copy(v.Variable), Type: s.copy(v.Type.String())}
			if v.DefaultValue != nil {
				def.Default = s.copy(printValue(v.DefaultValue, nil))
			}
			op.Variables = append(op.Variables, def)
		}
	}
	return op
}

// firstFields bounds the fields that an operation gets memory for at once.
const firstFields = 64

type specialiser struct {
	schema    *Schema
	vars      Variables
	deferring bool            // keep @defer
	used      map[string]bool // names of the variables used by arguments
	fields    slab.Block[Field]
	text      []byte
}

// copy copies a part of the document. The parser returns substrings of the document's text; without
// the copy, an operation of ten bytes and every plan made from it would keep a document of two
// megabytes in memory.
func (s *specialiser) copy(text string) string {
	if text == "" {
		return ""
	}
	if cap(s.text)-len(s.text) < len(text) {
		s.text = make([]byte, 0, max(len(text), textBlock))
	}
	start := len(s.text)
	s.text = append(s.text, text...)
	return unsafe.String(&s.text[start], len(text)) // no other text is written there
}

// textBlock is the number of bytes that short texts of an operation share.
const textBlock = 64

// number sets the IDs of the remaining @defer directives in document order, an
// outer one before those inside it. It returns the last ID.
func number(selections []Selection, last int) int {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *Field:
			last = number(sel.Selections, last)
		case *InlineFragment:
			if sel.Defer != nil {
				last++
				sel.Defer.ID = last
			}
			last = number(sel.Selections, last)
		}
	}
	return last
}

// A scope collects the selections on the objects of one type.
type scope struct {
	parent *ast.Definition
	out    []Selection
	fields map[string]*pending
	// spread are the names of the fragments already included, in this scope or
	// an enclosing one.
	spread map[string]bool
	// inner is the scope of the last fragment in out, if a following fragment
	// with the same type condition can be merged into it.
	inner     *scope
	order     []*pending // the fields in out
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

// selections returns the merged selections of some selection sets on the same objects.
func (s *specialiser) selections(parent *ast.Definition, sets ...ast.SelectionSet) []Selection {
	if len(sets) == 1 && isSimple(sets[0]) {
		return s.simple(parent, sets[0])
	}
	sc := newScope(parent, nil)
	for _, set := range sets {
		s.collect(sc, set)
	}
	return s.finish(sc)
}

// isSimple reports whether a selection set has nothing to merge, to leave out or to inline.
func isSimple(set ast.SelectionSet) bool {
	if len(set) > plainNames {
		return false
	}
	for i, sel := range set {
		f, ok := sel.(*ast.Field)
		if !ok || len(f.Directives) > 0 || slices.ContainsFunc(set[:i], func(other ast.Selection) bool { return other.(*ast.Field).Alias == f.Alias }) {
			return false
		}
	}
	return true
}

func (s *specialiser) simple(parent *ast.Definition, set ast.SelectionSet) []Selection {
	out := make([]Selection, len(set))
	for i, sel := range set {
		f := sel.(*ast.Field)
		made, typ := s.newField(parent, f)
		if typ != nil {
			made.Selections = s.selections(typ, f.SelectionSet)
		}
		out[i] = made
	}
	return out
}

// newField returns a field without its selections, and its type if it has selections.
func (s *specialiser) newField(parent *ast.Definition, f *ast.Field) (*Field, *ast.Definition) {
	def := parent.Fields.ForName(f.Name)
	if def == nil {
		def = f.Definition
	}
	made := s.fields.New()
	*made = Field{Name: def.Name, Line: f.Position.Line, Column: f.Position.Column}
	if made.Alias = made.Name; f.Alias != f.Name {
		made.Alias = s.copy(f.Alias)
	}
	if len(f.Arguments) > 0 {
		made.Arguments = make([]Argument, len(f.Arguments))
	}
	for i, a := range f.Arguments {
		made.Arguments[i] = s.argument(def, a)
	}
	if len(f.SelectionSet) == 0 {
		return made, nil
	}
	return made, s.schema.schema.Types[def.Type.Name()]
}

func (s *specialiser) argument(def *ast.FieldDefinition, a *ast.Argument) Argument {
	var variables []string
	value := printValue(a.Value, func(name string) {
		if slices.Contains(variables, name) {
			return
		}
		variables = append(variables, s.copy(name))
		if s.used == nil {
			s.used = map[string]bool{}
		}
		s.used[name] = true
	})
	return Argument{Name: def.Arguments.ForName(a.Name).Name, Value: s.copy(value), Variables: variables}
}

func newScope(parent *ast.Definition, outer map[string]bool) *scope {
	return &scope{parent: parent, fields: map[string]*pending{}, spread: maps.Clone(outer)}
}

func (s *specialiser) collect(sc *scope, set ast.SelectionSet) {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			if s.included(sel.Directives) {
				s.field(sc, sel)
			}
		case *ast.InlineFragment:
			if s.included(sel.Directives) {
				s.fragment(sc, sel.TypeCondition, sel.Directives, sel.SelectionSet)
			}
		case *ast.FragmentSpread:
			if sc.spread[sel.Name] || !s.included(sel.Directives) {
				continue
			}
			if !s.deferred(sel.Directives) {
				if sc.spread == nil {
					sc.spread = map[string]bool{}
				}
				sc.spread[sel.Name] = true
			}
			s.fragment(sc, sel.Definition.TypeCondition, sel.Directives, sel.Definition.SelectionSet)
		}
	}
}

func (s *specialiser) field(sc *scope, f *ast.Field) {
	if p := sc.fields[f.Alias]; p != nil {
		if len(f.SelectionSet) == 0 {
			return
		}
		// If a fragment in between selects the same key, the order of the
		// response requires a second field after the fragment.
		if !sc.narrowed(f.Alias) {
			p.sets = append(p.sets, f.SelectionSet)
			return
		}
	}
	p := &pending{}
	if p.field, p.typ = s.newField(sc.parent, f); p.typ != nil {
		p.sets = append(p.sets, f.SelectionSet)
	}
	sc.fields[f.Alias] = p
	sc.order = append(sc.order, p)
	sc.out = append(sc.out, p.field)
	sc.inner = nil
}

// narrowed reports whether a fragment in the scope has a field with this key.
func (sc *scope) narrowed(key string) bool {
	return slices.ContainsFunc(sc.fragments, func(f *fragmentScope) bool {
		return f.scope.fields[key] != nil || f.scope.narrowed(key)
	})
}

func (s *specialiser) fragment(sc *scope, condition string, directives ast.DirectiveList, set ast.SelectionSet) {
	if condition != "" && !s.schema.overlaps(sc.parent.Name, condition) {
		return
	}
	applies := s.schema.applies(sc.parent, condition)
	if s.deferred(directives) {
		f := &InlineFragment{Defer: &Defer{Label: s.copy(label(directives))}}
		inner := newScope(sc.parent, sc.spread)
		if !applies {
			inner.parent = s.schema.schema.Types[condition]
			f.TypeCondition = inner.parent.Name
		}
		sc.out = append(sc.out, f)
		sc.fragments = append(sc.fragments, &fragmentScope{f, inner})
		sc.inner = nil
		s.collect(inner, set)
		return
	}
	if applies {
		s.collect(sc, set)
		return
	}
	if sc.inner == nil || sc.inner.parent.Name != condition {
		inner := newScope(s.schema.schema.Types[condition], sc.spread)
		f := &InlineFragment{TypeCondition: inner.parent.Name}
		sc.out = append(sc.out, f)
		sc.fragments = append(sc.fragments, &fragmentScope{f, inner})
		sc.inner = inner
	}
	s.collect(sc.inner, set)
}

// finish sets the selections of the fields and fragments in a scope and removes
// fragments that are empty.
func (s *specialiser) finish(sc *scope) []Selection {
	for _, p := range sc.order {
		if p.typ != nil {
			p.field.Selections = s.selections(p.typ, p.sets...)
		}
	}
	empty := map[Selection]bool{}
	for _, f := range sc.fragments {
		f.fragment.Selections = s.finish(f.scope)
		if len(f.fragment.Selections) == 0 {
			empty[f.fragment] = true
		}
	}
	if len(empty) == 0 {
		return sc.out
	}
	return slices.DeleteFunc(sc.out, func(sel Selection) bool { return empty[sel] })
}

// included evaluates @skip and @include (GraphQL, sections 3.13.1 and 3.13.2).
func (s *specialiser) included(list ast.DirectiveList) bool {
	for _, d := range list {
		switch d.Name {
		case "skip":
			if s.condition(d) {
				return false
			}
		case "include":
			if !s.condition(d) {
				return false
			}
		}
	}
	return true
}

// condition evaluates the "if" argument of a directive, which defaults to true.
func (s *specialiser) condition(d *ast.Directive) bool {
	a := d.Arguments.ForName("if")
	switch {
	case a == nil:
		return true
	case a.Value.Kind == ast.Variable:
		return string(s.vars.Get(a.Value.Raw)) == "true"
	}
	return a.Value.Raw == "true"
}

func (s *specialiser) deferred(list ast.DirectiveList) bool {
	d := list.ForName("defer")
	return s.deferring && d != nil && s.condition(d)
}

func label(list ast.DirectiveList) string {
	if v := deferArgument(list.ForName("defer"), "label"); v != nil && v.Kind != ast.NullValue {
		return v.Raw
	}
	return ""
}

// printValue returns the canonical text of a value: input object fields sorted
// by name, one space after colons and commas. It calls variable for each
// variable in the value.
func printValue(v *ast.Value, variable func(name string)) string {
	switch v.Kind {
	case ast.Variable:
		variable(v.Raw)
		return "$" + v.Raw
	case ast.ListValue:
		items := make([]string, len(v.Children))
		for i, c := range v.Children {
			items[i] = printValue(c.Value, variable)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case ast.ObjectValue:
		children := slices.Clone(v.Children)
		slices.SortFunc(children, func(a, b *ast.ChildValue) int { return strings.Compare(a.Name, b.Name) })
		items := make([]string, len(children))
		for i, c := range children {
			items[i] = c.Name + ": " + printValue(c.Value, variable)
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return v.String()
}
