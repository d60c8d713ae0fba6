package documents

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"souk/router/internal/syntax"
)

// A Digest is the SHA-256 of a text.
type Digest [sha256.Size]byte

func digest(text string) Digest { return sha256.Sum256([]byte(text)) }

// Normal returns the normal form of a document: without comments, with single separators, and
// with the operations before the fragments, each sorted by name. tokens bounds the document; 0
// means no bound.
func Normal(text string, tokens int) (string, error) {
	doc, err := syntax.Query(&ast.Source{Input: text}, tokens)
	if err != nil {
		return "", err
	}
	slices.SortStableFunc(doc.Operations, func(a, b *ast.OperationDefinition) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(doc.Fragments, func(a, b *ast.FragmentDefinition) int { return cmp.Compare(a.Name, b.Name) })
	var out strings.Builder
	formatter.NewFormatter(&out, formatter.WithIndent(" ")).FormatQueryDocument(doc)
	return out.String(), nil
}

// Operations returns the names of the operations of a document, or nil if it cannot be parsed.
func Operations(text string) (names []string) {
	doc, err := syntax.Query(&ast.Source{Input: text}, 0)
	if err != nil {
		return nil
	}
	for _, op := range doc.Operations {
		names = append(names, op.Name)
	}
	return names
}
