package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose"
	"souk/router/internal/syntax"
)

// maxTokens bounds an SDL, in tokens.
const maxTokens = 20_000_000

// A schema is what the SDL of a subgraph defines. Extensions are merged into their types.
type schema struct {
	sdl      string
	types    map[string]*ast.Definition
	possible map[string][]string // object types of interfaces and unions
	query    string              // name of the root type
	entities []*entity
	names    map[string]string // of directives of Federation, as the SDL spells them
}

// An entity is a type with keys that the subgraph resolves.
type entity struct {
	name     string
	keys     []key
	requires []required
}

// A key is a @key.
type key struct {
	fields    string
	selection ast.SelectionSet
}

// A required is a field with @requires.
type required struct {
	field     *ast.FieldDefinition
	fields    string
	selection ast.SelectionSet
}

// service reads the SDL.
func (p *prober) service(ctx context.Context) {
	r, err := p.send(ctx, `{ _service { sdl } }`, nil)
	const advice = "Make it a subgraph with the Federation library of its server, and let routers read `_service { sdl }`. In gqlgen that needs extension.Introspection{}."
	if err != nil {
		p.fail(checkService, "", err.Error(), advice)
		return
	}
	service, _ := r.data["_service"].(map[string]any)
	sdl, _ := service["sdl"].(string)
	switch {
	case len(r.errors) > 0:
		p.fail(checkService, "", r.firstError(), advice)
	case strings.TrimSpace(sdl) == "":
		p.fail(checkService, "", "_service.sdl is empty", advice)
	default:
		if p.schema, err = readSchema(sdl); err != nil {
			p.fail(checkService, "", "the SDL has a syntax error: "+err.Error(), advice)
			return
		}
		p.schema.sdl = sdl
		p.pass(checkService, "", fmt.Sprintf("%d types, %d of them entities with keys that it resolves", len(p.schema.types), len(p.schema.entities)))
	}
}

// validSDL checks the SDL by the rules for one subgraph.
func (p *prober) validSDL(ctx context.Context) {
	if p.schema == nil {
		p.skip(checkSDL, "", "there is no SDL", "")
		return
	}
	err := compose.Validate(ctx, compose.Subgraph{Name: "subgraph", URL: p.URL, SDL: p.schema.sdl})
	problems := compose.Errors(nil)
	switch {
	case err == nil:
		p.pass(checkSDL, "", "")
	case errors.As(err, &problems):
		for _, e := range problems {
			p.fail(checkSDL, e.Code, e.Error(), e.Suggestion)
		}
	default:
		p.fail(checkSDL, "", err.Error(), "")
	}
}

func readSchema(sdl string) (*schema, error) {
	document, err := syntax.Schema(&ast.Source{Name: "sdl", Input: sdl}, maxTokens)
	if err != nil {
		return nil, err
	}
	s := &schema{types: map[string]*ast.Definition{}, possible: map[string][]string{}, query: "Query"}
	definitions := slices.Concat(document.Schema, document.SchemaExtension)
	for _, d := range definitions {
		for _, o := range d.OperationTypes {
			if o.Operation == ast.Query {
				s.query = o.Type
			}
		}
	}
	s.names = directiveNames(definitions)
	all := slices.Concat(document.Definitions, document.Extensions)
	for _, d := range all {
		s.define(d)
	}
	for name, d := range s.types {
		if d.Kind == ast.Object {
			for _, of := range d.Interfaces {
				s.possible[of] = append(s.possible[of], name)
			}
		}
		if d.Kind == ast.Union {
			s.possible[name] = append(s.possible[name], d.Types...)
		}
	}
	for _, list := range s.possible {
		slices.Sort(list)
	}
	seen := map[string]bool{}
	for _, d := range all {
		if seen[d.Name] {
			continue
		}
		seen[d.Name] = true
		if e := s.entity(s.types[d.Name]); e != nil {
			s.entities = append(s.entities, e)
		}
	}
	return s, nil
}

func (s *schema) define(d *ast.Definition) {
	made := s.types[d.Name]
	if made == nil {
		copied := *d
		copied.Fields, copied.Directives = slices.Clone(d.Fields), slices.Clone(d.Directives)
		s.types[d.Name] = &copied
		return
	}
	made.Fields = append(made.Fields, d.Fields...)
	made.Directives = append(made.Directives, d.Directives...)
	made.Interfaces = append(made.Interfaces, d.Interfaces...)
	made.EnumValues = append(made.EnumValues, d.EnumValues...)
	made.Types = append(made.Types, d.Types...)
}

// directiveNames returns how an SDL spells the directives of Federation that matter here:
// @link may import a directive under another name, or not at all.
func directiveNames(definitions ast.SchemaDefinitionList) map[string]string {
	names := map[string]string{}
	for _, name := range []string{"key", "requires", "external", "interfaceObject"} {
		names[name] = name
	}
	for _, definition := range definitions {
		for _, d := range definition.Directives {
			url := d.Arguments.ForName("url")
			if url == nil || !strings.Contains(url.Value.Raw, "specs.apollo.dev/federation/") {
				continue
			}
			prefix := "federation"
			if as := d.Arguments.ForName("as"); as != nil {
				prefix = as.Value.Raw
			}
			for name := range names {
				names[name] = prefix + "__" + name
			}
			if imports := d.Arguments.ForName("import"); imports != nil {
				importNames(names, imports.Value)
			}
		}
	}
	return names
}

func importNames(names map[string]string, list *ast.Value) {
	for _, item := range list.Children {
		name, as := item.Value.Raw, item.Value.Raw
		if item.Value.Kind == ast.ObjectValue {
			name, as = "", ""
			if v := item.Value.Children.ForName("name"); v != nil {
				name, as = v.Raw, v.Raw
			}
			if v := item.Value.Children.ForName("as"); v != nil {
				as = v.Raw
			}
		}
		if name = strings.TrimPrefix(name, "@"); names[name] != "" {
			names[name] = strings.TrimPrefix(as, "@")
		}
	}
}

// entity returns the entity that a type is, or nil.
func (s *schema) entity(d *ast.Definition) *entity {
	if d.Kind != ast.Object && d.Kind != ast.Interface {
		return nil
	}
	e := &entity{name: d.Name}
	for _, directive := range d.Directives {
		if directive.Name != s.names["key"] {
			continue
		}
		if resolvable := directive.Arguments.ForName("resolvable"); resolvable != nil && resolvable.Value.Raw == "false" {
			continue
		}
		fields, selection := fieldSet(directive)
		if selection == nil || slices.ContainsFunc(e.keys, func(k key) bool { return k.fields == fields }) {
			continue // the check of the SDL reports it
		}
		e.keys = append(e.keys, key{fields, selection})
	}
	if len(e.keys) == 0 {
		return nil
	}
	for _, f := range d.Fields {
		if directive := f.Directives.ForName(s.names["requires"]); directive != nil {
			if fields, selection := fieldSet(directive); selection != nil {
				e.requires = append(e.requires, required{f, fields, selection})
			}
		}
	}
	return e
}

// fieldSet reads the argument fields of a directive.
func fieldSet(d *ast.Directive) (string, ast.SelectionSet) {
	argument := d.Arguments.ForName("fields")
	if argument == nil {
		return "", nil
	}
	text := argument.Value.Raw
	if argument.Value.Kind == ast.ListValue { // in Federation 1
		var parts []string
		for _, item := range argument.Value.Children {
			parts = append(parts, item.Value.Raw)
		}
		text = strings.Join(parts, " ")
	}
	text = strings.Join(strings.Fields(text), " ")
	document, err := syntax.Query(&ast.Source{Input: "{" + text + "}"}, 0)
	if err != nil {
		return text, nil
	}
	return text, document.Operations[0].SelectionSet
}

// composite reports whether a type has fields.
func (s *schema) composite(name string) bool {
	d := s.types[name]
	return d != nil && (d.Kind == ast.Object || d.Kind == ast.Interface || d.Kind == ast.Union)
}

// is reports whether values of a type may be of the object type or interface name.
func (s *schema) is(typename, name string) bool {
	if typename == name {
		return true
	}
	mine, theirs := s.possible[typename], s.possible[name]
	if theirs == nil {
		theirs = []string{name}
	}
	if mine == nil {
		mine = []string{typename}
	}
	return slices.ContainsFunc(mine, func(m string) bool { return slices.Contains(theirs, m) })
}

// withoutArguments reports whether a field can be selected without arguments.
func withoutArguments(f *ast.FieldDefinition) bool {
	return !slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool {
		return a.Type.NonNull && a.DefaultValue == nil
	})
}

// fields returns the fields of a type.
func (s *schema) fields(name string) ast.FieldList {
	if d := s.types[name]; d != nil {
		return d.Fields
	}
	return nil
}

// leaves returns the fields of a type that have no fields below them, can be selected without
// arguments, and satisfy a condition.
func (s *schema) leaves(name string, condition func(*ast.FieldDefinition) bool) (names []string) {
	for _, f := range s.fields(name) {
		if !s.composite(f.Type.Name()) && withoutArguments(f) && condition(f) {
			names = append(names, f.Name)
		}
	}
	return names
}
