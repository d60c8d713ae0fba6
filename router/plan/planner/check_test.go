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

// check reports faults of a plan. A plan is sound if the operation of each fetch is
// valid in its subgraph and selects nothing external there, if a fetch depends on
// those that store the fields of its representations, and if everything that the
// client selects is stored for all objects.
func check(t errorer, c *testCase, p *plan.Plan) {
	t.Helper()
	stored := make([]map[string]bool, len(p.Fetches)) // by each fetch and its dependencies
	all := map[string]bool{"": true}
	for i, s := range p.Fetches {
		if s.ID != i {
			t.Errorf("fetch %d has the ID %d", i, s.ID)
		}
		before := map[string]bool{"": true}
		for _, a := range s.DependsOn {
			if a >= i {
				t.Fatalf("fetch %d depends on %d", i, a)
			}
			for path := range stored[a] {
				before[path] = true
			}
			if s.DeferID == 0 && p.Fetches[a].DeferID != 0 {
				t.Errorf("fetch %d depends on %d, which is deferred", i, a)
			}
		}
		checkQuery(t, c, s)
		checkPath(t, s, before, s.Path)
		stored[i] = before
		store(before, keyPath(s.Path), s.Selections)
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
				store(before, keyPath(target.Path), e.Selections)
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
		b.WriteString("." + s.StorageKey)
	}
	return b.String()
}

func store(paths map[string]bool, at string, selections plan.Selections) {
	keys := map[string]string{}
	for _, f := range fieldsOf(selections) {
		if have, ok := keys[f.ResponseKey]; ok && have != f.StorageKey {
			panic("two fields " + f.ResponseKey + " are stored apart")
		}
		keys[f.ResponseKey] = f.StorageKey
		paths[at+"."+f.StorageKey] = true
		store(paths, at+"."+f.StorageKey, f.Selections)
	}
}

// fieldsOf returns the fields of a selection set and of its fragments.
func fieldsOf(selections plan.Selections) (fields []*plan.SelectedField) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *plan.SelectedField:
			fields = append(fields, sel)
		case *plan.InlineFragment:
			fields = append(fields, fieldsOf(sel.Selections)...)
		}
	}
	return fields
}

func checkPath(t errorer, s *plan.Fetch, before map[string]bool, path []plan.Segment) {
	t.Helper()
	for i := range path {
		at := keyPath(path[:i+1])
		if !before[at] {
			t.Errorf("fetch %d: no earlier fetch stores anything at %s", s.ID, at)
		}
		if path[i].Types != nil && !before[at+".__typename"] {
			t.Errorf("fetch %d: no earlier fetch stores the types at %s", s.ID, at)
		}
	}
}

func checkRepresentation(t errorer, s *plan.Fetch, before map[string]bool, at string, fields []plan.RepresentationField) {
	t.Helper()
	for i, f := range fields {
		if !before[at+"."+f.StorageKey] {
			t.Errorf("fetch %d: no earlier fetch stores the representation's %s at %s.%s", s.ID, f.Name, at, f.StorageKey)
		}
		if slices.ContainsFunc(fields[:i], func(o plan.RepresentationField) bool { return o.Name == f.Name && (o.On == nil || f.On == nil) }) {
			t.Errorf("fetch %d: two values for the representation's %s", s.ID, f.Name)
		}
		checkRepresentation(t, s, before, at+"."+f.StorageKey, f.Fields)
	}
}

func checkProjection(t errorer, stored map[string]bool, at string, fields []*plan.Field) {
	t.Helper()
	for _, f := range fields {
		if f.On != nil || f.Source != plan.Stored {
			continue
		}
		if !stored[at+"."+f.StorageKey] {
			t.Errorf("%s.%s is projected but never stored", at, f.StorageKey)
		}
		checkProjection(t, stored, at+"."+f.StorageKey, f.Fields)
	}
}

func checkQuery(t errorer, c *testCase, s *plan.Fetch) {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: s.Query})
	if err != nil {
		t.Errorf("fetch %d: %v in %s", s.ID, err, s.Query)
		return
	}
	if err := validator.ValidateWithRules(c.subgraphs[s.Subgraph], doc, rules.NewDefaultRules()); err != nil {
		t.Errorf("fetch %d is not valid in %s: %v\n%s", s.ID, s.Subgraph, err, plan.Indent(s.Query, "    "))
		return
	}
	op := doc.Operations[0]
	if len(op.VariableDefinitions) != len(s.Variables)+variables(s.Entities) {
		t.Errorf("fetch %d: variables of the query and of the fetch differ: %s", s.ID, s.Query)
	}
	checkExternal(t, c, s, c.model.Subgraph(s.Subgraph), op.SelectionSet, false)
}

// variables counts those that entity fetches need.
func variables(fetches []*plan.EntityFetch) int {
	n := len(fetches)
	for _, e := range fetches {
		n += len(e.Arguments)
	}
	return n
}

// everyTypeProvides reports whether a field of an interface has @provides on each
// object type that the subgraph has for it.
func everyTypeProvides(t *supergraph.Type, g *supergraph.Subgraph, field string) bool {
	if t.Kind != supergraph.Interface {
		return false
	}
	for _, o := range t.InSubgraph(g).Possible {
		if o.Field(field) == nil || o.Field(field).InSubgraph(g) == nil || o.Field(field).InSubgraph(g).Provides == nil {
			return false
		}
	}
	return true
}

func checkExternal(t errorer, c *testCase, s *plan.Fetch, g *supergraph.Subgraph, set ast.SelectionSet, provided bool) {
	t.Helper()
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.InlineFragment:
			checkExternal(t, c, s, g, sel.SelectionSet, provided)
		case *ast.Field:
			inner := provided
			if typ := c.model.Type(sel.ObjectDefinition.Name); typ != nil && typ.Field(sel.Name) != nil {
				in := typ.Field(sel.Name).InSubgraph(g)
				on := func(label string) bool { return slices.Contains(c.labels, label) }
				if !provided && !in.Resolves(on) {
					t.Errorf("fetch %d: %s does not resolve %s.%s", s.ID, g.Name, typ.Name, sel.Name)
				}
				inner = provided || in.Provides != nil || everyTypeProvides(typ, g, sel.Name)
			}
			checkExternal(t, c, s, g, sel.SelectionSet, inner)
		}
	}
}
