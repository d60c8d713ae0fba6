package syntax

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// Query parses an executable document of at most so many tokens. 0 means no bound.
func Query(source *ast.Source, tokens int) (*ast.QueryDocument, error) {
	doc, err := parser.ParseQueryWithTokenLimit(source, tokens)
	if err != nil {
		return doc, err
	}
	if c := newCorrections(source.Input); c != nil {
		c.query(doc)
	}
	return doc, nil
}

// Schema parses an SDL of at most so many tokens. 0 means no bound.
func Schema(source *ast.Source, tokens int) (*ast.SchemaDocument, error) {
	doc, err := parser.ParseSchemaWithLimit(source, tokens)
	if err != nil {
		return doc, err
	}
	if c := newCorrections(source.Input); c != nil {
		c.schema(doc)
	}
	return doc, nil
}

// LoadSchema parses and validates a schema, to which it adds the built-in types.
func LoadSchema(sources ...*ast.Source) (*ast.Schema, error) {
	whole := &ast.SchemaDocument{}
	for _, source := range sources {
		doc, err := Schema(source, 0)
		if err != nil {
			return nil, gqlerror.WrapIfUnwrapped(err)
		}
		whole.Merge(doc)
	}
	return Validate(whole)
}

// Validate validates a schema, to which it adds the built-in types.
func Validate(doc *ast.SchemaDocument) (*ast.Schema, error) {
	whole, err := Schema(validator.Prelude, 0)
	if err != nil {
		return nil, gqlerror.WrapIfUnwrapped(err)
	}
	whole.Merge(doc)
	return validator.ValidateSchemaDocument(whole)
}
