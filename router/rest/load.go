package rest

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"

	"souk/internal/constraint"
	"souk/router/internal/syntax"
)

//go:embed directives.graphql
var directives string

// A DocumentError is a problem in the GraphQL documents of REST routes.
type DocumentError struct {
	File         string
	Line, Column int // from 1; 0 if the problem concerns the whole file
	Message      string
}

// Error formats the problem as file:line:column: message.
func (e *DocumentError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

func errorfAt(at *ast.Position, format string, arguments ...any) error {
	e := &DocumentError{Message: fmt.Sprintf(format, arguments...)}
	if at != nil {
		e.Line, e.Column = at.Line, at.Column
		if at.Src != nil {
			e.File = at.Src.Name
		}
	}
	return e
}

// loadSchema parses the API schema together with the REST directives.
func loadSchema(sdl string) (*ast.Schema, error) {
	schema, err := syntax.LoadSchema(
		&ast.Source{Name: "directives.graphql", Input: directives, BuiltIn: true},
		&ast.Source{Name: "schema", Input: sdl},
	)
	if err != nil {
		return nil, fmt.Errorf("rest: reading the API schema: %w", err)
	}
	return schema, nil
}

// inputLimits returns the limits of the fields of input objects.
func inputLimits(schema *ast.Schema) (map[*ast.FieldDefinition]*constraint.Limits, error) {
	all := map[*ast.FieldDefinition]*constraint.Limits{}
	for _, definition := range schema.Types {
		for _, field := range definition.Fields {
			limits, err := constraint.Of(field.Directives)
			if err != nil {
				return nil, fmt.Errorf("rest: reading the API schema: %s.%s: %w", definition.Name, field.Name, err)
			}
			if limits != nil {
				all[field] = limits
			}
		}
	}
	return all, nil
}

// loadRoutes reads the .graphql files in the root of documents and compiles their operations.
// Fragments may be used across files. The error joins all problems.
func loadRoutes(documents fs.FS, schema *ast.Schema, ids integerIDs) ([]*route, error) {
	document, err := readDocuments(documents)
	if err != nil {
		return nil, err
	}
	if problems := validator.ValidateWithRules(schema, document, nil); len(problems) > 0 {
		return nil, joinErrors(problems)
	}
	var routes []*route
	var problems []error
	for _, operation := range document.Operations {
		compiler := compiler{schema: schema, fragments: document.Fragments, ids: ids}
		route, err := compiler.route(operation)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		routes = append(routes, route)
	}
	problems = append(problems, checkDistinct(routes)...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	stripDirectives(schema, document)
	for _, r := range routes {
		r.document = printOperation(document, r.operation)
	}
	slices.SortFunc(routes, compareRoutes)
	return routes, nil
}

func readDocuments(documents fs.FS) (*ast.QueryDocument, error) {
	files, err := fs.Glob(documents, "*.graphql")
	if err != nil {
		return nil, fmt.Errorf("rest: listing the operations: %w", err)
	}
	whole := &ast.QueryDocument{}
	for _, file := range files {
		content, err := fs.ReadFile(documents, file)
		if err != nil {
			return nil, fmt.Errorf("rest: reading the operations: %w", err)
		}
		document, err := syntax.Query(&ast.Source{Name: file, Input: string(content)}, 0)
		if err != nil {
			return nil, joinErrors(gqlerror.List{gqlerror.WrapIfUnwrapped(err)})
		}
		whole.Operations = append(whole.Operations, document.Operations...)
		whole.Fragments = append(whole.Fragments, document.Fragments...)
	}
	return whole, nil
}

func joinErrors(problems gqlerror.List) error {
	all := make([]error, len(problems))
	for i, problem := range problems {
		e := &DocumentError{Message: problem.Message}
		e.File, _ = problem.Extensions["file"].(string)
		if len(problem.Locations) > 0 {
			e.Line, e.Column = problem.Locations[0].Line, problem.Locations[0].Column
		}
		all[i] = e
	}
	return errors.Join(all...)
}

// checkDistinct returns an error for each route that matches the same requests as another.
func checkDistinct(routes []*route) []error {
	var problems []error
	seen := map[string]*route{}
	for _, r := range routes {
		pattern := []string{r.method}
		for _, s := range r.segments {
			if s.variable {
				pattern = append(pattern, "{}")
			} else {
				pattern = append(pattern, s.text)
			}
		}
		key := strings.Join(pattern, "/")
		if other, taken := seen[key]; taken {
			problems = append(problems, errorfAt(r.operation.Position, "operation %s has the route %s %s, which conflicts with that of operation %s",
				r.operation.Name, r.method, r.path, other.operation.Name))
		}
		seen[key] = r
	}
	return problems
}

// stripDirectives removes the directives and descriptions that only this package uses, before
// the documents are sent to the graph.
func stripDirectives(schema *ast.Schema, document *ast.QueryDocument) {
	strip := func(list *ast.DirectiveList) {
		*list = slices.DeleteFunc(*list, func(d *ast.Directive) bool {
			definition := schema.Directives[d.Name]
			return definition != nil && definition.Position != nil && definition.Position.Src.BuiltIn &&
				definition.Position.Src.Name == "directives.graphql"
		})
	}
	var walk func(set ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch selection := selection.(type) {
			case *ast.Field:
				strip(&selection.Directives)
				walk(selection.SelectionSet)
			case *ast.InlineFragment:
				strip(&selection.Directives)
				walk(selection.SelectionSet)
			case *ast.FragmentSpread:
				strip(&selection.Directives)
			}
		}
	}
	for _, operation := range document.Operations {
		strip(&operation.Directives)
		operation.Description = ""
		for _, variable := range operation.VariableDefinitions {
			strip(&variable.Directives)
			variable.Description = ""
		}
		walk(operation.SelectionSet)
	}
	for _, fragment := range document.Fragments {
		strip(&fragment.Directives)
		fragment.Description = ""
		walk(fragment.SelectionSet)
	}
}
