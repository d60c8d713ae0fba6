package subgraph

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

func (c *checker) externalOnInterfaces() {
	for _, t := range c.Schema.Types {
		if t.Kind != schema.Interface {
			continue
		}
		for _, f := range t.Fields {
			if c.IsExternal(f) {
				c.errorf("EXTERNAL_ON_INTERFACE", at(f.Position), "Field %q of an interface cannot be @external; mark the fields of its implementations.", f.Coordinate())
			}
		}
	}
}

func (c *checker) unusedExternals() {
	for _, t := range c.Schema.Types {
		if t.Kind != schema.Object && t.Kind != schema.Interface {
			continue
		}
		for _, f := range t.Fields {
			if c.IsExternal(f) && !c.IsUsed(f) {
				c.errorf("EXTERNAL_UNUSED", at(f.Position),
					"Field %q is @external, but no @key, @requires or @provides uses it and no interface needs it; remove it.", f.Coordinate())
			}
		}
	}
}

// interfaceKeys checks that implementations have the keys of their interface.
func (c *checker) interfaceKeys() {
	for _, t := range c.Schema.Types {
		if t.Kind != schema.Interface {
			continue
		}
		for _, key := range c.Of(&t.Node, "key") {
			set, err := c.Selection(key.Text("fields"))
			if err != nil {
				continue
			}
			c.interfaceKey(t, key, set)
		}
	}
}

func (c *checker) interfaceKey(t *schema.Type, key *schema.Directive, set ast.SelectionSet) {
	var missing, unresolvable []string
	var missingAt, unresolvableAt []schema.Position
	for _, object := range c.Schema.Possible(t) {
		var match *schema.Directive
		for _, own := range c.Of(&object.Node, "key") {
			if ownSet, err := c.Selection(own.Text("fields")); err == nil && sameSelection(set, ownSet) {
				match = own
				break
			}
		}
		switch {
		case match == nil:
			missing, missingAt = append(missing, object.Name), append(missingAt, object.Position)
		case !key.Argument("resolvable").IsFalse() && match.Argument("resolvable").IsFalse():
			unresolvable, unresolvableAt = append(unresolvable, object.Name), append(unresolvableAt, object.Position)
		}
	}
	switch {
	case len(missing) > 0:
		c.errorf("INTERFACE_KEY_NOT_ON_IMPLEMENTATION", missingAt, "Interface %q has the key %q, but its implementation is missing it: %s.",
			t.Name, key.Text("fields"), report.List("type", missing))
	case len(unresolvable) > 0:
		c.errorf("INTERFACE_KEY_NOT_ON_IMPLEMENTATION", unresolvableAt, "Interface %q has the resolvable key %q, so it must not be \"resolvable: false\" in its implementation: %s.",
			t.Name, key.Text("fields"), report.List("type", unresolvable))
		c.suggest("Remove \"resolvable: false\" from the implementations, or add it to the key of the interface.")
	}
}

// sameSelection compares selection sets without regard to order.
func sameSelection(a, b ast.SelectionSet) bool {
	return slices.Equal(selectionLines(a, ""), selectionLines(b, ""))
}

func selectionLines(set ast.SelectionSet, prefix string) []string {
	var lines []string
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			lines = append(lines, prefix+selection.Name)
			lines = append(lines, selectionLines(selection.SelectionSet, prefix+selection.Name+".")...)
		case *ast.InlineFragment:
			lines = append(lines, selectionLines(selection.SelectionSet, prefix+"<"+selection.TypeCondition+">.")...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func (c *checker) interfaceObjects() {
	for _, a := range c.Applications("interfaceObject") {
		if !c.Has(a.Node, "key") {
			c.errorf("INTERFACE_OBJECT_USAGE_ERROR", at(a.Type.Position), "Type %q has @%s but no @key in this subgraph; add the key of the interface.", a.Type.Name, a.Name)
			c.suggest("Add the @key of the interface.")
		}
	}
}

// tagDefinition checks a definition of @tag in the subgraph.
func (c *checker) tagDefinition() {
	d := c.Schema.OwnDirective(c.DirectiveName("tag"))
	if d == nil {
		return
	}
	allowed := tagSpec(3).locations
	name := d.Argument("name")
	valid := len(d.Arguments) == 1 && name != nil && name.Type.String() == "String!"
	for _, l := range d.Locations {
		valid = valid && slices.Contains(allowed, l)
	}
	if !valid {
		c.errorf("DIRECTIVE_DEFINITION_INVALID", at(d.Position), "The definition of @%s must be: directive @tag(name: String!) repeatable on %s.", d.Name, strings.Join(allowed, " | "))
	}
}

func (c *checker) shareableUsage() {
	for _, t := range c.Schema.Types {
		if t.Kind != schema.Object {
			continue
		}
		c.shareableTwice(&t.Node)
		for _, f := range t.Fields {
			c.shareableTwice(&f.Node)
		}
	}
	for _, a := range c.Applications("shareable") {
		if a.Field != nil && a.Type.Kind != schema.Object {
			c.errorf("INVALID_SHAREABLE_USAGE", at(a.Position, a.Type.Position), "@%s cannot be applied to field %q: only fields of object types can be shared.", a.Name, a.Field.Coordinate())
		}
	}
}

func (c *checker) shareableTwice(n *schema.Node) {
	seen := map[*schema.Extension]bool{}
	for _, d := range c.Of(n, "shareable") {
		if seen[d.Extension] {
			c.errorf("INVALID_SHAREABLE_USAGE", at(d.Position), "@%s is applied to the same definition of %q twice.", d.Name, n.Coordinate())
			return
		}
		seen[d.Extension] = true
	}
}

func (c *checker) costs() {
	for _, a := range c.Applications("cost") {
		if a.Field != nil && a.Argument == nil && a.Type.Kind == schema.Interface {
			c.errorf("COST_APPLIED_TO_INTERFACE_FIELD", at(a.Position, a.Field.Position), "@%s cannot be applied to field %q of an interface; apply it to the fields of its implementations.", a.Name, a.Field.Coordinate())
		}
	}
}

func (c *checker) listSizes() {
	for _, a := range c.Applications("listSize") {
		f := a.Field
		sized := a.Directive.Argument("sizedFields").Texts()
		where := at(a.Position, f.Position)
		if len(sized) == 0 && !f.Type.IsList() {
			c.errorf("LIST_SIZE_APPLIED_TO_NON_LIST", where, "@%s on field %q: its type %s is not a list.", a.Name, f.Coordinate(), f.Type)
		}
		if size := a.Directive.Argument("assumedSize"); size.IsInteger() && strings.HasPrefix(size.Raw, "-") {
			c.errorf("LIST_SIZE_INVALID_ASSUMED_SIZE", where, "@%s on field %q: assumedSize cannot be negative.", a.Name, f.Coordinate())
		}
		for _, name := range a.Directive.Argument("slicingArguments").Texts() {
			switch argument := f.Argument(name); {
			case argument == nil:
				c.errorf("LIST_SIZE_INVALID_SLICING_ARGUMENT", where, "@%s on field %q: it has no argument %q.", a.Name, f.Coordinate(), name)
			case argument.Type.IsList() || argument.Type.Name != "Int":
				c.errorf("LIST_SIZE_INVALID_SLICING_ARGUMENT", where, "@%s on field %q: its slicing argument %q must be Int or Int!.", a.Name, f.Coordinate(), name)
			}
		}
		if len(sized) > 0 {
			c.sizedFields(a, sized, where)
		}
	}
}

func (c *checker) sizedFields(a Application, names []string, where []schema.Position) {
	t := c.returned(a.Field)
	if t == nil {
		c.errorf("LIST_SIZE_INVALID_SIZED_FIELD", where, "@%s on field %q: its type %s has no fields to size.", a.Name, a.Field.Coordinate(), a.Field.Type)
		return
	}
	for _, name := range names {
		switch f := t.Field(name); {
		case f == nil:
			c.errorf("LIST_SIZE_INVALID_SIZED_FIELD", where, "@%s on field %q: type %q has no field %q.", a.Name, a.Field.Coordinate(), t.Name, name)
		case !f.Type.IsList():
			c.errorf("LIST_SIZE_APPLIED_TO_NON_LIST", where, "@%s on field %q: the sized field %q is not a list.", a.Name, a.Field.Coordinate(), f.Coordinate())
		}
	}
}

func (c *checker) authorizationOnInterfaces() {
	for _, name := range []string{"authenticated", "requiresScopes", "policy"} {
		for _, a := range c.Applications(name) {
			if a.Type == nil || a.Argument != nil {
				continue
			}
			onType := a.Field == nil && (a.Type.Kind == schema.Interface || c.IsInterfaceObject(a.Type))
			if onType || a.Field != nil && a.Type.Kind == schema.Interface {
				c.errorf("AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE", at(a.Position, a.Type.Position),
					"@%s cannot be applied to %q: interfaces, their fields and interface objects get the requirements of their implementations.", a.Name, a.Node.Coordinate())
			}
		}
	}
}
