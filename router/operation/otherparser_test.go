package operation_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wundergraph/graphql-go-tools/v2/pkg/ast"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astparser"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/asttransform"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astvalidation"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/operationreport"
	"golang.org/x/tools/txtar"
)

// TestOperationsAreValidForAnotherParser checks the text of the golden
// operations with the parser and validator of graphql-go-tools.
func TestOperationsAreValidForAnotherParser(t *testing.T) {
	sdl, err := os.ReadFile("testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	definition, report := astparser.ParseGraphqlDocumentString(string(sdl))
	if report.HasErrors() {
		t.Fatal(report)
	}
	if err := asttransform.MergeDefinitionWithBaseSchema(&definition); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/specialise/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			for _, f := range archive.Files {
				if f.Name == "operation" {
					parsed, report := astparser.ParseGraphqlDocumentBytes(f.Data)
					valid(t, &parsed, &definition, &report)
				}
			}
		})
	}
}

func valid(t *testing.T, doc, definition *ast.Document, report *operationreport.Report) {
	t.Helper()
	if report.HasErrors() {
		t.Fatal(report)
	}
	if state := astvalidation.DefaultOperationValidator().Validate(doc, definition, report); state != astvalidation.Valid {
		t.Errorf("not valid: %v", report)
	}
}
