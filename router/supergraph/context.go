package supergraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// A ContextArgument is an argument of a field in a subgraph that takes its
// value from an object further up (@fromContext).
type ContextArgument struct {
	// Name of the argument, and its type: "String!".
	Name, Type string
	// Context is the name of the context.
	Context string
	// Selection is the value's place in an object of the context, a field
	// selection in braces, or one for each type condition.
	Selection string

	values map[*Type]*FieldSet
}

// Value gives where the value is in objects of a type; nil if the type does
// not set the context.
func (c *ContextArgument) Value(t *Type) *FieldSet { return c.values[t] }

// readContexts notes the contexts that a type's objects set (@context).
func (r *reader) readContexts(t *Type, list ast.DirectiveList) {
	for _, d := range list {
		if r.federated(d.Name) == "context" {
			name := stringArgument(d, "name")
			r.contexts[name] = append(r.contexts[name], t)
		}
	}
}

// readContextArgument reads an item of join__field's contextArguments.
func (r *reader) readContextArgument(f *Field, v *ast.Value) *ContextArgument {
	c := &ContextArgument{
		Name: childString(v, "name"), Type: childString(v, "type"),
		Context: childString(v, "context"), Selection: childString(v, "selection"),
		values: map[*Type]*FieldSet{},
	}
	r.later = append(r.later, func() error {
		if err := r.readContextValues(c); err != nil {
			return place(v.Position, "the context argument %s of %s.%s: %w", c.Name, f.Parent.Name, f.Name, err)
		}
		return nil
	})
	return c
}

// readContextValues finds the value in each type that sets the context: in
// those that say so, and in the object types that these may stand for.
func (r *reader) readContextValues(c *ContextArgument) error {
	if r.contexts[c.Context] == nil {
		return fmt.Errorf("no type sets the context %q", c.Context)
	}
	text := strings.TrimSpace(c.Selection)
	if !strings.HasPrefix(text, "{") {
		text = "{" + text + "}"
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil || len(doc.Operations) != 1 {
		return fmt.Errorf("%q is not a selection", c.Selection)
	}
	set := doc.Operations[0].SelectionSet
	add := func(t *Type) error {
		selections, err := r.fieldSelections(onType(set, t, r.types), t, true)
		if err == nil && len(selections) > 0 {
			c.values[t] = &FieldSet{Text: c.Selection, Selections: selections}
		}
		return err
	}
	for _, t := range r.contexts[c.Context] {
		// The selection may have fields of the object types only; those are
		// looked at one by one.
		if err := add(t); err != nil && !t.Abstract() {
			return err
		}
		for _, o := range t.Possible {
			if err := add(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// onType leaves of a selection the fragments that may have objects of a type.
func onType(set ast.SelectionSet, t *Type, types map[string]*Type) ast.SelectionSet {
	return slices.DeleteFunc(slices.Clone(set), func(sel ast.Selection) bool {
		f, ok := sel.(*ast.InlineFragment)
		if !ok || f.TypeCondition == "" || types[f.TypeCondition] == nil {
			return false
		}
		return !slices.ContainsFunc(t.Possible, func(o *Type) bool { return slices.Contains(types[f.TypeCondition].Possible, o) })
	})
}
