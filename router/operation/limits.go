package operation

import (
	"fmt"
	"math"

	"github.com/vektah/gqlparser/v2/ast"
)

// Limits bound what a request may ask for. Tokens is about the whole document;
// the others are about the operation that is run, with the fragments that it
// uses. Zero means no limit.
type Limits struct {
	// Tokens of the document's text, by GraphQL's lexical grammar.
	Tokens int
	// Depth of nested fields, fragments looked through.
	Depth int
	// Aliases, counted each time a fragment is spread.
	Aliases int
	// RootFields, fragments looked through.
	RootFields int
	// Directives, those of a fragment counted once.
	Directives int
	// Fields, counted each time a fragment is spread.
	Fields int
	// ListItems in one list of an argument or a variable.
	ListItems int
}

// DefaultLimits are generous for people's queries and small enough that no
// document costs more than milliseconds to look at.
func DefaultLimits() Limits {
	return Limits{Tokens: 15000, Depth: 100, Aliases: 1000, RootFields: 200, Directives: 500, Fields: 10000, ListItems: 10000}
}

// A size is what an operation or a fragment amounts to with all fragments in
// it spread out.
type size struct{ depth, aliases, fields, roots int }

// A measurer counts sizes; each fragment once, so that fragments which spread
// each other many times over cost nothing.
type measurer struct {
	fragments  map[string]*ast.FragmentDefinition
	sizes      map[string]size
	directives int
	items      int // of the longest list
}

// maxSelections bounds the selections of all operations of a document, each
// fragment counted once for each operation: what validation visits, which looks
// at the operations that are not run, too.
const maxSelections = 100_000

func checkOperations(doc *ast.QueryDocument) Errors {
	if len(doc.Operations) < 2 {
		return nil // the tokens are the bound
	}
	fragments := map[string]*ast.FragmentDefinition{}
	for _, f := range doc.Fragments {
		fragments[f.Name] = f
	}
	left := maxSelections
	for _, op := range doc.Operations {
		seen := map[string]bool{}
		var visit func(ast.SelectionSet)
		visit = func(set ast.SelectionSet) {
			for _, sel := range set {
				if left--; left < 0 {
					return
				}
				switch sel := sel.(type) {
				case *ast.Field:
					visit(sel.SelectionSet)
				case *ast.InlineFragment:
					visit(sel.SelectionSet)
				case *ast.FragmentSpread:
					if f := fragments[sel.Name]; f != nil && !seen[sel.Name] {
						seen[sel.Name] = true
						visit(f.SelectionSet)
					}
				}
			}
		}
		visit(op.SelectionSet)
	}
	if left < 0 {
		return Errors{{
			Message:   fmt.Sprintf("The document's operations have more than %d selections in all. Send fewer operations in one document.", maxSelections),
			Locations: locations(doc.Operations[0].Position), Code: CodeMaxFields,
		}}
	}
	return nil
}

// check measures one operation of a document.
func (l Limits) check(doc *ast.QueryDocument, op *ast.OperationDefinition) Errors {
	m := measurer{fragments: map[string]*ast.FragmentDefinition{}, sizes: map[string]size{}}
	for _, f := range doc.Fragments {
		m.fragments[f.Name] = f
	}
	var errs Errors
	over := func(limit, found int, code, what string) {
		if limit > 0 && found > limit {
			errs = append(errs, &Error{
				Message:   fmt.Sprintf("The operation has %s %s; the limit is %d.", count(found), what, limit),
				Locations: locations(op.Position), Code: code,
			})
		}
	}
	m.annotations(op.Directives)
	for _, v := range op.VariableDefinitions {
		m.annotations(v.Directives)
		m.items = max(m.items, longest(v.DefaultValue))
	}
	s := m.set(op.SelectionSet)
	over(l.Depth, s.depth, CodeMaxDepth, "levels of fields")
	over(l.Aliases, s.aliases, CodeMaxAliases, "aliases")
	over(l.RootFields, s.roots, CodeMaxRootFields, "root fields")
	over(l.Fields, s.fields, CodeMaxFields, "fields")
	over(l.Directives, m.directives, CodeMaxDirectives, "directives")
	if l.ListItems > 0 && m.items > l.ListItems {
		errs = append(errs, tooLong(l.ListItems, locations(op.Position)))
	}
	return errs
}

func (m *measurer) set(set ast.SelectionSet) (total size) {
	for _, sel := range set {
		var s size
		switch sel := sel.(type) {
		case *ast.Field:
			m.annotations(sel.Directives)
			m.arguments(sel.Arguments)
			s = m.set(sel.SelectionSet)
			s.depth++
			s.fields = add(s.fields, 1)
			s.roots = 1
			if sel.Alias != sel.Name {
				s.aliases = add(s.aliases, 1)
			}
		case *ast.InlineFragment:
			m.annotations(sel.Directives)
			s = m.set(sel.SelectionSet)
		case *ast.FragmentSpread:
			m.annotations(sel.Directives)
			s = m.fragment(sel.Name)
		}
		total.depth = max(total.depth, s.depth)
		total.aliases = add(total.aliases, s.aliases)
		total.fields = add(total.fields, s.fields)
		total.roots = add(total.roots, s.roots)
	}
	return total
}

// fragment measures a fragment. One that spreads itself is the validator's to
// report; here the inner spread counts for nothing.
func (m *measurer) fragment(name string) size {
	if s, ok := m.sizes[name]; ok {
		return s
	}
	f := m.fragments[name]
	if f == nil {
		return size{}
	}
	m.sizes[name] = size{}
	m.annotations(f.Directives)
	s := m.set(f.SelectionSet)
	m.sizes[name] = s
	return s
}

func add(a, b int) int { return min(a+b, math.MaxInt32) }

func count(n int) string {
	if n == math.MaxInt32 {
		return "too many"
	}
	return fmt.Sprint(n)
}

func locations(p *ast.Position) []Location {
	if p == nil {
		return nil
	}
	return []Location{{Line: p.Line, Column: p.Column}}
}
