package planner_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
	"golang.org/x/tools/txtar"

	"souk/router/compose"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

var (
	update = flag.Bool("update", false, "write the plans that are got into testdata")
	again  = flag.Bool("compose", false, "write the supergraphs that testdata's subgraphs compose to into testdata")
)

// TestPlansMatchGoldenFiles plans the operations of each case. A case has a supergraph, in
// supergraph.graphql or, by path, in supergraph, and optionally the subgraphs it is
// composed of, NAME.graphqls; then operations NAME.graphql, each with NAME.plan, its plan
// or error. NAME.labels lists active labels of overrides, NAME.denied fields that the
// caller may not have, NAME.latencies those of subgraphs. If NAME.projection exists, it is compared with the projection;
// NAME.apollo and NAME.json with the plan in these notations, and NAME.explain with the
// explanation.
func TestPlansMatchGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if *again {
				recompose(t, archive)
			}
			c := open(t, archive)
			out := txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				if slices.Contains([]string{".plan", ".projection", ".apollo", ".json", ".explain"}, filepath.Ext(f.Name)) {
					continue
				}
				out.Files = append(out.Files, f)
				name, ok := strings.CutSuffix(f.Name, ".graphql")
				if !ok || name == "supergraph" {
					continue
				}
				got := c.plan(t, name, string(f.Data))
				compare := func(name, got string) {
					out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(got)})
					if want := c.files[name]; !*update && got != want {
						t.Errorf("%s: got\n%swant\n%s", name, got, want)
					}
				}
				compare(name+".plan", got.text)
				for _, form := range []struct{ file, text string }{{file: name + ".projection", text: got.projection}, {file: name + ".apollo", text: got.apollo}, {file: name + ".json", text: got.json}, {file: name + ".explain", text: got.explanation}} {
					if _, ok := c.files[form.file]; ok {
						compare(form.file, form.text)
					}
				}
			}
			if *update || *again {
				if err := os.WriteFile(file, txtar.Format(&out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// recompose composes a case's subgraphs, if it has any. It omits the definitions that
// all supergraphs share.
func recompose(t *testing.T, archive *txtar.Archive) {
	var parts []compose.Subgraph
	for _, f := range archive.Files {
		if name, ok := strings.CutSuffix(f.Name, ".graphqls"); ok {
			parts = append(parts, compose.Subgraph{Name: name, URL: "http://" + name, SDL: string(f.Data)})
		}
	}
	if parts == nil {
		return
	}
	composed, err := compose.Compose(t.Context(), parts)
	if err != nil {
		t.Logf("not recomposed: %v", err)
		return
	}
	doc, err := parser.ParseSchema(&ast.Source{Input: composed.SDL})
	if err != nil {
		t.Fatal(err)
	}
	doc.Directives = nil
	doc.Definitions = slices.DeleteFunc(doc.Definitions, func(d *ast.Definition) bool {
		return d.Name != "join__Graph" && (strings.HasPrefix(d.Name, "join__") || strings.HasPrefix(d.Name, "link__"))
	})
	var b bytes.Buffer
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchemaDocument(doc)
	for i := range archive.Files {
		if archive.Files[i].Name == "supergraph.graphql" {
			archive.Files[i].Data = b.Bytes()
		}
	}
}

// A testCase is one file of testdata.
type testCase struct {
	files          map[string]string
	sdl            string
	model          *supergraph.Model
	schema         *operation.Schema
	planner, quick *planner.Planner
	// labels are the active labels of the current operation.
	labels []string
	// subgraphs are the schemas by subgraph, made when first needed.
	subgraphs map[string]*ast.Schema
}

func open(t testing.TB, archive *txtar.Archive) *testCase {
	t.Helper()
	c := &testCase{files: map[string]string{}}
	for _, f := range archive.Files {
		c.files[f.Name] = string(f.Data)
	}
	c.sdl = c.files["supergraph.graphql"]
	if path := strings.TrimSpace(c.files["supergraph"]); path != "" {
		data, err := os.ReadFile(filepath.Join("../testdata", path))
		if err != nil {
			t.Fatal(err)
		}
		c.sdl = string(data)
	}
	var err error
	if c.model, err = supergraph.Parse(c.sdl); err != nil {
		t.Fatal(err)
	}
	if c.schema, err = operation.NewSchema(c.model.APISchema); err != nil {
		t.Fatal(err)
	}
	c.planner = planner.New(c.model, planner.Options{})
	c.quick = c.planner.Quick()
	return c
}

// operation reads an operation, without variables.
func (c *testCase) operation(t testing.TB, text string) *operation.Operation {
	t.Helper()
	doc, err := c.schema.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return doc.Operation(nil)
}

// deny marks the fields of that name.
func deny(selections []operation.Selection, name string) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Name == name {
				sel.Denied = &operation.Denial{Code: "FORBIDDEN", Message: "no"}
			}
			deny(sel.Selections, name)
		case *operation.InlineFragment:
			deny(sel.Selections, name)
		}
	}
}

// latencies reads NAME.latencies: SUBGRAPH=DURATION, separated by spaces.
func (c *testCase) latencies(t testing.TB, name string) (planner.Latencies, bool) {
	t.Helper()
	text, ok := c.files[name+".latencies"]
	l := planner.Latencies{}
	for _, entry := range strings.Fields(text) {
		subgraph, value, _ := strings.Cut(entry, "=")
		d, err := time.ParseDuration(value)
		if err != nil {
			t.Fatal(err)
		}
		l[subgraph] = d
	}
	return l, ok
}

// printed is a plan in all notations.
type printed struct{ text, projection, apollo, json, explanation string }

func (c *testCase) plan(t testing.TB, name, text string) printed {
	t.Helper()
	op := c.operation(t, text)
	for _, denied := range strings.Fields(c.files[name+".denied"]) {
		deny(op.Selections, denied)
	}
	c.labels = strings.Fields(c.files[name+".labels"])
	p, explanation, err := c.planner.Explain(op, c.labels...)
	latencies, byLatency := c.latencies(t, name)
	if byLatency {
		p, explanation, err = c.planner.ExplainBy(op, latencies, c.labels...)
	}
	if err != nil {
		return printed{text: "error: " + err.Error() + "\n"}
	}
	if c.subgraphs == nil {
		c.subgraphs = subgraphs(t, c.sdl, c.model)
	}
	check(t, c, p)
	again, err := c.planner.Plan(op, c.labels...)
	if byLatency {
		again, _, err = c.planner.PlanBy(op, latencies, c.labels...)
	}
	if err != nil || !reflect.DeepEqual(p, again) {
		t.Errorf("the plan differs when it is explained (%v)", err)
	}
	out := printed{projection: layout(p.Projection, ""), explanation: explanation.String()}
	for into, print := range map[*string]func(io.Writer, *plan.Plan) error{&out.text: plan.Print, &out.apollo: plan.PrintApollo, &out.json: plan.WriteJSON} {
		var b strings.Builder
		if err := print(&b, p); err != nil {
			t.Fatal(err)
		}
		*into = b.String()
	}
	checkJSON(t, p, out.json)
	return out
}

// checkJSON checks that a plan read from its JSON is the same.
func checkJSON(t testing.TB, p *plan.Plan, text string) {
	t.Helper()
	read, err := plan.ReadJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, read) {
		t.Errorf("the plan differs after a round trip through JSON from\n%s", text)
	}
}

// layout prints the projection.
func layout(fields []*plan.Field, indent string) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%s%s: %s", indent, f.ResponseKey, f.Type)
		if f.StorageKey != f.ResponseKey && f.StorageKey != "" {
			b.WriteString(" from " + f.StorageKey)
		}
		if f.Source != plan.Stored {
			fmt.Fprintf(&b, " %s", f.Source)
		}
		if f.On != nil {
			b.WriteString(" on " + strings.Join(f.On, "|"))
		}
		if f.DeferID != 0 {
			fmt.Fprintf(&b, " deferred %d", f.DeferID)
		}
		b.WriteString("\n" + layout(f.Fields, indent+"  "))
	}
	return b.String()
}
