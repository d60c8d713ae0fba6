package operation

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/internal/syntax"
)

// MaxRecursion is how deep the parser can nest. Limits.Recursion cannot be higher.
const MaxRecursion = parser.MaxNestingDepth

// checkRecursion reports the first place at which the selection sets, lists, objects and list types
// of a document nest deeper than limit, or nil. It reads the text once, before the parser does, and
// only if it has enough brackets: the parser recurses at each of them. What is no GraphQL is for
// the parser to report.
func checkRecursion(text string, limit int) *Error {
	if limit <= 0 || strings.Count(text, "{")+strings.Count(text, "[") <= limit {
		return nil
	}
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '{', '[':
			if depth++; depth > limit {
				return &Error{
					Message:   fmt.Sprintf("The document nests selection sets, lists, objects and list types more than %d levels deep.", limit),
					Locations: []Location{location(text, i)}, Code: CodeMaxRecursion,
				}
			}
		case '}', ']':
			depth--
		case '#':
			i = syntax.CommentEnd(text, i)
			continue
		case '"':
			if strings.HasPrefix(text[i:], `"""`) {
				i = syntax.BlockEnd(text, i+3)
			} else {
				i = syntax.StringEnd(text, i+1)
			}
			continue
		}
		i++
	}
	return nil
}
