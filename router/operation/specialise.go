package operation

import (
	"slices"
	"sync"
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
	source, done := d.tree()
	defer done()
	s := specialisers.Get().(*specialiser)
	defer s.release()
	s.schema, s.vars, s.deferring = d.schema, vars, deferring
	root := d.schema.root(d.kind)
	op := Operation{Kind: d.kind, Name: d.name, RootType: root.Name, Selections: s.selections(root, source.SelectionSet)}
	number(op.Selections, 0)
	for _, v := range source.VariableDefinitions {
		if s.used[v.Variable] {
			def := VariableDefinition{Name: v.Variable, Type: v.Type.String()}
			if v.DefaultValue != nil {
				def.Default = printValue(v.DefaultValue)
			}
			op.Variables = s.variables.Append(op.Variables, def)
		}
	}
	return keep(&op)
}

// A specialiser makes an operation in memory that the next one uses again.
type specialiser struct {
	schema    *Schema
	vars      Variables
	deferring bool            // keep @defer
	used      map[string]bool // names of the variables used by arguments
	value     valuePrinter

	scopes         slab.Slab[scope]
	pending        slab.Slab[pending]
	orders         slab.Slab[*pending]
	sets           slab.Slab[ast.SelectionSet]
	spreads        slab.Slab[*ast.FragmentDefinition]
	fragments      slab.Slab[fragmentScope]
	fragmentLists  slab.Slab[*fragmentScope]
	fields         slab.Slab[Field]
	inline         slab.Slab[InlineFragment]
	selectionLists slab.Slab[Selection]
	argumentLists  slab.Slab[Argument]
	variables      slab.Slab[VariableDefinition]
	names          slab.Slab[string]
	text           slab.Slab[byte]
}

// maxSpecialiser is the size in bytes of a specialiser that is kept for other operations. Few
// operations need so much.
const maxSpecialiser = 256 << 10

var specialisers = sync.Pool{New: func() any { return &specialiser{used: map[string]bool{}} }}

func (s *specialiser) release() {
	s.schema, s.vars = nil, nil
	clear(s.used)
	size := cap(s.value.text)
	for _, part := range [...]interface {
		Reset()
		Bytes() int
	}{
		&s.scopes, &s.pending, &s.orders, &s.sets, &s.spreads, &s.fragments, &s.fragmentLists, &s.fields, &s.inline,
		&s.selectionLists, &s.argumentLists, &s.variables, &s.names, &s.text,
	} {
		part.Reset()
		size += part.Bytes()
	}
	if size <= maxSpecialiser {
		specialisers.Put(s)
	}
}

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

// selections returns the merged selections of some selection sets on the same objects.
func (s *specialiser) selections(parent *ast.Definition, sets ...ast.SelectionSet) []Selection {
	if len(sets) == 1 && isSimple(sets[0]) {
		return s.simple(parent, sets[0])
	}
	sc := s.scopes.Of(scope{parent: parent})
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
	out := s.selectionLists.Make(len(set))
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
	*made = Field{Name: def.Name, Line: int32(f.Position.Line), Column: int32(f.Position.Column)}
	if made.Alias = made.Name; f.Alias != f.Name {
		made.Alias = f.Alias
	}
	made.Arguments = s.argumentLists.Make(len(f.Arguments))
	for i, a := range f.Arguments {
		made.Arguments[i] = s.argument(def, a)
	}
	if len(f.SelectionSet) == 0 {
		return made, nil
	}
	return made, s.schema.schema.Types[def.Type.Name()]
}

func (s *specialiser) argument(def *ast.FieldDefinition, a *ast.Argument) Argument {
	s.value.text, s.value.variables = s.value.text[:0], s.value.variables[:0]
	s.value.print(a.Value)
	text, variables := s.text.Make(len(s.value.text)), s.names.Make(len(s.value.variables))
	copy(text, s.value.text)
	copy(variables, s.value.variables)
	for _, name := range variables {
		s.used[name] = true
	}
	return Argument{Name: def.Arguments.ForName(a.Name).Name, Value: unsafe.String(unsafe.SliceData(text), len(text)), Variables: variables}
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
			if sc.includes(sel.Definition) || !s.included(sel.Directives) {
				continue
			}
			if !s.deferred(sel.Directives) {
				sc.spread = s.spreads.Append(sc.spread, sel.Definition)
			}
			s.fragment(sc, sel.Definition.TypeCondition, sel.Directives, sel.Definition.SelectionSet)
		}
	}
}

func (s *specialiser) field(sc *scope, f *ast.Field) {
	if p := sc.field(f.Alias); p != nil {
		if len(f.SelectionSet) == 0 {
			return
		}
		// If a fragment in between selects the same key, the order of the
		// response requires a second field after the fragment.
		if !sc.narrowed(f.Alias) {
			p.sets = s.sets.Append(p.sets, f.SelectionSet)
			return
		}
	}
	p := s.pending.New()
	if p.field, p.typ = s.newField(sc.parent, f); p.typ != nil {
		p.sets = s.sets.Append(p.sets, f.SelectionSet)
	}
	s.add(sc, p)
}

func (s *specialiser) fragment(sc *scope, condition string, directives ast.DirectiveList, set ast.SelectionSet) {
	if condition != "" && !s.schema.overlaps(sc.parent.Name, condition) {
		return
	}
	applies := s.schema.applies(sc.parent, condition)
	if s.deferred(directives) {
		inner := s.inner(sc, sc.parent)
		inner.fragment.Defer = &Defer{Label: label(directives)}
		if !applies {
			inner.scope.parent = s.schema.schema.Types[condition]
			inner.fragment.TypeCondition = inner.scope.parent.Name
		}
		sc.inner = nil
		s.collect(inner.scope, set)
		return
	}
	if applies {
		s.collect(sc, set)
		return
	}
	if sc.inner == nil || sc.inner.parent.Name != condition {
		inner := s.inner(sc, s.schema.schema.Types[condition])
		inner.fragment.TypeCondition = inner.scope.parent.Name
		sc.inner = inner.scope
	}
	s.collect(sc.inner, set)
}

// inner adds a fragment to a scope.
func (s *specialiser) inner(sc *scope, parent *ast.Definition) *fragmentScope {
	f := s.fragments.Of(fragmentScope{
		fragment: s.inline.New(), scope: s.scopes.Of(scope{parent: parent, outer: sc, known: len(sc.spread)}),
	})
	sc.out = s.selectionLists.Append(sc.out, f.fragment)
	sc.fragments = s.fragmentLists.Append(sc.fragments, f)
	return f
}

// finish sets the selections of the fields and fragments in a scope and removes
// fragments that are empty.
func (s *specialiser) finish(sc *scope) []Selection {
	for _, p := range sc.order {
		if p.typ != nil {
			p.field.Selections = s.selections(p.typ, p.sets...)
		}
	}
	for _, f := range sc.fragments {
		f.fragment.Selections = s.finish(f.scope)
	}
	return slices.DeleteFunc(sc.out, func(sel Selection) bool {
		f, ok := sel.(*InlineFragment)
		return ok && len(f.Selections) == 0
	})
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
