package rest

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/constraint"
)

// integerIDs is true if values of type ID are JSON integers in requests and responses.
type integerIDs bool

// compiler compiles an operation, which is valid against the schema, to a route.
type compiler struct {
	schema    *ast.Schema
	fragments ast.FragmentDefinitionList
	ids       integerIDs
	errs      []error
}

func (c *compiler) fail(at *ast.Position, format string, arguments ...any) {
	c.errs = append(c.errs, errorfAt(at, format, arguments...))
}

func (c *compiler) route(operation *ast.OperationDefinition) (*route, error) {
	directive := operation.Directives.ForName("rest")
	if directive == nil {
		return nil, errorfAt(operation.Position,
			`operation %s has no @rest; give it one, such as @rest(method: GET, path: "/api/things")`, operation.Name)
	}
	arguments := directive.ArgumentMap(nil)
	r := &route{
		operation: operation,
		method:    stringOf(arguments["method"]),
		path:      stringOf(arguments["path"]),
		status:    intOf(arguments["status"]),
		location:  stringOf(arguments["location"]),
		version:   stringOf(arguments["version"]),
		tag:       stringOf(arguments["tag"]),
	}
	r.secret, _ = arguments["secret"].(bool)
	r.summary, r.description, _ = strings.Cut(operation.Description, "\n")
	r.summary, r.description = strings.TrimSuffix(strings.TrimSpace(r.summary), "."), strings.TrimSpace(r.description)

	if (operation.Operation == ast.Query) != r.reads() {
		c.fail(directive.Position, "GET routes are queries and other routes are mutations, but this is a %s with %s", operation.Operation, r.method)
	}
	if r.status < 200 || r.status > 299 {
		c.fail(directive.Position, "status %d is not a success; use a status from 200 to 299", r.status)
	}
	switch missing := intOf(arguments["missing"]); missing {
	case http.StatusUnauthorized:
		r.missing = unauthenticated
	case http.StatusForbidden:
		r.missing = forbidden
	case http.StatusNotFound:
		r.missing = notFound
	default:
		c.fail(directive.Position, "missing: %d is not allowed for a null result; use 401, 403 or 404", missing)
	}
	c.segments(r, directive)
	c.variables(r, arguments, directive)
	c.mapInput(r)
	c.answer(r, arguments, directive)
	return r, errors.Join(c.errs...)
}

func (c *compiler) segments(r *route, directive *ast.Directive) {
	rest, rooted := strings.CutPrefix(r.path, "/")
	if !rooted {
		c.fail(directive.Position, "path %q must start with a slash", r.path)
	}
	for _, part := range strings.Split(rest, "/") {
		name, opened := strings.CutPrefix(part, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case part == "" || opened != closed || strings.ContainsAny(name, "{}"):
			c.fail(directive.Position, "path %q has the invalid segment %q; a segment is a word or one {variable}", r.path, part)
		case opened && r.operation.VariableDefinitions.ForName(name) == nil:
			c.fail(directive.Position, "path %q contains {%s}, but the operation has no variable $%s", r.path, name, name)
		}
		r.segments = append(r.segments, segment{text: name, variable: opened})
	}
}

func (c *compiler) variables(r *route, arguments map[string]any, directive *ast.Directive) {
	if connection := stringOf(arguments["page"]); connection != "" {
		r.page = &paging{
			connection: strings.Split(connection, "."),
			size:       intOf(arguments["pageSize"]),
			maxSize:    intOf(arguments["maxPageSize"]),
			backward:   r.operation.VariableDefinitions.ForName("before") != nil,
		}
		for _, name := range r.page.variables() {
			if r.operation.VariableDefinitions.ForName(name) == nil {
				c.fail(directive.Position, "a page needs the variable $%s; declare $first and $after, and also $last and $before for backward paging", name)
			}
		}
	}
	names := map[string]*variable{}
	for _, definition := range r.operation.VariableDefinitions {
		v := c.variable(r, definition)
		r.variables = append(r.variables, v)
		if v.source != fromBody && v.source != fromQuery {
			continue
		}
		for _, name := range append([]string{v.requestName}, v.aliases...) {
			if names[name] != nil {
				c.fail(definition.Position, "variables $%s and $%s both have the name %q in requests", names[name].name, v.name, name)
			}
			names[name] = v
		}
		if r.page != nil && v.source == fromQuery && slices.Contains(r.page.parameters(), v.requestName) {
			c.fail(definition.Position, "the parameter %q is reserved for paging", v.requestName)
		}
	}
	for _, v := range r.variables {
		if v.wrap == nil {
			continue
		}
		for _, field := range v.wrap.with {
			if other := names[field.Name]; other != nil {
				c.fail(directive.Position, "variable $%s and the field %s that $%s is wrapped with both have the name %q in requests", other.name, field.Name, v.name, field.Name)
			}
		}
	}
}

func (c *compiler) variable(r *route, definition *ast.VariableDefinition) *variable {
	v := &variable{
		name:        definition.Variable,
		requestName: definition.Variable,
		typ:         definition.Type,
		required:    definition.Type.NonNull && definition.DefaultValue == nil,
		description: definition.Description,
		initial:     definition.DefaultValue,
	}
	v.source = c.sourceOf(r, definition)
	for _, d := range definition.Directives {
		if d.Name == "example" {
			v.example = d.Arguments.ForName("value").Value // of any size
			continue
		}
		arguments := d.ArgumentMap(nil)
		switch d.Name {
		case "query", "header", "body":
			if name := stringOf(arguments["name"]); name != "" {
				v.requestName = name
			}
			aliases, _ := arguments["aliases"].([]any)
			for _, alias := range aliases {
				v.aliases = append(v.aliases, stringOf(alias))
			}
		case "wrap":
			c.wrap(v, definition, arguments)
		case "shorthand":
			element := c.schema.Types[definition.Type.Name()]
			if definition.Type.Elem == nil || element.Kind != ast.InputObject || v.source != fromBody {
				c.fail(d.Position, "@shorthand applies to a list of input objects in the body, but the type of $%s is %s", v.name, definition.Type)
				continue
			}
			v.shorthand = element
		}
	}
	return v
}

// sourceOf returns where a variable comes from: the path if it names the variable, the page
// parameters, what a directive says, or otherwise the query (GET and DELETE) or the body.
func (c *compiler) sourceOf(r *route, definition *ast.VariableDefinition) source {
	if slices.Contains(r.segments, segment{definition.Variable, true}) {
		if !definition.Type.NonNull {
			c.fail(definition.Position, "$%s is in the path, so it always has a value; make its type %s!", definition.Variable, definition.Type)
		}
		return fromPath
	}
	if r.page != nil && slices.Contains(r.page.variables(), definition.Variable) {
		return fromPage
	}
	for name, from := range map[string]source{
		"query": fromQuery, "header": fromHeader, "body": fromBody, "ifMatch": fromIfMatch, "idempotencyKey": fromIdempotencyKey,
	} {
		if definition.Directives.ForName(name) != nil {
			if from == fromBody && (r.method == http.MethodGet || r.method == http.MethodDelete) {
				c.fail(definition.Position, "a %s request has no body, so $%s cannot be read from it", r.method, definition.Variable)
			}
			return from
		}
	}
	if r.method == http.MethodGet || r.method == http.MethodDelete {
		return fromQuery
	}
	return fromBody
}

// mapInput records which variable fills which part of the operation's input. Variables
// get the limits of the input field, and its description if they have none.
func (c *compiler) mapInput(r *route) {
	r.variableByInput = map[string]*variable{}
	c.mapSelections(r, r.operation.SelectionSet)
}

func (c *compiler) mapSelections(r *route, selections ast.SelectionSet) {
	for _, selection := range selections {
		field, ok := selection.(*ast.Field)
		if !ok || field.Definition == nil {
			continue
		}
		for _, argument := range field.Arguments {
			definition := field.Definition.Arguments.ForName(argument.Name)
			if definition == nil {
				continue
			}
			// Paths of typed errors go into the argument `input` when there is one.
			var path []string
			if argument.Name != "input" {
				path = []string{argument.Name}
			}
			c.mapValue(r, path, argument.Value, definition.Description, definition.Directives)
		}
		c.mapSelections(r, field.SelectionSet)
	}
}

// mapValue maps the variables of a value at a path of the input. The description and
// the directives are those of the argument or input field that takes it.
func (c *compiler) mapValue(r *route, path []string, v *ast.Value, description string, directives ast.DirectiveList) {
	switch v.Kind {
	case ast.Variable:
		i := slices.IndexFunc(r.variables, func(known *variable) bool { return known.name == v.Raw })
		if i < 0 {
			return
		}
		variable, at := r.variables[i], strings.Join(path, ".")
		if r.variableByInput[at] == nil { // fields that select others come first
			r.variableByInput[at] = variable
		}
		variable.description = cmp.Or(variable.description, description)
		limits, err := constraint.Of(directives)
		if err != nil {
			c.fail(v.Position, "the limits of $%s: %s", variable.name, err)
		}
		variable.limits = limits.Within(variable.limits)
	case ast.ObjectValue:
		for _, child := range v.Children {
			description, directives := "", ast.DirectiveList(nil)
			if v.Definition != nil {
				if field := v.Definition.Fields.ForName(child.Name); field != nil {
					description, directives = field.Description, field.Directives
				}
			}
			c.mapValue(r, append(slices.Clone(path), child.Name), child.Value, description, directives)
		}
	}
}

func fieldNames(definition *ast.Definition) []string {
	names := make([]string, len(definition.Fields))
	for i, field := range definition.Fields {
		names[i] = field.Name
	}
	return names
}

// stringOf and intOf convert values from ArgumentMap. Missing values are zero.
func stringOf(v any) string {
	s, _ := v.(string)
	return s
}

func intOf(v any) int {
	n, _ := v.(int64)
	return int(n)
}
