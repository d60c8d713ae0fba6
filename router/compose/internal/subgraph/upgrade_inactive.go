package subgraph

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/schema"
)

// removeInactive removes from @provides and @requires the fields that the subgraph
// resolves anyway.
func (u *upgrader) removeInactive() {
	for _, t := range u.Schema.Types {
		if t.Kind != schema.Object && t.Kind != schema.Interface {
			continue
		}
		for _, f := range t.Fields {
			if returned := u.returned(f); returned != nil {
				u.removeInactiveFields(f, "provides", returned)
			}
			u.removeInactiveFields(f, "requires", t)
		}
	}
}

func (u *upgrader) removeInactiveFields(f *schema.Field, directive string, from *schema.Type) {
	for _, d := range u.Of(&f.Node, directive) {
		fields := d.Argument("fields")
		if fields == nil || fields.Kind != schema.StringValue {
			continue
		}
		set, err := u.Selection(fields.Raw)
		if err != nil || Walk(u.Schema, from, set, true, nothing) != nil || !u.selectsInternal(from, set) {
			continue
		}
		f.Remove(d)
		if active := u.active(from, set); len(active) > 0 {
			f.Apply(&schema.Directive{Name: d.Name, Position: d.Position, Arguments: []schema.Argument{{Name: "fields", Value: schema.Text(printSelection(active))}}})
		}
	}
}

func (u *upgrader) markedExternal(t *schema.Type, f *schema.Field) bool {
	if u.Has(&f.Node, "external") {
		return true
	}
	return t.Kind == schema.Interface && slices.ContainsFunc(u.Schema.Possible(t), func(object *schema.Type) bool {
		own := object.Field(f.Name)
		return own != nil && u.Has(&own.Node, "external")
	})
}

// selectsInternal reports whether a selection ends in a field that the subgraph
// resolves.
func (u *upgrader) selectsInternal(t *schema.Type, set ast.SelectionSet) bool {
	return slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			f := FieldOf(t, selection.Name)
			return !u.markedExternal(t, f) && (len(selection.SelectionSet) == 0 || u.selectsInternal(u.returned(f), selection.SelectionSet))
		case *ast.InlineFragment:
			return u.selectsInternal(u.condition(t, selection), selection.SelectionSet)
		}
		return false
	})
}

func (u *upgrader) condition(t *schema.Type, fragment *ast.InlineFragment) *schema.Type {
	if fragment.TypeCondition == "" {
		return t
	}
	return u.Schema.Type(fragment.TypeCondition)
}

// active returns the part of a selection that the subgraph does not resolve.
func (u *upgrader) active(t *schema.Type, set ast.SelectionSet) ast.SelectionSet {
	var kept ast.SelectionSet
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			f := FieldOf(t, selection.Name)
			if u.markedExternal(t, f) {
				kept = append(kept, selection)
			} else if len(selection.SelectionSet) > 0 {
				if below := u.active(u.returned(f), selection.SelectionSet); len(below) > 0 {
					part := *selection
					part.SelectionSet = below
					kept = append(kept, &part)
				}
			}
		case *ast.InlineFragment:
			if below := u.active(u.condition(t, selection), selection.SelectionSet); len(below) > 0 {
				part := *selection
				part.SelectionSet = below
				kept = append(kept, &part)
			}
		}
	}
	return kept
}

// printSelection writes a selection set on one line, without the outer braces.
func printSelection(set ast.SelectionSet) string {
	var parts []string
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			part := selection.Name
			if len(selection.Arguments) > 0 {
				var arguments []string
				for _, a := range selection.Arguments {
					arguments = append(arguments, a.Name+": "+a.Value.String())
				}
				part += "(" + strings.Join(arguments, ", ") + ")"
			}
			if len(selection.SelectionSet) > 0 {
				part += " { " + printSelection(selection.SelectionSet) + " }"
			}
			parts = append(parts, part)
		case *ast.InlineFragment:
			part := "..."
			if selection.TypeCondition != "" {
				part += " on " + selection.TypeCondition
			}
			parts = append(parts, part+" { "+printSelection(selection.SelectionSet)+" }")
		}
	}
	return strings.Join(parts, " ")
}
