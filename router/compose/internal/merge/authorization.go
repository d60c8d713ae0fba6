package merge

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// A requirement is what access to an element needs.
type requirement struct {
	authenticated    bool
	scopes, policies []dnf // all must hold
}

// requirementOf returns what access to elements needs.
func (m *merger) requirementOf(nodes ...*schema.Node) requirement {
	var r requirement
	for _, n := range nodes {
		for _, a := range m.authorization {
			d := n.First(a.name)
			if d == nil {
				continue
			}
			switch a.spec {
			case "authenticated":
				r.authenticated = true
			case "requiresScopes":
				r.scopes = append(r.scopes, toDNF(d.Argument("scopes")))
			case "policy":
				r.policies = append(r.policies, toDNF(d.Argument("policies")))
			}
		}
	}
	return r
}

// covers reports whether who fulfils a requirement fulfils the other too.
func (r requirement) covers(other requirement) bool {
	return (r.authenticated || !other.authenticated) &&
		conjoin(r.scopes).implies(conjoin(other.scopes)) && conjoin(r.policies).implies(conjoin(other.policies))
}

// checkAuthorization checks that a field that needs data of other fields needs their
// requirements too.
func (m *merger) checkAuthorization() {
	if len(m.authorization) == 0 {
		return
	}
	for _, coordinate := range m.required {
		f := fieldAt(m.super, coordinate)
		if f == nil {
			continue
		}
		for _, d := range f.Of("join__field") {
			if fields := d.Text("requires"); fields != "" {
				m.checkTransitive(f, d, f.Parent, fields, "@requires")
			}
		}
	}
	contexts := m.contextTypes()
	for _, coordinate := range m.contextual {
		f := fieldAt(m.super, coordinate)
		if f == nil {
			continue
		}
		for _, d := range f.Of("join__field") {
			arguments := d.Argument("contextArguments")
			if arguments == nil {
				continue
			}
			for _, a := range arguments.List {
				for _, t := range contexts[a.Field("context").Raw] {
					m.checkTransitive(f, d, t, a.Field("selection").Raw, "@fromContext")
				}
			}
		}
	}
}

func (m *merger) contextTypes() map[string][]*schema.Type {
	name := ""
	for _, d := range m.merged {
		if d.spec.Name == "context" {
			name = d.name
		}
	}
	all := map[string][]*schema.Type{}
	for _, t := range m.super.Types {
		for _, d := range t.Of(name) {
			all[d.Text("name")] = append(all[d.Text("name")], t)
		}
	}
	return all
}

func (m *merger) checkTransitive(f *schema.Field, join *schema.Directive, from *schema.Type, fields, directive string) {
	set, err := subgraph.ParseSelection(fields)
	if err != nil {
		return
	}
	own := m.requirementOf(&f.Parent.Node, &f.Node)
	element := ""
	if directive == "@fromContext" && !own.covers(m.requirementOf(&from.Node)) {
		element = from.Name
	}
	if element == "" {
		element = m.uncovered(own, from, set)
	}
	if element == "" {
		return
	}
	var at []report.Location
	for graph, name := range m.graphs {
		if name == join.Text("graph") {
			at = append(at, report.Location{Subgraph: m.names[graph]})
			if source := fieldAt(m.subgraphs[graph].Schema, f.Coordinate()); source != nil {
				at[0] = m.at(graph, source.Position)
			}
		}
	}
	m.errorf("MISSING_TRANSITIVE_AUTH_REQUIREMENTS", at, "Field %q needs %q by %s, which needs more than it: give it the same %s.",
		f.Coordinate(), element, directive, strings.Join([]string{"@authenticated", "@requiresScopes", "@policy"}, ", "))
}

// uncovered returns the first element of a selection that needs more than a
// requirement, or "".
func (m *merger) uncovered(own requirement, t *schema.Type, set ast.SelectionSet) string {
	for _, selection := range set {
		below, next := ast.SelectionSet(nil), t
		switch selection := selection.(type) {
		case *ast.Field:
			f := subgraph.FieldOf(t, selection.Name)
			if f == nil || f == subgraph.Typename {
				continue
			}
			next = m.super.Type(f.Type.Base())
			if next == nil {
				continue
			}
			if !own.covers(m.requirementOf(&f.Node)) || !own.covers(m.requirementOf(&next.Node)) {
				return f.Coordinate()
			}
			below = selection.SelectionSet
		case *ast.InlineFragment:
			if selection.TypeCondition != "" {
				next = m.super.Type(selection.TypeCondition)
				if next == nil || !own.covers(m.requirementOf(&next.Node)) {
					return selection.TypeCondition
				}
			}
			below = selection.SelectionSet
		}
		if element := m.uncovered(own, next, below); element != "" {
			return element
		}
	}
	return ""
}
