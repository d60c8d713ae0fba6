package oracle

import (
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// withContext adds to a field's arguments those that take their values from
// objects above (@fromContext), which no client gives.
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
				args[a.Name] = w.fromAbove(parent.above, context, fieldSet(set), faults)
			}
		}
	}
	return args
}

// fromAbove is the value of a context: that of the nearest object which sets
// it, null where that has an error.
func (w *World) fromAbove(obj *object, context string, set ast.SelectionSet, faults *int) any {
	for ; obj != nil; obj = obj.above {
		if w.setsContext(obj.typename, context) {
			for _, value := range w.selectedData(obj, set, faults) {
				return value
			}
		}
	}
	panic("composition has accepted a field whose context nothing sets: " + context)
}

func (w *World) setsContext(typename, context string) bool {
	return slices.ContainsFunc(append(w.interfacesOf(typename), typename), func(t string) bool {
		return slices.ContainsFunc(w.names, func(name string) bool {
			d := w.subgraphs[name].schema.Types[t]
			return d != nil && slices.ContainsFunc(d.Directives.ForNames("context"), func(set *ast.Directive) bool {
				return set.Arguments.ForName("name").Value.Raw == context
			})
		})
	})
}

// isContextValue says whether some argument takes its value from a field of
// that name. These have no errors: the router may have to ask for them before
// it is known that there is no object that needs them.
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

// below notes with the objects of a value where they are.
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
