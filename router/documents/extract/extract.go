package extract

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/router/documents"
	"souk/router/internal/syntax"
)

// Extensions are those of the files that may have documents.
var Extensions = []string{".graphql", ".gql", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte"}

// Options describe the documents to make.
type Options struct {
	// Typename adds __typename to the selection sets, as the cache of Apollo Client does.
	Typename bool
	// Client is the client that the documents are of.
	Client string
	// Warn is called with what may be a document, but is not read as one: a file, a line and the
	// reason. It may be nil.
	Warn func(warning string)
}

// Documents returns the operations in files, each with the fragments that it uses, sorted by
// name. The ID of each is the SHA-256 of its text, which is printed as graphql-js does. The error
// has all problems: each begins with a file and a line.
func Documents(files []documents.File, o Options) ([]documents.Document, error) {
	c := &collection{fragments: map[string]*ast.FragmentDefinition{}}
	for _, f := range files {
		c.addFile(f, o.Warn)
	}
	var list []documents.Document
	named := map[string]*ast.OperationDefinition{}
	for _, op := range c.operations {
		if op.Name == "" {
			c.fail(op.Position, "an operation has no name; name it, so that it can be told from others")
			continue
		}
		if other := named[op.Name]; other != nil {
			c.fail(op.Position, "the operation %s is defined twice; the other one is at %s", op.Name, place(other.Position))
			continue
		}
		named[op.Name] = op
		fragments := c.uses(op)
		body := printDocument(op, fragments, o.Typename)
		list = append(list, documents.Document{ID: documents.ID(body), Body: body, Name: op.Name, Type: string(op.Operation), Client: o.Client, File: place(op.Position)})
	}
	slices.SortFunc(list, func(a, b documents.Document) int { return cmp.Compare(a.Name, b.Name) })
	return list, errors.Join(c.problems...)
}

// A collection has the definitions of all files.
type collection struct {
	operations []*ast.OperationDefinition
	fragments  map[string]*ast.FragmentDefinition
	problems   []error
}

func (c *collection) fail(at *ast.Position, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s: %s", place(at), fmt.Sprintf(format, args...)))
}

func place(p *ast.Position) string { return fmt.Sprintf("%s:%d", p.Src.Name, p.Line) }

func (c *collection) addFile(f documents.File, warn func(string)) {
	if strings.HasSuffix(f.Path, ".graphql") || strings.HasSuffix(f.Path, ".gql") {
		c.add(f.Path, string(f.Text), 1)
		return
	}
	for _, script := range scripts(f.Path, string(f.Text)) {
		s, err := templates(script.text, script.jsx)
		if err != nil {
			c.problems = append(c.problems, fmt.Errorf("%s: %w", f.Path, err))
		}
		for _, t := range s.found {
			if !t.partial {
				c.add(f.Path, t.text, t.line)
			} else if warn != nil && !isSchema(t.text) {
				warn(fmt.Sprintf("%s:%d: a document has an interpolation within a definition, and is left out; only whole fragments can be interpolated, beside definitions", f.Path, t.line))
			}
		}
		for _, d := range s.doubts {
			if warn != nil {
				warn(fmt.Sprintf("%s:%d: %s", f.Path, d.line, d.reason))
			}
		}
	}
}

// isSchema reports whether a text has definitions of types only, which are of no interest.
func isSchema(text string) bool {
	source := &ast.Source{Input: text}
	if _, err := syntax.Query(source, 0); err == nil {
		return false
	}
	_, err := syntax.Schema(source, 0)
	return err == nil
}

// add adds the definitions of a text that begins at a line of a file. Schemas are left out.
func (c *collection) add(file, text string, line int) {
	source := &ast.Source{Name: file, Input: strings.Repeat("\n", line-1) + text}
	doc, err := syntax.Query(source, 0)
	if err != nil {
		if _, schema := syntax.Schema(source, 0); schema == nil {
			return
		}
		at, message := line, err.Error()
		if e := (*gqlerror.Error)(nil); errors.As(err, &e) {
			message = e.Message
			if len(e.Locations) > 0 {
				at = e.Locations[0].Line
			}
		}
		c.problems = append(c.problems, fmt.Errorf("%s:%d: %s; only whole definitions can be interpolated", file, at, message))
		return
	}
	c.operations = append(c.operations, doc.Operations...)
	for _, f := range doc.Fragments {
		if other := c.fragments[f.Name]; other != nil && printFragment(other, false) != printFragment(f, false) {
			c.fail(f.Position, "the fragment %s differs from the one at %s; give it another name", f.Name, place(other.Position))
			continue
		}
		c.fragments[f.Name] = f
	}
}

// uses returns the fragments that an operation uses, in the order of their first use.
func (c *collection) uses(op *ast.OperationDefinition) []*ast.FragmentDefinition {
	var list []*ast.FragmentDefinition
	seen := map[string]bool{}
	var visit func(set ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				visit(s.SelectionSet)
			case *ast.InlineFragment:
				visit(s.SelectionSet)
			case *ast.FragmentSpread:
				if seen[s.Name] {
					continue
				}
				seen[s.Name] = true
				f := c.fragments[s.Name]
				if f == nil {
					c.fail(s.Position, "the fragment %s is not defined in any of the files", s.Name)
					continue
				}
				list = append(list, f)
				visit(f.SelectionSet)
			}
		}
	}
	visit(op.SelectionSet)
	return list
}
