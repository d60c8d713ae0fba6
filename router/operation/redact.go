package operation

import (
	"fmt"
	"sync"

	"github.com/wundergraph/graphql-go-tools/v2/pkg/ast"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astnormalization"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astparser"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astprinter"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/asttransform"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/operationreport"
)

// A Redactor takes the values out of documents, so that their text can go
// where values must not: the attribute graphql.document of traces
// (OpenTelemetry's semantic conventions for GraphQL). Texts that differ in
// literals, white space, comments and the use of fragments only come out the
// same. It is safe for use by many goroutines.
type Redactor struct {
	mu         sync.Mutex // the normalizer keeps state
	definition ast.Document
	normalizer *astnormalization.OperationNormalizer
}

// NewRedactor reads an API schema's SDL.
func NewRedactor(apiSDL string) (*Redactor, error) {
	definition, report := astparser.ParseGraphqlDocumentString(apiSDL)
	if report.HasErrors() {
		return nil, fmt.Errorf("reading the API schema: %w", report)
	}
	if err := asttransform.MergeDefinitionWithBaseSchema(&definition); err != nil {
		return nil, fmt.Errorf("completing the API schema: %w", err)
	}
	return &Redactor{definition: definition, normalizer: astnormalization.NewWithOpts(
		astnormalization.WithRemoveNotMatchingOperationDefinitions(),
		astnormalization.WithInlineFragmentSpreads(),
		astnormalization.WithRemoveFragmentDefinitions(),
		astnormalization.WithExtractVariables(),
		astnormalization.WithIgnoreSkipInclude(),
	)}, nil
}

// Redact gives the text of one operation of a document that is valid against
// the schema, with a variable in the place of each value of an argument.
func (r *Redactor) Redact(text, operationName string) (string, error) {
	document, report := astparser.ParseGraphqlDocumentString(text)
	if report.HasErrors() {
		return "", fmt.Errorf("reading the document: %w", report)
	}
	if operationName == "" && len(document.OperationDefinitions) > 0 {
		operationName = document.OperationDefinitionNameString(0)
	}
	r.normalize(&document, operationName, &report)
	if report.HasErrors() {
		return "", fmt.Errorf("taking the values out of the document: %w", report)
	}
	out, err := astprinter.PrintString(&document)
	if err != nil {
		return "", fmt.Errorf("printing the document: %w", err)
	}
	return out, nil
}

func (r *Redactor) normalize(document *ast.Document, name string, report *operationreport.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == "" {
		r.normalizer.NormalizeOperation(document, &r.definition, report)
		return
	}
	r.normalizer.NormalizeNamedOperation(document, &r.definition, []byte(name), report)
}
