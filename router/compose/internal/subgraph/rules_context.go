package subgraph

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/schema"
)

var (
	contextPattern     = regexp.MustCompile(`^(?:[\n\r\t ,]|#[^\n\r]*[\n\r])*\$(?:[\n\r\t ,]|#[^\n\r]*[\n\r])*([A-Za-z_]\w*)((?s:.*))$`)
	contextNamePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
)

// ParseContext parses the argument field of @fromContext: `$context { selection }`.
func ParseContext(text string) (context, selection string, ok bool) {
	match := contextPattern.FindStringSubmatch(text)
	if match == nil || match[2] == "" {
		return "", "", false
	}
	return match[1], match[2], true
}

func (c *checker) contexts() {
	types := map[string][]*schema.Type{}
	for _, a := range c.Applications("context") {
		name := a.Text("name")
		if !contextNamePattern.MatchString(name) {
			c.errorf("CONTEXT_NAME_INVALID", at(a.Position), "The context name %q must consist of letters and digits and begin with a letter.", name)
		}
		types[name] = append(types[name], a.Type)
	}
	for _, a := range c.Applications("fromContext") {
		c.fromContext(a, types)
	}
}

func (c *checker) fromContext(a Application, types map[string][]*schema.Type) {
	notSet := func(suggestion, format string, args ...any) {
		c.errorf("CONTEXT_NOT_SET", at(a.Position), "@%s on %q: "+format, append([]any{a.Name, a.Node.Coordinate()}, args...)...)
		c.suggest(suggestion)
	}
	switch {
	case a.Type == nil:
		notSet("Remove it.", "it cannot be applied to an argument of a directive.")
		return
	case a.Type.Kind != schema.Object:
		notSet("Apply it to the argument of the field of an object type.", "it cannot be applied to an argument of a field of an abstract type.")
		return
	}
	for _, i := range a.Type.Interfaces {
		if t := c.Schema.Type(i.Name); t != nil && t.Field(a.Field.Name) != nil {
			notSet("Remove the field from the interface, or give the argument no context.",
				"the field implements %q, and a field of an interface cannot have arguments from a context.", t.Field(a.Field.Name).Coordinate())
		}
	}
	if a.Argument.Default != nil {
		notSet("Remove the default value.", "the argument cannot have a default value.")
	}
	context, selection, ok := ParseContext(a.Text("field"))
	if !ok {
		c.errorf("NO_CONTEXT_IN_SELECTION", at(a.Position), "@%s on %q: %q does not name a context and a selection, such as \"$context { field }\".",
			a.Name, a.Node.Coordinate(), a.Text("field"))
		return
	}
	if set := types[context]; len(set) == 0 {
		notSet(fmt.Sprintf("Apply @context(name: %q) to the type that has the value.", context), "no type sets the context %q.", context)
	} else if problem := c.contextSelection(a.Argument, selection, set); problem != nil {
		c.errorf("CONTEXT_INVALID_SELECTION", at(a.Argument.Position), "@%s on %q: the selection from the context %q is invalid: %s.",
			a.Name, a.Node.Coordinate(), context, problem)
	}
	resolvable := false
	for _, key := range c.Of(&a.Type.Node, "key") {
		resolvable = resolvable || !key.Argument("resolvable").IsFalse()
	}
	if !resolvable {
		c.errorf("CONTEXT_NO_RESOLVABLE_KEY", at(a.Type.Position), "Type %q has a field with an argument from a context, so it needs a resolvable key.", a.Type.Name)
	}
}

// contextSelection checks that a selection gives one value, of the type of the
// argument, for each type that sets the context.
func (c *checker) contextSelection(argument *schema.Field, selection string, types []*schema.Type) error {
	set, err := c.Selection(selection)
	if err != nil {
		return err
	}
	if err := contextForm(set); err != nil {
		return err
	}
	if err := plain(set); err != nil {
		return err
	}
	_, single := set[0].(*ast.Field)
	used := map[string]bool{}
	for _, t := range types {
		if err := Walk(c.Schema, t, set, true, nothing); err != nil {
			return fmt.Errorf("for type %q, %w", t.Name, err)
		}
		if single {
			err = c.contextValue(argument, t, set)
		} else {
			err = c.contextFragments(argument, t, set, used)
		}
		if err != nil {
			return err
		}
	}
	if single {
		return nil
	}
	for _, each := range set {
		if condition := each.(*ast.InlineFragment).TypeCondition; !used[condition] {
			return fmt.Errorf("the fragment on %q applies to no type that sets the context", condition)
		}
	}
	return nil
}

// contextForm checks that a selection is one field, or fragments on different types.
func contextForm(set ast.SelectionSet) error {
	if len(set) == 0 {
		return fmt.Errorf("it selects nothing")
	}
	if _, field := set[0].(*ast.Field); field && len(set) > 1 {
		return fmt.Errorf("it selects several fields")
	} else if field {
		return nil
	}
	conditions := map[string]bool{}
	for _, each := range set {
		fragment, ok := each.(*ast.InlineFragment)
		switch {
		case !ok:
			return fmt.Errorf("it may select several fields")
		case fragment.TypeCondition == "" || conditions[fragment.TypeCondition]:
			return fmt.Errorf("its fragments must be on different types")
		}
		conditions[fragment.TypeCondition] = true
	}
	return nil
}

// plain checks that a selection has neither directives nor aliases.
func plain(set ast.SelectionSet) error {
	for _, each := range set {
		var directives ast.DirectiveList
		var below ast.SelectionSet
		switch each := each.(type) {
		case *ast.Field:
			if each.Alias != each.Name {
				return fmt.Errorf("aliases cannot be used in it")
			}
			directives, below = each.Directives, each.SelectionSet
		case *ast.InlineFragment:
			directives, below = each.Directives, each.SelectionSet
		}
		if len(directives) > 0 {
			return fmt.Errorf("directives cannot be used in it")
		}
		if err := plain(below); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) contextFragments(argument *schema.Field, t *schema.Type, set ast.SelectionSet, used map[string]bool) error {
	matches := 0
	for _, each := range set {
		fragment := each.(*ast.InlineFragment)
		condition := c.Schema.Type(fragment.TypeCondition)
		if condition.Kind != schema.Object {
			return fmt.Errorf("its fragments must be on object types, and %q is none", condition.Name)
		}
		for _, possible := range c.Schema.Possible(t) {
			if possible != condition {
				continue
			}
			matches++
			used[condition.Name] = true
			if err := c.contextValue(argument, condition, fragment.SelectionSet); err != nil {
				return err
			}
		}
	}
	if matches == 0 {
		return fmt.Errorf("none of its fragments applies to type %q", t.Name)
	}
	return nil
}

// contextValue checks the type of the value that a selection gives.
func (c *checker) contextValue(argument *schema.Field, t *schema.Type, set ast.SelectionSet) error {
	selected, err := c.selectedType(t, set)
	if err != nil {
		return err
	}
	if selected == "" || selected != strings.ReplaceAll(argument.Type.String(), "!", "") {
		return fmt.Errorf("it gives a value of type %q, but the argument has type %q", selected, argument.Type)
	}
	if argument.Type.NonNull || strings.Contains(argument.Type.String(), "!") {
		return fmt.Errorf("it may give null, but the argument has type %q", argument.Type)
	}
	return nil
}

// selectedType returns the type of the value that a selection gives, without
// non-nulls, or "" if it has several.
func (c *checker) selectedType(t *schema.Type, set ast.SelectionSet) (string, error) {
	if c.IsInterfaceObject(t) {
		return "", fmt.Errorf("type %q is an interface object", t.Name)
	}
	result := ""
	for i, each := range set {
		field, ok := each.(*ast.Field)
		if !ok {
			return "", nil
		}
		f := FieldOf(t, field.Name)
		inner := f.Type.Base()
		if below := c.returned(f); below != nil {
			var err error
			if inner, err = c.selectedType(below, field.SelectionSet); err != nil || inner == "" {
				return "", err
			}
		}
		for ref := f.Type; ref.Of != nil; ref = ref.Of {
			inner = "[" + inner + "]"
		}
		if i > 0 && inner != result {
			return "", nil
		}
		result = inner
	}
	return result, nil
}
