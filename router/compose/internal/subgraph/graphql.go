package subgraph

import (
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// graphQL checks that the schema is valid GraphQL, except that types may have
// extensions without a definition.
func (c *checker) graphQL() {
	for _, t := range c.Schema.Types {
		c.name(&t.Node, introspectionTypes[t.Name])
		c.typ(t)
	}
	for _, d := range c.Schema.Directives {
		c.name(&d.Node, false)
		for _, a := range d.Arguments {
			c.inputValue(a)
		}
	}
	c.eachApplication(c.application)
	c.repeated()
	for _, t := range c.Schema.Types {
		switch t.Kind {
		case schema.Object, schema.Interface:
			c.implementedInterfaces(t)
		}
	}
	(&cycles{checker: c, visited: map[string]bool{}, onPath: map[string]int{}}).find()
	c.shadowedImports()
}

func (c *checker) name(n *schema.Node, allowed bool) {
	if strings.HasPrefix(n.Name, "__") && !allowed {
		c.invalid(n.Position, "The name %q begins with \"__\", which is reserved for introspection.", n.Name)
		c.suggest("Choose a name that does not begin with \"__\".")
	}
}

func (c *checker) typ(t *schema.Type) {
	empty := func(what string) {
		c.invalid(t.Position, "Type %q has no %s; it needs at least one.", t.Name, what)
		c.suggest("Add one, or remove the type.")
	}
	switch t.Kind {
	case schema.Object, schema.Interface:
		added := c.Schema.Roots[schema.Query] == t.Name // Federation adds a field
		if len(t.Fields) == 0 && !added {
			empty("fields")
		}
		for _, f := range t.Fields {
			c.name(&f.Node, false)
			for _, a := range f.Arguments {
				c.inputValue(a)
			}
		}
	case schema.Input:
		if len(t.Fields) == 0 {
			empty("input fields")
		}
		for _, f := range t.Fields {
			c.inputValue(f)
		}
	case schema.Union:
		if len(t.Members) == 0 {
			empty("members")
		}
	case schema.Enum:
		if len(t.Values) == 0 {
			empty("values")
		}
		for _, v := range t.Values {
			c.name(&v.Node, false)
			if v.Name == "true" || v.Name == "false" || v.Name == "null" {
				c.invalid(v.Position, "Enum %q cannot have the value %s.", t.Name, v.Name)
				c.suggest("Rename the value: true, false and null are literals.")
			}
		}
	}
}

func (c *checker) inputValue(f *schema.Field) {
	c.name(&f.Node, false)
	if c.Schema.Type(f.Type.Base()) == nil {
		c.invalid(f.Position, "The type %q of %q is not defined.", f.Type.Base(), f.Coordinate())
		c.suggest("Define the type, or correct its name.")
		return
	}
	if f.Required() && f.Has("deprecated") {
		c.invalid(f.Position, "%q is required and cannot be deprecated.", f.Coordinate())
		c.suggest("Remove @deprecated, or make it optional: nullable or with a default value.")
	}
	if f.Default != nil && !valid(f.Default, f.Type, c.Schema) {
		c.invalid(f.Position, "The default value %s of %q does not have the type %s.", f.Default.Print(nil, nil), f.Coordinate(), f.Type)
		c.suggest("Write a default value of the type, or change the type.")
	}
}

// application checks an application of a directive against its definition.
func (c *checker) application(a Application) {
	d := c.Schema.Directive(a.Name)
	if d == nil {
		c.invalid(a.Position, "Directive @%s is not defined.", a.Name)
		return
	}
	if where := location(a); !slices.Contains(d.Locations, where) {
		c.invalid(a.Position, "Directive @%s cannot be applied to %q: its locations are %s, not %s.",
			a.Name, a.Node.Coordinate(), strings.Join(d.Locations, ", "), where)
		c.suggest("Remove the directive there, or add the location to its definition if it is yours.")
	}
	for _, given := range a.Arguments {
		argument := d.Argument(given.Name)
		switch {
		case argument == nil:
			var names []string
			for _, each := range d.Arguments {
				names = append(names, each.Name)
			}
			c.invalid(a.Position, "Directive @%s has no argument %q.%s", a.Name, given.Name, report.DidYouMean(given.Name, names))
			c.suggest("Remove the argument, or correct its name.")
		case given.Value.Kind == schema.NullValue && argument.Type.NonNull && argument.Default == nil:
			c.invalid(a.Position, "The argument %q of @%s cannot be null.", given.Name, a.Name)
			c.suggest("Give the argument a value, or leave it out if it is optional.")
		case !falsy(given.Value) && !valid(given.Value, argument.Type, c.Schema):
			c.invalid(a.Position, "The argument %q of @%s on %q must have type %s, not the value %s.",
				given.Name, a.Name, a.Node.Coordinate(), argument.Type, given.Value.Print(nil, nil))
			c.suggest("Give the argument a value of its type.")
		}
	}
	for _, argument := range d.Arguments {
		if argument.Required() && a.Directive.Argument(argument.Name) == nil {
			c.invalid(a.Position, "Directive @%s on %q needs the argument %q of type %s.", a.Name, a.Node.Coordinate(), argument.Name, argument.Type)
			c.suggest("Add the argument to the directive.")
		}
	}
}

// falsy values are not checked, as in Apollo's composition.
func falsy(v *schema.Value) bool {
	switch v.Kind {
	case schema.NullValue:
		return true
	case schema.BoolValue:
		return v.Raw == "false"
	case schema.NumberValue:
		return v.Raw == "0"
	case schema.StringValue, schema.EnumLiteral:
		return v.Raw == ""
	}
	return false
}

func location(a Application) string {
	switch {
	case a.Argument != nil:
		return "ARGUMENT_DEFINITION"
	case a.Field != nil && a.Type.Kind == schema.Input:
		return "INPUT_FIELD_DEFINITION"
	case a.Field != nil:
		return "FIELD_DEFINITION"
	case a.Type == nil:
		return "SCHEMA"
	case a.Node != &a.Type.Node:
		return "ENUM_VALUE"
	}
	return [...]string{"SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT"}[a.Type.Kind]
}

// repeated checks that directives that are not repeatable are applied once.
func (c *checker) repeated() {
	type once struct {
		node *schema.Node
		name string
	}
	seen := map[once]bool{}
	c.eachApplication(func(a Application) {
		d := c.Schema.Directive(a.Name)
		if d == nil || d.Repeatable || len(a.Node.Applied) < 2 {
			return
		}
		if key := (once{a.Node, a.Name}); seen[key] {
			c.invalid(a.Position, "Directive @%s is applied to %q twice, but is not repeatable.", a.Name, a.Node.Coordinate())
			c.suggest("Remove one of the two, or define the directive as repeatable.")
		} else {
			seen[key] = true
		}
	})
}

func (c *checker) direct(abstract, member string) bool {
	a, m := c.Schema.Type(abstract), c.Schema.Type(member)
	if a == nil || m == nil {
		return false
	}
	return a.Kind == schema.Union && a.HasMember(member) || a.Kind == schema.Interface && m.Implements(abstract)
}

func (c *checker) implementedInterfaces(t *schema.Type) {
	for _, r := range t.Interfaces {
		i := c.Schema.Own(r.Name)
		if i == nil {
			continue
		}
		if i == t {
			c.invalid(t.Position, "Type %q cannot implement itself.", t.Name)
			c.suggest("Remove the interface from those that it implements.")
		}
		for _, expected := range i.Fields {
			c.implementedField(t, expected)
		}
		for _, of := range i.Interfaces {
			if !t.Implements(of.Name) {
				c.invalid(t.Position, "Type %q must implement %q, because it implements %q.", t.Name, of.Name, i.Name)
				c.suggest("Add the interface to those that the type implements.")
			}
		}
	}
}

func (c *checker) implementedField(t *schema.Type, expected *schema.Field) {
	f := t.Field(expected.Name)
	if f == nil {
		c.errorf("INVALID_GRAPHQL", at(expected.Position, t.Position), "Type %q must have the field %q, because it implements the interface.", t.Name, expected.Coordinate())
		c.suggest("Add the field to the type, or remove it from the interface.")
		return
	}
	if !expected.Type.Subtype(f.Type, c.direct) {
		c.errorf("INVALID_GRAPHQL", at(expected.Position, f.Position), "Field %q must have type %s or a subtype, as %q has, not %s.",
			f.Coordinate(), expected.Type, expected.Coordinate(), f.Type)
		c.suggest("Give the field the type that it has in the interface, or a subtype.")
	}
	for _, a := range expected.Arguments {
		own := f.Argument(a.Name)
		switch {
		case own == nil:
			c.errorf("INVALID_GRAPHQL", at(a.Position, f.Position), "Field %q must have the argument %q.", f.Coordinate(), a.Coordinate())
			c.suggest("Add the argument to the field, or remove it from the interface.")
		case !own.Type.Same(a.Type):
			c.errorf("INVALID_GRAPHQL", at(a.Position, own.Position), "The argument %q must have type %s, as %q has, not %s.",
				own.Coordinate(), a.Type, a.Coordinate(), own.Type)
			c.suggest("Give the argument the type that it has in the interface.")
		}
	}
	for _, a := range f.Arguments {
		if a.Required() && expected.Argument(a.Name) == nil {
			c.errorf("INVALID_GRAPHQL", at(a.Position, expected.Position), "The argument %q is required, but %q does not have it.", a.Coordinate(), expected.Coordinate())
			c.suggest("Make the argument optional, or add it to the field of the interface.")
		}
	}
}

// cycles finds input objects that require themselves.
type cycles struct {
	*checker
	visited map[string]bool
	path    []*schema.Field
	onPath  map[string]int
}

func (c *cycles) find() {
	for _, t := range c.Schema.Types {
		if t.Kind == schema.Input {
			c.visit(t)
		}
	}
}

func (c *cycles) visit(t *schema.Type) {
	if c.visited[t.Name] {
		return
	}
	c.visited[t.Name] = true
	c.onPath[t.Name] = len(c.path)
	for _, f := range t.Fields {
		if !f.Type.NonNull || f.Type.IsList() {
			continue
		}
		of := c.Schema.Own(f.Type.Name)
		if of == nil || of.Kind != schema.Input {
			continue
		}
		c.path = append(c.path, f)
		if start, cycle := c.onPath[of.Name]; cycle {
			var names []string
			for _, each := range c.path[start:] {
				names = append(names, each.Name)
			}
			c.invalid(f.Position, "Input object %q requires itself by non-null fields: %s.", of.Name, strings.Join(names, "."))
			c.suggest("Make one of the fields nullable, or a list.")
		} else {
			c.visit(of)
		}
		c.path = c.path[:len(c.path)-1]
	}
	delete(c.onPath, t.Name)
}

// shadowedImports checks that an element that is imported under another name is not
// used under its default name.
func (c *checker) shadowedImports() {
	if c.Links == nil {
		return
	}
	shadowed := func(name string, directive bool) bool {
		f, element := c.Links.byDefault(name, directive)
		if f == nil {
			return false
		}
		at := ""
		if directive {
			at = "@"
		}
		return slices.ContainsFunc(f.Imports, func(i Import) bool { return i.Name == at+element && i.InSchema() != at+name })
	}
	for _, d := range c.Schema.Directives {
		if shadowed(d.Name, true) && len(c.AllApplications(d.Name)) > 0 {
			c.errorf("INVALID_LINK_DIRECTIVE_USAGE", at(d.Position), "@%s is imported under another name; use that name and remove the definition of @%s.", d.Name, d.Name)
			c.suggest("Remove the definition, and use the name of the import.")
		}
	}
	for _, t := range c.Schema.Types {
		if !shadowed(t.Name, false) {
			continue
		}
		for _, other := range c.Schema.Types {
			if !shadowed(other.Name, false) && refersTo(other, t.Name) {
				c.errorf("INVALID_LINK_DIRECTIVE_USAGE", at(t.Position), "%q is imported under another name; use that name and remove the definition of %q.", t.Name, t.Name)
				c.suggest("Remove the definition, and use the name of the import.")
				break
			}
		}
	}
}

// refersTo reports whether a type refers to another in its definition.
func refersTo(t *schema.Type, name string) bool {
	return t.Implements(name) || t.HasMember(name) || slices.ContainsFunc(t.Fields, func(f *schema.Field) bool {
		return f.Type.Base() == name || slices.ContainsFunc(f.Arguments, func(a *schema.Field) bool { return a.Type.Base() == name })
	})
}

// valid reports whether a value has a type.
func valid(v *schema.Value, ref *schema.Ref, types *schema.Schema) bool {
	if v == nil || v.Kind == schema.NullValue {
		return v == nil || !ref.NonNull
	}
	if v.Kind == schema.VariableValue {
		return false
	}
	if ref.IsList() {
		if v.Kind != schema.ListValue {
			return valid(v, ref.Of, types)
		}
		return !slices.ContainsFunc(v.List, func(item *schema.Value) bool { return !valid(item, ref.Of, types) })
	}
	t := types.Type(ref.Name)
	if t == nil {
		return true
	}
	switch t.Kind {
	case schema.Input:
		return validObject(v, t, types)
	case schema.Enum:
		return v.IsText() && t.Value(v.Raw) != nil
	}
	if types.Own(ref.Name) != nil { // a scalar of the schema, perhaps in the place of a built-in one
		return true
	}
	switch ref.Name {
	case "Boolean":
		return v.Kind == schema.BoolValue
	case "Int":
		return v.IsInteger()
	case "Float":
		return v.Kind == schema.NumberValue
	case "ID":
		return v.IsText() || v.IsInteger()
	case "String":
		return v.IsText()
	}
	return true
}

// validObject reports whether the given fields of an object are valid. Like Apollo's
// composition and graphql-js, it lets required fields be missing.
func validObject(v *schema.Value, t *schema.Type, types *schema.Schema) bool {
	if v.Kind != schema.ObjectValue {
		return false
	}
	for _, f := range t.Fields {
		given := v.Field(f.Name)
		if given != nil && !valid(given, f.Type, types) {
			return false
		}
	}
	return !slices.ContainsFunc(v.Object, func(a schema.Argument) bool { return t.Field(a.Name) == nil })
}

// ValidValue reports whether a value has a type.
func ValidValue(v *schema.Value, ref *schema.Ref, types *schema.Schema) bool {
	return valid(v, ref, types)
}
