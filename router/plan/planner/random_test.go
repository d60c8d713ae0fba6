package planner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"souk/router/operation"
)

// TestPlansOfRandomOperationsAreSound plans random operations on the
// supergraph of every case. Each costs what its explanation says, and none less than its bound.
func TestPlansOfRandomOperationsAreSound(t *testing.T) {
	onRandomOperations(t, func(rt *rapid.T, c *testCase, text string, op *operation.Operation) {
		p, x, err := c.planner.Explain(op)
		if err != nil {
			return // some fields cannot be fetched everywhere
		}
		rt.Log(text)
		check(rt, c, p)
		if c := cost(p); x.Chosen != c {
			rt.Errorf("the explanation says %+v, the plan costs %+v", x.Chosen, c)
		}
		if compareCosts(x.Chosen, x.Bound) < 0 {
			rt.Errorf("the plan costs %+v, less than the bound %+v", x.Chosen, x.Bound)
		}
	})
}

// onRandomOperations calls test with random operations on the supergraph of every case.
func onRandomOperations(t *testing.T, test func(rt *rapid.T, c *testCase, text string, op *operation.Operation)) {
	t.Helper()
	files, _ := filepath.Glob("../testdata/*.txtar")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := open(t, archive)
			c.subgraphs = subgraphs(t, c.sdl, c.model)
			rapid.Check(t, func(rt *rapid.T) {
				g := generator{T: rt, schema: c.schema.Definitions()}
				text := g.operation()
				doc, err := c.schema.Parse(text, "")
				if err != nil {
					return // conflicting uses of one response key
				}
				test(rt, c, text, doc.Operation(nil))
			})
		})
	}
}

type generator struct {
	*rapid.T
	schema *ast.Schema
}

func (g generator) operation() string {
	root := g.schema.Query
	if g.schema.Mutation != nil && rapid.IntRange(0, 3).Draw(g.T, "mutation") == 0 {
		root = g.schema.Mutation
	}
	return strings.ToLower(root.Name) + g.selections(root, 0)
}

func (g generator) selections(t *ast.Definition, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	n := rapid.IntRange(1, 4).Draw(g.T, "selections")
	for range n {
		b.WriteString(" " + g.selection(t, depth))
	}
	b.WriteString(" }")
	return b.String()
}

func (g generator) selection(t *ast.Definition, depth int) string {
	switch kind := rapid.IntRange(0, 9).Draw(g.T, "kind"); {
	case kind == 0:
		return "__typename"
	case kind == 1 && depth < 5 && t != g.schema.Mutation:
		return "... @defer" + g.selections(t, depth+1)
	case kind <= 4 && t.IsAbstractType(), t.Kind == ast.Union:
		on := rapid.SampledFrom(g.overlapping(t)).Draw(g.T, "on")
		if depth > 6 {
			return "__typename"
		}
		return "... on " + on.Name + g.selections(on, depth+1)
	}
	f := rapid.SampledFrom(visible(t.Fields)).Draw(g.T, "field")
	var b strings.Builder
	if rapid.IntRange(0, 5).Draw(g.T, "alias") == 0 {
		b.WriteString(rapid.SampledFrom([]string{"a", "b", "id", "name", "_i0"}).Draw(g.T, "alias name") + ": ")
	}
	b.WriteString(f.Name)
	for i, a := range f.Arguments {
		fmt.Fprintf(&b, "%s%s: %s", [2]string{"(", ", "}[min(i, 1)], a.Name, g.value(a.Type))
	}
	if len(f.Arguments) > 0 {
		b.WriteString(")")
	}
	if named := g.schema.Types[f.Type.Name()]; named.IsCompositeType() {
		if depth > 6 {
			b.WriteString("{ __typename }")
		} else {
			b.WriteString(g.selections(named, depth+1))
		}
	}
	return b.String()
}

func visible(fields ast.FieldList) (out ast.FieldList) {
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, "__") {
			out = append(out, f)
		}
	}
	return out
}

// overlapping returns the types that share objects with a type.
func (g generator) overlapping(t *ast.Definition) []*ast.Definition {
	list := []*ast.Definition{t}
	for _, o := range g.schema.GetPossibleTypes(t) {
		if o.Kind != ast.Object {
			continue
		}
		list = append(list, o)
		list = append(list, g.schema.GetImplements(o)...)
	}
	return list
}

func (g generator) value(t *ast.Type) string {
	switch {
	case t.Elem != nil:
		return "[" + g.value(t.Elem) + "]"
	case t.Name() == "Int":
		return fmt.Sprint(rapid.IntRange(1, 2).Draw(g.T, "int"))
	case t.Name() == "ID", t.Name() == "String":
		return rapid.SampledFrom([]string{`"USD"`, `"EUR"`}).Draw(g.T, "string")
	}
	return "null"
}

// FuzzPlan plans every valid operation: the plan is sound, or planning returns an error.
func FuzzPlan(f *testing.F) {
	data, err := os.ReadFile("../testdata/interface_object.txtar")
	if err != nil {
		f.Fatal(err)
	}
	archive := txtar.Parse(data)
	c := open(f, archive)
	c.subgraphs = subgraphs(f, c.sdl, c.model)
	for _, file := range archive.Files {
		if name, ok := strings.CutSuffix(file.Name, ".graphql"); ok && name != "supergraph" {
			f.Add(string(file.Data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := c.schema.Parse(text, "")
		if err != nil {
			return
		}
		if p, err := c.planner.Plan(doc.Operation(nil)); err == nil {
			check(t, c, p)
		}
	})
}
