package supergraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// A ContextArgument is an argument that a subgraph receives from an enclosing
// object instead of the client (@fromContext).
type ContextArgument struct {
	// Name is the name of the argument and Type its type, such as "String!".
	Name, Type string
	// Context is the name of the context.
	Context string
	// Selection selects the value in an object that sets the context: a
	// selection set in braces, or one for each type condition.
	Selection string

	values map[*Type]*FieldSet
}

// Value returns the selection of the value on objects of type t, or nil if t does
// not set the context.
func (c *ContextArgument) Value(t *Type) *FieldSet { return c.values[t] }

// readContexts records the contexts that a type sets (@context).
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

// readContextValues resolves the selection for each type that sets the context:
// the types with the @context directive and their possible object types.
func (r *reader) readContextValues(c *ContextArgument) error {
	if r.contexts[c.Context] == nil {
		return fmt.Errorf("no type sets the context %q", c.Context)
	}
	text := strings.TrimSpace(c.Selection)
	if !strings.HasPrefix(text, "{") {
		text = "{" + text + "}"
	}
	doc, err := syntax.Query(&ast.Source{Input: text}, 0)
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
		// A selection may be valid only on the object types, which are
		// checked one by one below.
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

// onType returns set without the fragments that cannot apply to objects of type t.
func onType(set ast.SelectionSet, t *Type, types map[string]*Type) ast.SelectionSet {
	return slices.DeleteFunc(slices.Clone(set), func(sel ast.Selection) bool {
		f, ok := sel.(*ast.InlineFragment)
		if !ok || f.TypeCondition == "" || types[f.TypeCondition] == nil {
			return false
		}
		return !slices.ContainsFunc(t.Possible, func(o *Type) bool { return slices.Contains(types[f.TypeCondition].Possible, o) })
	})
}
