package supergraph_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/tools/txtar"

	"souk/router/supergraph"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestModelMatchesGoldenFiles parses the supergraph of each case and compares the
// API schema and a dump of the model, or the error, with the golden file.
func TestModelMatchesGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if archive.Files[0].Name != "supergraph.graphql" {
				t.Fatal("the first file must be supergraph.graphql")
			}
			got := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1]}
			m, err := supergraph.Parse(string(archive.Files[0].Data))
			if err != nil {
				got.Files = append(got.Files, txtar.File{Name: "error", Data: []byte(err.Error() + "\n")})
			} else {
				if _, err := gqlparser.LoadSchema(&ast.Source{Input: m.APISchema}); err != nil {
					t.Errorf("the API schema is not valid: %v", err)
				}
				got.Files = append(got.Files,
					txtar.File{Name: "api.graphql", Data: []byte(m.APISchema)},
					txtar.File{Name: "model", Data: []byte(dump(m))})
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(txtar.Format(archive)); string(txtar.Format(got)) != want {
				t.Errorf("got\n%s", txtar.Format(got))
			}
		})
	}
}

// dump prints the definition of each composite type in each subgraph.
func dump(m *supergraph.Model) string {
	var b strings.Builder
	for _, g := range m.Subgraphs {
		fmt.Fprintf(&b, "graph %s %s\n", g.Name, g.URL)
	}
	for _, l := range m.Labels {
		fmt.Fprintf(&b, "label %s %g\n", l.Name, l.Percent)
	}
	for _, t := range m.Types() {
		if !t.Composite() {
			continue
		}
		fmt.Fprintf(&b, "type %s possible %s%s\n", t.Name, names(t.Possible), attributes(t.Authorization, t.Directives))
		for _, in := range t.In {
			fmt.Fprintf(&b, "  in %s possible %s", in.Subgraph.Name, names(in.Possible))
			if in.InterfaceObject {
				b.WriteString(" interfaceObject")
			}
			for _, k := range in.Keys {
				fmt.Fprintf(&b, " key %q", k.Fields.Text)
				if !k.Resolvable {
					b.WriteString(" not resolvable")
				}
			}
			b.WriteByte('\n')
		}
		for _, f := range t.Fields {
			fmt.Fprintf(&b, "  %s: %s%s\n", f.Name, f.Type, attributes(f.Authorization, f.Directives))
			for _, in := range f.In {
				fmt.Fprintf(&b, "    in %s", in.Subgraph.Name)
				if in.Type != f.Type {
					b.WriteString(" as " + in.Type)
				}
				if in.External {
					b.WriteString(" external")
				}
				if in.Requires != nil {
					fmt.Fprintf(&b, " requires %q", in.Requires.Text)
				}
				if in.Provides != nil {
					fmt.Fprintf(&b, " provides %q", in.Provides.Text)
				}
				if in.Override != nil {
					fmt.Fprintf(&b, " from %s %s", in.Override.From.Name, in.Override.Label)
				}
				if in.Overridden != nil {
					fmt.Fprintf(&b, " to %s %s", in.Overridden.To.Name, in.Overridden.Label)
				}
				for _, c := range in.Contexts {
					fmt.Fprintf(&b, " %s: %s from %s %s", c.Name, c.Type, c.Context, c.Selection)
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func names(types []*supergraph.Type) string {
	list := make([]string, len(types))
	for i, t := range types {
		list[i] = t.Name
	}
	return strings.Join(list, "|")
}

func attributes(a supergraph.Authorization, directives []supergraph.Directive) string {
	var b strings.Builder
	if a.Authenticated {
		b.WriteString(" authenticated")
	}
	if a.Scopes != nil {
		fmt.Fprintf(&b, " scopes %v", a.Scopes)
	}
	if a.Policies != nil {
		fmt.Fprintf(&b, " policies %v", a.Policies)
	}
	for _, d := range directives {
		fmt.Fprintf(&b, " @%s%v", d.Name, d.Arguments)
	}
	return b.String()
}

// FuzzParse checks that Parse returns an error or a model with a query type.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		if archive, err := txtar.ParseFile(file); err == nil {
			f.Add(string(archive.Files[0].Data))
		}
	}
	f.Fuzz(func(t *testing.T, sdl string) {
		if m, err := supergraph.Parse(sdl); err == nil && m.Query == nil {
			t.Error("the model has no query type")
		}
	})
}
