package syntax_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"souk/router/internal/syntax"
)

// grammar has the alternatives of rules, the first of which ends soon. What is no name of a rule is a token.
var grammar = map[string][]string{
	"Document":   {"Definition", "Definition Document"},
	"Definition": {"Selections", "Kind Variables Directives Selections", "Description Kind Name Variables Directives Selections", "Description fragment Name on Name Directives Selections"},
	"Kind":       {"query", "mutation", "subscription"},
	"Description": {
		"", `"x"`, `"é # \" \\"`, `""`, `"""x"""`, "\"\"\"\n  é\n\t x\r\n\"\"\"", "\"\"\"x\n   y\n  \\\"\"\" z\r \"\"\"",
	},
	"Variables":  {"", "( Variable )", "( Variable Variable )"},
	"Variable":   {"$ Name : Type", "Description $ Name : Type = Constant Directives"},
	"Type":       {"Name", "Name !", "[ Type ]", "[ Type ] !"},
	"Selections": {"{ Name }", "{ Selection }", "{ Selection Selection Selection }"},
	"Selection":  {"Name", "Name : Name Arguments Directives", "Name Arguments Directives Selections", "... Name Directives", "... Directives Selections", "... on Name Directives Selections"},
	"Directives": {"", "", "@ Name Arguments", "@ Name @ Name Arguments"},
	"Arguments":  {"", "", "( Argument )", "( Argument Argument )"},
	"Argument":   {"Name : Value"},
	"Value":      {"$ Name", "Constant", "[ Value Value ]", "{ Name : Value }"},
	"Constant":   {"Number", "Literal", "[ ]", "{ }", "[ Constant ]", "{ Name : Constant Name : Constant }"},
	"Number":     {"0", "-0", "17", "-1.50", "2e9", "0E-0", "1.5e+3"},
	"Literal":    {"true", "null", "Name", `"x"`, `"é # \" \\"`, `""`, `"""x"""`, "\"\"\"\n  é\n\t x\r\n\"\"\"", "\"\"\"x\n   y\n  \\\"\"\" z\r \"\"\""},
	"Name":       {"a", "b1", "_", "query", "fragment", "__typename", "TRUE"},
}

// generate returns a text of a rule with anything that is ignored between its tokens.
func generate(t *rapid.T, rule string, depth int) string {
	alternatives, ok := grammar[rule]
	if !ok {
		return rule + rapid.SampledFrom([]string{" ", " ", " ", ",", "\n", "\r", "\r\n", "\t", "#\n", "# é \"\r", "\ufeff"}).Draw(t, "ignored")
	}
	if depth == 0 {
		alternatives = alternatives[:1]
	}
	chosen := rapid.SampledFrom(alternatives).Draw(t, rule)
	if rule == "Description" || rule == "Literal" {
		if _, isRule := grammar[chosen]; !isRule {
			return chosen + " "
		}
	}
	var out strings.Builder
	for _, part := range strings.Fields(chosen) {
		out.WriteString(generate(t, part, max(depth-1, 0)))
	}
	return out.String()
}

func TestDocumentsOfTheGrammarArePlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if text := generate(t, "Document", 9); !equalsLibrary(t, text, 0) {
			_, err := syntax.Query(&ast.Source{Input: text}, 0)
			t.Fatalf("%q is not plain; the library says: %v", text, err)
		}
	})
}

// The documents are those in the tests, examples and benchmarks of this repository.
func TestDocumentsOfTheRepositoryArePlain(t *testing.T) {
	plain := 0
	check := func(name, text string) {
		doc, err := syntax.Query(&ast.Source{Input: text}, 0)
		if err != nil || len(doc.Operations) == 0 {
			return
		}
		if !equalsLibrary(t, text, 0) && !strings.Contains(text, `\u`) {
			t.Errorf("%s is not plain", name)
		}
		plain++
	}
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".git") {
				return fs.SkipDir
			}
			return nil
		}
		extension := filepath.Ext(path)
		if extension != ".txtar" && extension != ".graphql" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if extension == ".graphql" {
			check(path, string(data))
			return nil
		}
		for _, f := range txtar.Parse(data).Files {
			check(path+" "+f.Name, string(f.Data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if plain < 100 {
		t.Errorf("found only %d documents", plain)
	}
	t.Logf("%d documents", plain)
}
