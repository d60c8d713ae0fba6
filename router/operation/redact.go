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

// A Redactor removes values from documents, so that their text can be recorded
// in the graphql.document attribute of traces (OpenTelemetry semantic
// conventions for GraphQL). Documents that differ only in literals, white space,
// comments and the use of fragments have the same redacted text. A Redactor is
// safe for concurrent use.
type Redactor struct {
	mu         sync.Mutex // the normalizer keeps state
	definition ast.Document
	normalizer *astnormalization.OperationNormalizer
}

// NewRedactor returns a Redactor for documents of an API schema, given as SDL.
func NewRedactor(apiSDL string) (*Redactor, error) {
	definition, report := astparser.ParseGraphqlDocumentString(apiSDL)
	if report.HasErrors() {
		return nil, fmt.Errorf("parsing the API schema: %w", report)
	}
	if err := asttransform.MergeDefinitionWithBaseSchema(&definition); err != nil {
		return nil, fmt.Errorf("adding built-in definitions to the API schema: %w", err)
	}
	return &Redactor{definition: definition, normalizer: astnormalization.NewWithOpts(
		astnormalization.WithRemoveNotMatchingOperationDefinitions(),
		astnormalization.WithInlineFragmentSpreads(),
		astnormalization.WithRemoveFragmentDefinitions(),
		astnormalization.WithExtractVariables(),
		astnormalization.WithIgnoreSkipInclude(),
	)}, nil
}

// Redact returns the text of one operation of a valid document, with a variable
// in place of each argument value. An empty operationName selects the first
// operation.
func (r *Redactor) Redact(text, operationName string) (string, error) {
	document, report := astparser.ParseGraphqlDocumentString(text)
	if report.HasErrors() {
		return "", fmt.Errorf("parsing the document: %w", report)
	}
	if operationName == "" && len(document.OperationDefinitions) > 0 {
		operationName = document.OperationDefinitionNameString(0)
	}
	r.normalize(&document, operationName, &report)
	if report.HasErrors() {
		return "", fmt.Errorf("replacing the values in the document by variables: %w", report)
	}
	out, err := astprinter.PrintString(&document)
	if err != nil {
		return "", fmt.Errorf("printing the redacted document: %w", err)
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
