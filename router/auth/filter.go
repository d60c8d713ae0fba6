package auth

import (
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A filter marks the fields of one operation that are not allowed. It copies only the
// selections that change.
type filter struct {
	model   *supergraph.Model
	allowed func(*supergraph.Authorization) bool
	denied  []Denied
}

// operation returns the operation with denied fields marked. If there are none, it
// returns op itself.
func (f *filter) operation(op *operation.Operation) *operation.Operation {
	root := f.model.Root(op.Kind)
	if root == nil {
		return op
	}
	selections, changed := f.selections(root, op.Selections)
	if !changed {
		return op
	}
	out := *op
	out.Selections = selections
	return &out
}

func (f *filter) selections(parent *supergraph.Type, list []operation.Selection) ([]operation.Selection, bool) {
	out := make([]operation.Selection, 0, len(list))
	changed := false
	for _, selection := range list {
		switch s := selection.(type) {
		case *operation.Field:
			replaced := f.field(parent, s)
			changed = changed || len(replaced) != 1 || replaced[0] != selection
			out = append(out, replaced...)
		case *operation.InlineFragment:
			t := parent
			if s.TypeCondition != "" {
				t = f.model.Type(s.TypeCondition)
			}
			inner, c := f.selections(t, s.Selections)
			if c {
				changed = true
				copied := *s
				copied.Selections = inner
				s = &copied
			}
			out = append(out, s)
		}
	}
	if !changed {
		return list, false
	}
	return out, true
}

// field returns the selections that replace a field: the field itself, a modified copy,
// or, if only some implementations of an interface deny it, one fragment for each type.
// For example, if Admin.email is denied but User.email is not, { email } on Account
// becomes
//
//	... on Admin { email }   # denied
//	... on User { email }
func (f *filter) field(parent *supergraph.Type, s *operation.Field) []operation.Selection {
	if parent == nil || strings.HasPrefix(s.Name, "__") {
		return []operation.Selection{s}
	}
	definition := parent.Field(s.Name)
	if definition == nil {
		return []operation.Selection{s}
	}
	allowed := f.allows(parent, definition)
	// On an interface, each implementation may have its own directives.
	refusing := map[*supergraph.Type]bool{}
	if parent.Abstract() {
		for _, t := range parent.Possible {
			if own := t.Field(s.Name); own != nil && !f.allows(t, own) {
				refusing[t] = true
			}
		}
	}
	if !allowed || len(refusing) > 0 && len(refusing) == len(parent.Possible) {
		return []operation.Selection{f.deny(parent, s)}
	}
	passed := f.inside(definition, s)
	if len(refusing) == 0 {
		return []operation.Selection{passed}
	}
	var split []operation.Selection
	for _, t := range parent.Possible {
		if t.Inaccessible {
			continue
		}
		own := passed
		if refusing[t] {
			own = f.deny(t, s)
		}
		split = append(split, &operation.InlineFragment{TypeCondition: t.Name, Selections: []operation.Selection{own}})
	}
	return split
}

// inside returns a field with its selections filtered.
func (f *filter) inside(definition *supergraph.Field, s *operation.Field) *operation.Field {
	if len(s.Selections) == 0 || definition.Named == nil {
		return s
	}
	selections, changed := f.selections(definition.Named, s.Selections)
	if !changed {
		return s
	}
	out := *s
	out.Selections = selections
	return &out
}

// allows reports whether a field of a type is allowed: the parent type, the field and
// the type of the field must all be. It always checks all three, because Policy.needed
// collects the authorizations this way.
func (f *filter) allows(t *supergraph.Type, field *supergraph.Field) bool {
	ok := f.ask(&t.Authorization)
	ok = f.ask(&field.Authorization) && ok
	if field.Named != nil {
		ok = f.ask(&field.Named.Authorization) && ok
	}
	return ok
}

func (f *filter) ask(a *supergraph.Authorization) bool { return !needed(a) || f.allowed(a) }

func (f *filter) deny(t *supergraph.Type, s *operation.Field) *operation.Field {
	name := t.Name + "." + s.Name
	message := "You are not authorized to access " + name + "."
	f.denied = append(f.denied, Denied{Field: name, Message: message, Line: int(s.Line), Column: int(s.Column)})
	out := *s
	out.Denied = &operation.Denial{Code: CodeUnauthorized, Message: message}
	return &out
}
