package satisfy

import (
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// example is the shortest operation that selects what a failure cannot reach.
func (f *failure) example(m *supergraph.Model) *operation.Operation {
	var last *step
	if f.field != nil {
		last = &step{before: f.path, field: f.field}
	} else {
		last = &step{before: f.path, on: f.on}
	}
	return exampleOf(m, last)
}

// exampleOf is the operation that follows a path. Where it ends at an object, it
// selects the type name.
func exampleOf(m *supergraph.Model, path *step) *operation.Operation {
	var below []operation.Selection
	if path.on != nil || path.field.Named.Composite() {
		below = []operation.Selection{&operation.Field{Alias: "__typename", Name: "__typename"}}
	}
	root := m.Query
	for s := path; s != nil; s = s.before {
		if s.on != nil {
			below = []operation.Selection{&operation.InlineFragment{TypeCondition: s.on.Name, Selections: below}}
			continue
		}
		below = []operation.Selection{&operation.Field{Alias: s.field.Name, Name: s.field.Name, Arguments: arguments(s.field), Selections: below}}
		root = s.field.Parent
	}
	return &operation.Operation{Kind: kindOf(m, root), RootType: root.Name, Selections: below}
}

func kindOf(m *supergraph.Model, root *supergraph.Type) operation.Kind {
	switch root {
	case m.Mutation:
		return operation.Mutation
	case m.Subscription:
		return operation.Subscription
	}
	return operation.Query
}

// merge combines selections of the same objects. Selections of the same field
// have the same arguments.
func merge(a, b []operation.Selection) []operation.Selection {
	merged := slices.Clone(a)
	for _, sel := range b {
		if i := slices.IndexFunc(merged, func(have operation.Selection) bool { return sameSelection(have, sel) }); i >= 0 {
			merged[i] = combined(merged[i], sel)
		} else {
			merged = append(merged, sel)
		}
	}
	return merged
}

func sameSelection(a, b operation.Selection) bool {
	switch a := a.(type) {
	case *operation.Field:
		b, ok := b.(*operation.Field)
		return ok && a.Name == b.Name
	case *operation.InlineFragment:
		b, ok := b.(*operation.InlineFragment)
		return ok && a.TypeCondition == b.TypeCondition
	}
	return false
}

func combined(a, b operation.Selection) operation.Selection {
	switch a := a.(type) {
	case *operation.Field:
		both := *a
		both.Selections = merge(a.Selections, b.(*operation.Field).Selections)
		return &both
	case *operation.InlineFragment:
		both := *a
		both.Selections = merge(a.Selections, b.(*operation.InlineFragment).Selections)
		return &both
	}
	return a
}

// arguments are values for the arguments of a field that need one.
func arguments(f *supergraph.Field) (list []operation.Argument) {
	for _, a := range f.Arguments {
		if strings.HasSuffix(a.Type, "!") {
			list = append(list, operation.Argument{Name: a.Name, Value: value(a.Type, a.Named)})
		}
	}
	return list
}

// value is some value of an input type, in GraphQL syntax.
func value(text string, named *supergraph.Type) string {
	switch {
	case strings.HasPrefix(text, "["):
		return "[]"
	case named.Kind == supergraph.Enum:
		for _, v := range named.EnumValues {
			if !v.Inaccessible {
				return v.Name
			}
		}
		return "null"
	case named.Kind == supergraph.InputObject:
		var fields []string
		for _, f := range named.Fields {
			if strings.HasSuffix(f.Type, "!") {
				fields = append(fields, f.Name+": "+value(f.Type, f.Named))
			}
		}
		slices.Sort(fields)
		return "{" + strings.Join(fields, ", ") + "}"
	case named.Name == "Int":
		return "1"
	case named.Name == "Float":
		return "1.5"
	case named.Name == "Boolean":
		return "true"
	}
	return `"..."`
}
