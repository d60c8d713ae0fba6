package operation

import (
	"fmt"
	"math"

	"github.com/vektah/gqlparser/v2/ast"
)

// Limits bound what a document may ask for. Zero means no limit.
type Limits struct {
	// Tokens of the text, by GraphQL's lexical grammar.
	Tokens int
	// Depth of nested fields, fragments looked through.
	Depth int
	// Aliases in an operation, counted each time a fragment is spread.
	Aliases int
	// RootFields of an operation, fragments looked through.
	RootFields int
	// Directives in the whole document.
	Directives int
	// Fields of all operations, counted each time a fragment is spread.
	Fields int
}

// DefaultLimits are generous for people's queries and small enough that no
// document costs more than milliseconds to look at.
func DefaultLimits() Limits {
	return Limits{Tokens: 15000, Depth: 100, Aliases: 1000, RootFields: 200, Directives: 500, Fields: 10000}
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
}

func (l Limits) check(doc *ast.QueryDocument) Errors {
	m := measurer{fragments: map[string]*ast.FragmentDefinition{}, sizes: map[string]size{}}
	for _, f := range doc.Fragments {
		m.fragments[f.Name] = f
		m.directives += len(f.Directives)
	}
	var errs Errors
	fields := 0
	over := func(limit, found int, code, what string, at *ast.Position) {
		if limit > 0 && found > limit {
			errs = append(errs, &Error{
				Message:   fmt.Sprintf("The operation has %s %s; the limit is %d.", count(found), what, limit),
				Locations: locations(at), Code: code,
			})
		}
	}
	for _, op := range doc.Operations {
		m.directives += len(op.Directives)
		s := m.set(op.SelectionSet)
		over(l.Depth, s.depth, CodeMaxDepth, "levels of fields", op.Position)
		over(l.Aliases, s.aliases, CodeMaxAliases, "aliases", op.Position)
		over(l.RootFields, s.roots, CodeMaxRootFields, "root fields", op.Position)
		fields = add(fields, s.fields)
	}
	if len(doc.Operations) > 0 {
		over(l.Fields, fields, CodeMaxFields, "fields", doc.Operations[0].Position)
	}
	for _, f := range doc.Fragments {
		m.fragment(f.Name) // unused ones count for their directives
	}
	over(l.Directives, m.directives, CodeMaxDirectives, "directives", doc.Position)
	return errs
}

func (m *measurer) set(set ast.SelectionSet) (total size) {
	for _, sel := range set {
		var s size
		switch sel := sel.(type) {
		case *ast.Field:
			m.directives += len(sel.Directives)
			s = m.set(sel.SelectionSet)
			s.depth++
			s.fields = add(s.fields, 1)
			s.roots = 1
			if sel.Alias != sel.Name {
				s.aliases = add(s.aliases, 1)
			}
		case *ast.InlineFragment:
			m.directives += len(sel.Directives)
			s = m.set(sel.SelectionSet)
		case *ast.FragmentSpread:
			m.directives += len(sel.Directives)
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
