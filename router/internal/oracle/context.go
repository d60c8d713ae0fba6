package oracle

import (
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// withContext adds to a field's arguments those with values from enclosing objects
// (@fromContext), which clients cannot set.
func (w *World) withContext(parent *object, field string, args map[string]any, faults *int) map[string]any {
	for _, name := range w.names {
		d := w.subgraphs[name].schema.Types[parent.typename]
		if d == nil || d.Fields.ForName(field) == nil {
			continue
		}
		for _, a := range d.Fields.ForName(field).Arguments {
			if from := a.Directives.ForName("fromContext"); from != nil {
				context, set, _ := strings.Cut(strings.TrimPrefix(from.Arguments.ForName("field").Value.Raw, "$"), " ")
				args = maps.Clone(args)
				if args == nil {
					args = map[string]any{}
				}
				args[a.Name] = w.fromAbove(parent.above, name, context, fieldSet(set), faults)
			}
		}
	}
	return args
}

// fromAbove returns the value of a context of a subgraph: that of the nearest enclosing
// object that sets it there, or null if that has an error.
func (w *World) fromAbove(obj *object, subgraph, context string, set ast.SelectionSet, faults *int) any {
	for ; obj != nil; obj = obj.above {
		if w.setsContext(obj.typename, subgraph, context) {
			for _, value := range w.selectedData(obj, set, faults) {
				return value
			}
		}
	}
	panic("composition accepted a field whose context is never set: " + context)
}

// setsContext reports whether a type sets a context in a subgraph.
func (w *World) setsContext(typename, subgraph, context string) bool {
	return slices.ContainsFunc(append(w.interfacesOf(typename), typename), func(t string) bool {
		d := w.subgraphs[subgraph].schema.Types[t]
		return d != nil && slices.ContainsFunc(d.Directives.ForNames("context"), func(set *ast.Directive) bool {
			return set.Arguments.ForName("name").Value.Raw == context
		})
	})
}

// isContextValue reports whether an argument takes its value from a field with that name.
// Such fields have no errors, because the router may have to fetch them before it knows
// whether an object needs them.
func (w *World) isContextValue(field string) bool {
	for _, name := range w.names {
		for _, d := range w.subgraphs[name].schema.Types {
			for _, f := range d.Fields {
				for _, a := range f.Arguments {
					if from := a.Directives.ForName("fromContext"); from != nil && strings.Contains(from.Arguments.ForName("field").Value.Raw, " "+field+" ") {
						return true
					}
				}
			}
		}
	}
	return false
}

// below records the enclosing object in the objects of a value.
func below(above *object, value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			below(above, item)
		}
	case *object:
		v.above = above
	}
}
