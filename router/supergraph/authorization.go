package supergraph

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// authorization reads @authenticated, @requiresScopes and @policy of a type or
// field. The string of describes it in errors. Arguments that do not follow the
// specifications are an error: ignoring them would leave the type or field
// unprotected.
func (r *reader) authorization(of string, list ast.DirectiveList) (a Authorization, err error) {
	count := map[string]int{}
	for _, d := range list {
		name := r.federated(d.Name)
		switch {
		case !slices.Contains(authorizing, name):
			if slices.Contains(authorizing, d.Name) && !r.linked[d.Name] {
				return a, place(d.Position, "@%s is used on %s, but the schema has no @link to https://specs.apollo.dev/%[1]s that defines it", d.Name, of)
			}
			continue
		case count[name] > 0:
			return a, place(d.Position, "@%s appears twice on %s", d.Name, of)
		case name == "authenticated":
			a.Authenticated = true
		case name == "requiresScopes":
			a.Scopes, err = alternatives(of, d, "scopes")
		case name == "policy":
			a.Policies, err = alternatives(of, d, "policies")
		}
		if err != nil {
			return a, err
		}
		count[name]++
	}
	return a, nil
}

// authorizes reports whether there is a directive that authorization reads.
func (r *reader) authorizes(list ast.DirectiveList) bool {
	return slices.ContainsFunc(list, func(d *ast.Directive) bool {
		return slices.Contains(authorizing, d.Name) || slices.Contains(authorizing, r.federated(d.Name))
	})
}

// authorizing are the names of the authorization directives.
var authorizing = []string{"authenticated", "requiresScopes", "policy"}

// alternatives reads an argument of the type [[String!]!]!. Each inner list names
// scopes or policies that are all required; one inner list has to be satisfied.
// Input coercion would accept a single string as a list. Composition never writes
// that, so it is more likely a mistake and is rejected.
func alternatives(of string, d *ast.Directive, argument string) ([][]string, error) {
	bad := func(p *ast.Position, what string) error {
		if p == nil {
			p = d.Position
		}
		return place(p, "@%s on %s: %s", d.Name, of, what)
	}
	form := argument + ` must be a list of lists of strings, such as [["a", "b"], ["c"]]`
	value := d.Arguments.ForName(argument)
	if value == nil {
		return nil, bad(d.Position, "missing argument "+argument)
	}
	if value.Value.Kind != ast.ListValue {
		return nil, bad(value.Position, form)
	}
	if len(value.Value.Children) == 0 {
		return nil, bad(value.Position, argument+" is empty, so no caller would be authorized")
	}
	all := make([][]string, 0, len(value.Value.Children))
	for _, inner := range value.Value.Children {
		if inner.Value.Kind != ast.ListValue {
			return nil, bad(inner.Position, form)
		}
		names := make([]string, 0, len(inner.Value.Children))
		for _, name := range inner.Value.Children {
			if name.Value.Kind != ast.StringValue && name.Value.Kind != ast.BlockValue {
				return nil, bad(name.Position, form)
			}
			if name.Value.Raw == "" {
				return nil, bad(name.Position, argument+" has an empty name")
			}
			names = append(names, name.Value.Raw)
		}
		if len(names) == 0 {
			// Every caller meets an empty list. The specifications allow that, but it is
			// more likely a mistake: an open field has no directive.
			return nil, bad(inner.Position, argument+" has an empty list, which everybody would pass; remove the list, or the directive")
		}
		all = append(all, names)
	}
	return all, nil
}
