package execute

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/plan"
)

// entitySelections gives, for each root field of a query by its response key,
// the text of its selection set with the fragments of the query; nothing if
// the query cannot be parsed, which leaves it to the subgraph to say so.
func entitySelections(query string) map[string]string {
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil || len(doc.Operations) != 1 {
		return nil
	}
	selections := make(map[string]string)
	for _, s := range doc.Operations[0].SelectionSet {
		f, ok := s.(*ast.Field)
		if !ok {
			continue
		}
		var text bytes.Buffer
		formatter.NewFormatter(&text, formatter.WithCompacted()).FormatQueryDocument(&ast.QueryDocument{
			Operations: ast.OperationList{{Operation: ast.Query, SelectionSet: f.SelectionSet}},
			Fragments:  used(doc, f.SelectionSet),
		})
		selections[f.Alias] = text.String()
	}
	return selections
}

// used gives the fragments that a selection set spreads, in the order of the
// document.
func used(doc *ast.QueryDocument, set ast.SelectionSet) ast.FragmentDefinitionList {
	names := make(map[string]bool)
	var visit func(ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				visit(s.SelectionSet)
			case *ast.InlineFragment:
				visit(s.SelectionSet)
			case *ast.FragmentSpread:
				if def := doc.Fragments.ForName(s.Name); def != nil && !names[s.Name] {
					names[s.Name] = true
					visit(def.SelectionSet)
				}
			}
		}
	}
	visit(set)
	var fragments ast.FragmentDefinitionList
	for _, f := range doc.Fragments {
		if names[f.Name] {
			fragments = append(fragments, f)
		}
	}
	return fragments
}

// entitySelection says what an entity fetch selects, and which of the client's
// variables that uses.
func entitySelection(s *plan.Step, e *plan.EntityFetch, text string) (*CacheSelection, []string) {
	if text == "" {
		return nil, nil
	}
	selection := &CacheSelection{Subgraph: s.Subgraph, Selection: text, Key: cacheKey(s.Subgraph, text)}
	for _, t := range e.Targets {
		for _, r := range t.Representations {
			if !slices.Contains(selection.Types, r.Typename) {
				selection.Types = append(selection.Types, r.Typename)
			}
		}
	}
	var uses []string
	tokens := lexer.New(&ast.Source{Input: text})
	for dollar := false; ; {
		token, err := tokens.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			break
		}
		if dollar && !slices.Contains(uses, token.Value) {
			uses = append(uses, token.Value)
		}
		dollar = token.Kind == lexer.Dollar
	}
	slices.Sort(uses)
	return selection, uses
}

// rootSelection says what a root fetch selects.
func rootSelection(s *plan.Step) *CacheSelection {
	selection := &CacheSelection{Subgraph: s.Subgraph, Selection: s.Query, Key: cacheKey(s.Subgraph, s.Query)}
	doc, err := parser.ParseQuery(&ast.Source{Input: s.Query})
	if err != nil || len(doc.Operations) != 1 {
		return nil
	}
	for _, set := range doc.Operations[0].SelectionSet {
		if f, ok := set.(*ast.Field); ok {
			selection.Root = append(selection.Root, f.Name)
		}
	}
	return selection
}

func cacheKey(subgraph, selection string) [16]byte {
	sum := sha256.Sum256([]byte(subgraph + "\x00" + selection))
	return [16]byte(sum[:])
}
