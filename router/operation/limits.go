package operation

import (
	"fmt"
	"math"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// Limits bound the size of a request. Tokens and Recursion apply to the whole document; the
// other limits apply to the selected operation and the fragments it uses. Zero
// means no limit.
type Limits struct {
	// Tokens is the number of lexical tokens in the document (GraphQL,
	// section 2.1.6).
	Tokens int
	// Recursion is how deep selection sets, lists, objects and list types nest, as they are
	// written: a fragment is not expanded. Without a limit it is MaxRecursion.
	Recursion int
	// Depth is the number of levels of nested fields. Fragments add no level.
	Depth int
	// Height is the number of fields, where those of a selection set with the same response
	// key count once. Those in a fragment count each time the fragment is spread.
	Height int
	// Aliases is the number of aliases. Those in a fragment count each time
	// the fragment is spread.
	Aliases int
	// RootFields is the number of root fields, including those in fragments.
	RootFields int
	// Directives is the number of directives. Those in a fragment count once.
	Directives int
	// Fields is the number of fields. Those in a fragment count each time the
	// fragment is spread.
	Fields int
	// ListItems is the length of a single list in an argument or a variable.
	ListItems int
	// Logged has the codes of limits whose excess does not reject an operation; see
	// [Document.Exceeded] and [Document.LongList].
	Logged []string
}

// loggedTokens is how many times as long as Tokens a document may be if that limit is only logged:
// the memory that parsing takes needs a bound.
const loggedTokens = 4

// MostTokens returns the number of tokens of the longest document that is parsed. 0 means no
// limit.
func (l Limits) MostTokens() int {
	if l.logs(CodeMaxTokens) {
		return loggedTokens * l.Tokens
	}
	return l.Tokens
}

func (l Limits) logs(code string) bool { return slices.Contains(l.Logged, code) }

// DefaultLimits returns limits that are generous for hand-written queries and
// small enough that every document is validated within milliseconds.
func DefaultLimits() Limits {
	return Limits{Tokens: 15000, Recursion: 500, Depth: 100, Aliases: 1000, RootFields: 200, Directives: 500, Fields: 10000, ListItems: 10000}
}

// A size is the size of an operation or a fragment with all its fragment
// spreads expanded.
type size struct{ depth, height, aliases, fields, roots int }

// A measurer computes the size of an operation. It measures each fragment once,
// so it takes linear time even for fragments whose expansion is exponential.
type measurer struct {
	fragments  map[string]*ast.FragmentDefinition
	sizes      map[string]size // by fragment name
	directives int
	items      int // in the longest list
	heights    bool
}

// maxSelections bounds the selections of all operations in a document, where a
// fragment counts once for each operation that uses it. That is the work of
// validation, which also visits the operations that are not executed.
const maxSelections = 100_000

// checkOperations checks maxSelections.
func checkOperations(doc *ast.QueryDocument) Errors {
	if len(doc.Operations) < 2 {
		return nil // the limit on tokens bounds a single operation
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
			Message:   fmt.Sprintf("The operations in the document have more than %d selections in total. Send fewer operations in one document.", maxSelections),
			Locations: locations(doc.Operations[0].Position), Code: CodeMaxFields,
		}}
	}
	return nil
}

// Usage is the size of an operation, in the units of Limits.
type Usage struct {
	Depth, Aliases, RootFields, Directives, Fields int
	// Height is 0 if it has no limit.
	Height int
	// ListItems is the length of the longest list in an argument or a default value.
	ListItems int
}

// measure returns the size of an operation with its fragments.
func (l Limits) measure(doc *ast.QueryDocument, op *ast.OperationDefinition) Usage {
	m := measurer{heights: l.Height > 0}
	if len(doc.Fragments) > 0 {
		m.fragments, m.sizes = map[string]*ast.FragmentDefinition{}, map[string]size{}
	}
	for _, f := range doc.Fragments {
		m.fragments[f.Name] = f
	}
	m.annotations(op.Directives)
	for _, v := range op.VariableDefinitions {
		m.annotations(v.Directives)
		m.items = max(m.items, longest(v.DefaultValue))
	}
	s := m.set(op.SelectionSet)
	return Usage{Depth: s.depth, Aliases: s.aliases, RootFields: s.roots, Directives: m.directives, Fields: s.fields, Height: s.height, ListItems: m.items}
}

// check returns an error for each limit that op, whose size is u, exceeds, and those that are only
// to be logged.
func (l Limits) check(u Usage, op *ast.OperationDefinition) (errs, logged Errors) {
	over := func(limit, found int, code, what string) {
		if limit == 0 || found <= limit {
			return
		}
		e := &Error{
			Message:   fmt.Sprintf("The operation has %s %s; the limit is %d.", count(found), what, limit),
			Locations: locations(op.Position), Code: code,
		}
		if code == CodeMaxListItems {
			e = tooLong(limit, locations(op.Position))
		}
		if l.logs(code) {
			logged = append(logged, e)
		} else {
			errs = append(errs, e)
		}
	}
	over(l.Depth, u.Depth, CodeMaxDepth, "levels of fields")
	over(l.Height, u.Height, CodeMaxHeight, "fields, counting equal names in a selection set once")
	over(l.Aliases, u.Aliases, CodeMaxAliases, "aliases")
	over(l.RootFields, u.RootFields, CodeMaxRootFields, "root fields")
	over(l.Fields, u.Fields, CodeMaxFields, "fields")
	over(l.Directives, u.Directives, CodeMaxDirectives, "directives")
	over(l.ListItems, u.ListItems, CodeMaxListItems, "items in a list")
	return errs, logged
}

func (m *measurer) set(set ast.SelectionSet) (total size) {
	var keys map[string]bool
	if m.heights {
		keys = make(map[string]bool, len(set))
	}
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
			if m.heights && !keys[sel.Alias] {
				keys[sel.Alias] = true
				s.height = add(s.height, 1)
			}
		case *ast.InlineFragment:
			m.annotations(sel.Directives)
			s = m.set(sel.SelectionSet)
		case *ast.FragmentSpread:
			m.annotations(sel.Directives)
			s = m.fragment(sel.Name)
		}
		total.depth = max(total.depth, s.depth)
		total.height = add(total.height, s.height)
		total.aliases = add(total.aliases, s.aliases)
		total.fields = add(total.fields, s.fields)
		total.roots = add(total.roots, s.roots)
	}
	return total
}

// fragment returns the size of a fragment. In a fragment that spreads itself,
// which the validator reports later, the inner spread has size zero.
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

// add adds two sizes, saturating at math.MaxInt32.
func add(a, b int) int { return min(a+b, math.MaxInt32) }

// count formats a sum computed by add.
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
