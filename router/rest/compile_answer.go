package rest

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// answer compiles the conversion of the graph's answer to a response.
func (c *compiler) answer(r *route, arguments map[string]any, directive *ast.Directive) {
	root := c.schema.Query
	if r.operation.Operation == ast.Mutation {
		root = c.schema.Mutation
	}
	r.problems = map[string]*problemType{}
	r.data = c.shape(r.operation.SelectionSet, root)
	if result := stringOf(arguments["result"]); result != "" {
		r.result = strings.Split(result, ".")
	}
	if len(r.result) == 0 && r.status != 204 {
		c.fail(directive.Position, "result is missing; set it to the path of the body in the data, or set status to 204")
		return
	}
	r.body = c.follow(r, directive)
	if r.body == nil {
		return
	}
	c.resultMembers(r, directive)
	if r.page != nil {
		c.pageFields(r, directive)
	}
}

// follow walks from the data to the result. At every union or interface on the way, each
// possible type must either have the next field of the path or be a problem.
func (c *compiler) follow(r *route, directive *ast.Directive) *fieldShape {
	path := r.result
	if len(path) == 0 { // no body; the first field may still return a problem
		path = []string{r.data.fields[0].key}
	}
	set, at := r.operation.SelectionSet, r.data
	var last *fieldShape
	for i, key := range path {
		f := at.field(key)
		field := findField(set, key)
		if f == nil || field == nil {
			var known []string
			if at != nil {
				for _, f := range at.fields {
					known = append(known, f.key)
				}
			}
			c.fail(directive.Position, "result %q: the operation does not select %q there; %s", strings.Join(path, "."), key, suggest(key, known))
			return nil
		}
		last = f
		if i+1 < len(path) && f.definition.Type.Elem != nil {
			c.fail(directive.Position, "result %q: %q is a list, and a result cannot be below a list", strings.Join(path, "."), key)
			return nil
		}
		if f.object != nil && f.object.definition.IsAbstractType() && f.definition.Type.Elem == nil {
			next := ""
			if i+1 < len(path) {
				next = path[i+1]
			}
			c.alternatives(r, field, f, next)
		}
		set, at = field.SelectionSet, f.object
	}
	return last
}

// alternatives records the problem types of a field, and makes the operation select
// __typename, which distinguishes the types in a response.
func (c *compiler) alternatives(r *route, field *ast.Field, f *fieldShape, next string) {
	for _, possible := range c.schema.GetPossibleTypes(f.object.definition) {
		if p := c.problemOf(field.SelectionSet, possible); p != nil {
			r.problems[possible.Name] = p
			continue
		}
		if next == "" || c.selects(field.SelectionSet, possible, next) {
			continue
		}
		c.fail(field.Position, "%s can return %s, which neither has %s nor is a problem; add `... on %s @problem(status: …) { message code }`",
			f.key, possible.Name, next, possible.Name)
	}
	if findField(field.SelectionSet, "__typename") == nil {
		field.SelectionSet = append(ast.SelectionSet{&ast.Field{
			Alias: "__typename", Name: "__typename",
			Definition:       &ast.FieldDefinition{Name: "__typename", Type: ast.NonNullNamedType("String", nil)},
			ObjectDefinition: f.object.definition,
			Position:         field.Position,
		}}, field.SelectionSet...)
	}
}

// problemOf returns the @problem that applies to an object type, with all fields that are
// selected on the type, or nil.
func (c *compiler) problemOf(set ast.SelectionSet, on *ast.Definition) *problemType {
	var found *problemType
	selected := &shape{definition: on}
	c.eachFragment(set, on, func(directives ast.DirectiveList, inner ast.SelectionSet) {
		if d := directives.ForName("problem"); d != nil {
			arguments := d.ArgumentMap(nil)
			found = &problemType{definition: on, status: intOf(arguments["status"]), byCode: map[string]int{}, shape: selected}
			statuses := []int{found.status}
			byCode, _ := arguments["byCode"].([]any)
			for _, each := range byCode {
				pair, _ := each.(map[string]any)
				found.byCode[stringOf(pair["code"])] = intOf(pair["status"])
				statuses = append(statuses, intOf(pair["status"]))
			}
			for _, status := range statuses {
				if status < 400 || status > 599 {
					c.fail(d.Position, "status %d is not an error; use a status from 400 to 599", status)
				}
			}
		}
		for _, selection := range inner {
			if field, ok := selection.(*ast.Field); ok {
				c.addField(selected, field, on)
			}
		}
	})
	return found
}

// selects reports whether a field with this response key is selected on an object type.
func (c *compiler) selects(set ast.SelectionSet, on *ast.Definition, key string) bool {
	found := false
	c.eachFragment(set, on, func(_ ast.DirectiveList, inner ast.SelectionSet) {
		for _, selection := range inner {
			if field, ok := selection.(*ast.Field); ok && field.Alias == key {
				found = true
			}
		}
	})
	return found
}

// eachFragment visits set and every fragment in it that applies to an object type. For a
// named fragment, directives are those of its definition.
func (c *compiler) eachFragment(set ast.SelectionSet, on *ast.Definition, visit func(ast.DirectiveList, ast.SelectionSet)) {
	visit(nil, set)
	var walk func(directives ast.DirectiveList, condition string, inner ast.SelectionSet)
	walk = func(directives ast.DirectiveList, condition string, inner ast.SelectionSet) {
		if condition != "" && !c.applies(on, condition) {
			return
		}
		visit(directives, inner)
		eachNested(inner, walk)
	}
	eachNested(set, walk)
}

func eachNested(set ast.SelectionSet, walk func(ast.DirectiveList, string, ast.SelectionSet)) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.InlineFragment:
			walk(selection.Directives, selection.TypeCondition, selection.SelectionSet)
		case *ast.FragmentSpread:
			walk(selection.Definition.Directives, selection.Definition.TypeCondition, selection.Definition.SelectionSet)
		}
	}
}

func (c *compiler) applies(object *ast.Definition, condition string) bool {
	for _, possible := range c.schema.GetPossibleTypes(c.schema.Types[condition]) {
		if possible.Name == object.Name {
			return true
		}
	}
	return false
}

// findField returns the field with a response key, also from fragments, or nil.
func findField(set ast.SelectionSet, key string) *ast.Field {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Alias == key {
				return selection
			}
		case *ast.InlineFragment:
			if f := findField(selection.SelectionSet, key); f != nil {
				return f
			}
		case *ast.FragmentSpread:
			if f := findField(selection.Definition.SelectionSet, key); f != nil {
				return f
			}
		}
	}
	return nil
}

// resultMembers checks the members of the result that become headers.
func (c *compiler) resultMembers(r *route, directive *ast.Directive) {
	names := templateNames(r.location)
	if r.version != "" {
		names = append(names, r.version)
	}
	for _, name := range names {
		f := r.body.object.field(name)
		for f != nil && f.unwrap {
			f = f.object.fields[0]
		}
		if f == nil || f.object != nil || f.definition.Type.Elem != nil {
			c.fail(directive.Position, "the result has no scalar %q for the header", name)
		}
	}
	if r.variableFrom(fromIfMatch) != nil && r.version == "" && r.status != 204 {
		c.fail(directive.Position, "@ifMatch needs the argument version of @rest")
	}
}

// pageFields checks that the operation selects what the links and the total of a page need.
func (c *compiler) pageFields(r *route, directive *ast.Directive) {
	at := r.data
	for _, key := range r.page.connection {
		f := at.field(key)
		if f == nil || f.object == nil {
			c.fail(directive.Position, "page %q: the operation does not select the object %q", strings.Join(r.page.connection, "."), key)
			return
		}
		at = f.object
	}
	info := at.field("pageInfo")
	wanted := []string{"hasNextPage", "endCursor"}
	if r.page.backward {
		wanted = append(wanted, "hasPreviousPage", "startCursor")
	}
	for _, name := range wanted {
		if info == nil || info.object.field(name) == nil {
			c.fail(directive.Position, "the links of a page need pageInfo { %s }", strings.Join(wanted, " "))
			return
		}
	}
	r.page.totalCounted = at.field("totalCount") != nil
}

// templateNames returns the names in braces in a Location template.
func templateNames(template string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(template, "{")
		if !found {
			return names
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return names
		}
		names = append(names, name)
		template = after
	}
}
