package planner_test

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"souk/router/plan"
	"souk/router/supergraph"
)

// An errorer is a *testing.T or a *rapid.T.
type errorer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// check finds out whether a plan is sound: its steps' operations are valid
// in their subgraphs and ask for nothing that is external there; a step comes
// after those that store what its representations are made of; and what the
// client asked for of all objects is stored.
func check(t errorer, c *testCase, p *plan.Plan) {
	t.Helper()
	stored := make([]map[string]bool, len(p.Steps)) // by each step and those before it
	all := map[string]bool{"": true}
	for i, s := range p.Steps {
		if s.ID != i {
			t.Errorf("step %d has the ID %d", i, s.ID)
		}
		before := map[string]bool{"": true}
		for _, a := range s.After {
			if a >= i {
				t.Fatalf("step %d comes after %d", i, a)
			}
			for path := range stored[a] {
				before[path] = true
			}
			if s.Defer == 0 && p.Steps[a].Defer != 0 {
				t.Errorf("step %d comes after %d, which is deferred", i, a)
			}
		}
		checkQuery(t, c, s)
		checkPath(t, s, before, s.Path)
		stored[i] = before
		store(before, keyPath(s.Path), s.Shape)
		for _, e := range s.Entities {
			for _, target := range e.Targets {
				checkPath(t, s, before, target.Path)
				for _, r := range target.Representations {
					checkRepresentation(t, s, before, keyPath(target.Path), r.Fields)
				}
				for _, a := range e.Arguments {
					for _, from := range a.Sources {
						checkRepresentation(t, s, before, keyPath(target.Path[:from.Depth]), from.Fields)
					}
				}
			}
		}
		for _, e := range s.Entities {
			for _, target := range e.Targets {
				store(before, keyPath(target.Path), e.Shape)
			}
		}
		for path := range before {
			all[path] = true
		}
	}
	checkProjection(t, all, "", p.Projection)
}

func keyPath(path []plan.Segment) string {
	var b strings.Builder
	for _, s := range path {
		b.WriteString("." + s.Key)
	}
	return b.String()
}

func store(paths map[string]bool, at string, shape []*plan.ShapeField) {
	for i, f := range shape {
		if slices.ContainsFunc(shape[:i], func(o *plan.ShapeField) bool { return o.Wire == f.Wire }) {
			panic("two fields " + f.Wire + " in one shape")
		}
		paths[at+"."+f.Key] = true
		store(paths, at+"."+f.Key, f.Fields)
	}
}

func checkPath(t errorer, s *plan.Step, before map[string]bool, path []plan.Segment) {
	t.Helper()
	for i := range path {
		at := keyPath(path[:i+1])
		if !before[at] {
			t.Errorf("step %d: nothing is stored at %s before", s.ID, at)
		}
		if path[i].Types != nil && !before[at+".__typename"] {
			t.Errorf("step %d: the types at %s are not known before", s.ID, at)
		}
	}
}

func checkRepresentation(t errorer, s *plan.Step, before map[string]bool, at string, fields []plan.RepresentationField) {
	t.Helper()
	for i, f := range fields {
		if !before[at+"."+f.Key] {
			t.Errorf("step %d: the representation's %s is not stored before at %s.%s", s.ID, f.Name, at, f.Key)
		}
		if slices.ContainsFunc(fields[:i], func(o plan.RepresentationField) bool { return o.Name == f.Name && (o.On == nil || f.On == nil) }) {
			t.Errorf("step %d: two values for the representation's %s", s.ID, f.Name)
		}
		checkRepresentation(t, s, before, at+"."+f.Key, f.Fields)
	}
}

func checkProjection(t errorer, stored map[string]bool, at string, fields []*plan.Field) {
	t.Helper()
	for _, f := range fields {
		if f.On != nil || f.Source != plan.Stored {
			continue
		}
		if !stored[at+"."+f.Key] {
			t.Errorf("%s.%s is answered but never stored", at, f.Key)
		}
		checkProjection(t, stored, at+"."+f.Key, f.Fields)
	}
}

func checkQuery(t errorer, c *testCase, s *plan.Step) {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: s.Query})
	if err != nil {
		t.Errorf("step %d: %v in %s", s.ID, err, s.Query)
		return
	}
	if err := validator.ValidateWithRules(c.subgraphs[s.Subgraph], doc, rules.NewDefaultRules()); err != nil {
		t.Errorf("step %d is not valid in %s: %v\n%s", s.ID, s.Subgraph, err, plan.Indent(s.Query, "    "))
		return
	}
	op := doc.Operations[0]
	if len(op.VariableDefinitions) != len(s.Variables)+variables(s.Entities) {
		t.Errorf("step %d: variables of the query and of the step differ: %s", s.ID, s.Query)
	}
	checkExternal(t, c, s, c.model.Graph(s.Subgraph), op.SelectionSet, false)
}

// variables counts those that entity fetches need.
func variables(fetches []*plan.EntityFetch) int {
	n := len(fetches)
	for _, e := range fetches {
		n += len(e.Arguments)
	}
	return n
}

func checkExternal(t errorer, c *testCase, s *plan.Step, g *supergraph.Graph, set ast.SelectionSet, provided bool) {
	t.Helper()
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.InlineFragment:
			checkExternal(t, c, s, g, sel.SelectionSet, provided)
		case *ast.Field:
			inner := provided
			if typ := c.model.Type(sel.ObjectDefinition.Name); typ != nil && typ.Field(sel.Name) != nil {
				in := typ.Field(sel.Name).InGraph(g)
				on := func(label string) bool { return slices.Contains(c.labels, label) }
				if !provided && !in.Resolves(on) {
					t.Errorf("step %d: %s does not resolve %s.%s", s.ID, g.Name, typ.Name, sel.Name)
				}
				inner = provided || in.Provides != nil
			}
			checkExternal(t, c, s, g, sel.SelectionSet, inner)
		}
	}
}
