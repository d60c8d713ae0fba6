package syntax_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/tools/txtar"

	"souk/router/internal/syntax"
)

// positions lists the types and fields of a document with their positions, perhaps without columns.
func positions(doc *ast.SchemaDocument, columns bool) string {
	var out strings.Builder
	put := func(name, description string, p *ast.Position) {
		line, column := syntax.At(p)
		if !columns {
			column = 0
		}
		fmt.Fprintf(&out, "%s %q %d:%d\n", name, description, line, column)
	}
	for _, s := range append(doc.Schema, doc.SchemaExtension...) {
		put("schema", s.Description, nil)
	}
	for _, d := range doc.Directives {
		put("@"+d.Name, d.Description, d.Position)
	}
	for _, d := range append(doc.Definitions, doc.Extensions...) {
		put(d.Name+" "+strings.Join(d.Interfaces, "&")+strings.Join(d.Types, "|"), d.Description, d.Position)
		for _, x := range d.Directives {
			put("@"+x.Name, "", x.Position)
		}
		for _, f := range d.Fields {
			put(f.Name+": "+f.Type.String(), f.Description, f.Position)
		}
		for _, v := range d.EnumValues {
			put(v.Name, v.Description, v.Position)
		}
	}
	return out.String()
}

// compareParts compares what the parts of an SDL have with what the whole text has.
func compareParts(t *testing.T, sdl string) {
	t.Helper()
	whole, err := syntax.Schema(&ast.Source{Name: "x", Input: sdl}, 0)
	parts, ok := syntax.Parts(sdl, func() {})
	together, failed := &ast.SchemaDocument{}, !ok
	for _, p := range parts {
		doc, err := p.Schema()
		if err != nil {
			failed = true
			continue
		}
		together.Merge(doc)
		for _, d := range doc.Definitions {
			if d.Name != p.Name && p.Name != "" {
				t.Errorf("%q defines %s, and not %s", p.Text, d.Name, p.Name)
			}
		}
	}
	if err != nil {
		if !failed {
			t.Errorf("the parts of a text with syntax errors have none: %v\n%s", err, sdl)
		}
		return
	}
	if failed { // then the whole text is parsed
		return
	}
	columns := !strings.Contains(sdl, "\r") // the library counts a line feed as a character of the next line
	if got, want := positions(together, columns), positions(whole, columns); got != want {
		t.Errorf("got\n%s\nwant\n%s\nof\n%s", got, want, sdl)
	}
}

var partCases = []string{
	"type Query { a: Int }",
	"\ufeff# comment\ntype Query { type: Int input: String }\n\n\"A\" scalar B scalar C, enum D { type input }",
	"\"\"\"\nThe type Query { }\n\"\"\"\ntype Query implements A & B @d(a: \"type X {\") { a(b: Int = 1, c: [X!] = [{enum: 1}]): Int } interface A { a: Int }\r\n\r\ninterface B { b: Int }\n",
	"schema @link(url: \"x\") { query: Query }\nextend schema @a\ndirective @type(a: Int) repeatable on FIELD | OBJECT\nunion type = | input | enum\ninput input { a: Int = 1 }\nextend type Query { b: Int }\ntype on { a: Int } type implements { a: Int }",
	"type Query { a: Int", "type Query { a: Int }}", "type type type Query { a: Int }", "{ a }", "", "scalar", "x type Query { a: Int }", "type Query { a: Int } \"end\"",
	"\"0\"\"\"\"interface A", "type A { \"\"\"one\n two \\\"\"\" three\"\"\" a: Int # type B {\n }\ntype C { ä: Int }", "\"ä\" type A { a: Int } \"ö\" type B { b: Int @x }",
	"#\x02\nscalar B", "scalar A #\x02\nscalar B", "scalar A #\x02", "\x02 scalar A",
}

func TestPartsHaveWhatTheWholeTextHas(t *testing.T) {
	for _, sdl := range partCases {
		compareParts(t, sdl)
	}
	for _, pattern := range []string{"../../supergraph/testdata/*.txtar", "../../conformance/testdata/*.txtar", "../../../schema/*.graphql"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			compareParts(t, string(data))
			for _, f := range txtar.Parse(data).Files {
				if strings.HasSuffix(f.Name, ".graphql") {
					compareParts(t, string(f.Data))
				}
			}
		}
	}
}

// Types of a usual supergraph are found in their parts, which do not keep the whole text in memory.
func TestPartsAreNamedAndSmall(t *testing.T) {
	parts, ok := syntax.Parts("\"x\" type A { a: Int }\nscalar B @d\ndirective @d on SCALAR\nextend type A { b: Int }", func() {})
	if !ok || len(parts) != 4 {
		t.Fatalf("got %v", parts)
	}
	for i, want := range []string{"A", "B", "", ""} {
		if parts[i].Name != want {
			t.Errorf("part %d has the name %q, want %q", i, parts[i].Name, want)
		}
	}
	doc, err := parts[1].Schema()
	if err != nil || doc.Definitions[0].Position.Src.Input != "scalar B @d" {
		t.Errorf("got %v, %v", doc, err)
	}
}

func FuzzParts(f *testing.F) {
	for _, sdl := range partCases {
		f.Add(sdl)
	}
	f.Fuzz(compareParts)
}
