package operation

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// load parses and validates an API schema, part by part. The division is nil if that is not possible.
func load(sdl string, former *Schema, pause func()) (*ast.Schema, *division, error) {
	if d := split(sdl, former, pause); d != nil {
		if s := d.partial(former, pause); s != nil {
			return s, d, nil
		}
		if s, err := syntax.Validate(d.document); err == nil {
			pause()
			return s, d, nil
		}
	}
	// In the whole text, errors have their positions.
	s, err := syntax.LoadSchema(&ast.Source{Name: "schema", Input: sdl})
	return s, nil, err
}

// split returns nil if the SDL cannot be parsed in parts.
func split(sdl string, former *Schema, pause func()) *division {
	parts, ok := syntax.Parts(sdl, pause)
	if !ok {
		return nil
	}
	pause()
	d := &division{document: &ast.SchemaDocument{}, texts: make(map[string]string, len(parts)), shared: map[string]*ast.Definition{}}
	var frame strings.Builder
	compact := newCompactor()
	for _, p := range parts {
		if p.Name != "" {
			d.texts[p.Name] = p.Text
		} else {
			frame.WriteString(p.Text + "\n")
		}
		pause()
		if def := former.sharing(p); def != nil {
			d.shared[p.Name] = def
			d.document.Definitions = append(d.document.Definitions, def)
			continue
		}
		doc, err := p.Schema()
		if err != nil {
			return nil
		}
		if p.Name != "" {
			for _, def := range doc.Definitions {
				compact.definition(def)
			}
		}
		d.document.Merge(doc)
	}
	if len(d.document.Extensions) > 0 { // they change definitions
		d.texts = nil
	}
	d.frame = frame.String()
	d.separateRoot()
	return d
}

// separateRoot copies the root type of queries if it is shared, since validation adds fields to it. It
// was another one before.
func (d *division) separateRoot() {
	query := "Query"
	for _, schema := range append(slices.Clip(d.document.Schema), d.document.SchemaExtension...) {
		for _, root := range schema.OperationTypes {
			if root.Operation == ast.Query {
				query = root.Type
			}
		}
	}
	if d.shared[query] == nil {
		return
	}
	delete(d.shared, query)
	i := slices.IndexFunc(d.document.Definitions, func(def *ast.Definition) bool { return def.Name == query })
	c := *d.document.Definitions[i]
	c.Fields = slices.Clip(c.Fields)
	d.document.Definitions[i] = &c
}

// sharing returns the definition with the text of a part, or nil if there is none to share: the root
// type of queries gets fields, and built-in types are not of the text.
func (s *Schema) sharing(p syntax.Part) *ast.Definition {
	if s == nil || p.Name == "" || s.texts[p.Name] != p.Text {
		return nil
	}
	def := s.schema.Types[p.Name]
	if def == nil || def == s.schema.Query || def.BuiltIn {
		return nil
	}
	return separate(def)
}

// separate returns a definition whose directives are copies, since validation sets what they refer
// to. A definition without directives is returned as it is.
func separate(def *ast.Definition) *ast.Definition {
	if !directed(def) {
		return def
	}
	c := *def
	c.Directives = copies(def.Directives)
	c.Fields = slices.Clone(def.Fields)
	for i, f := range c.Fields {
		field := *f
		field.Directives, field.Arguments = copies(f.Directives), slices.Clone(f.Arguments)
		for j, a := range field.Arguments {
			argument := *a
			argument.Directives = copies(a.Directives)
			field.Arguments[j] = &argument
		}
		c.Fields[i] = &field
	}
	c.EnumValues = slices.Clone(def.EnumValues)
	for i, v := range c.EnumValues {
		value := *v
		value.Directives = copies(v.Directives)
		c.EnumValues[i] = &value
	}
	return &c
}

// directed reports whether there is a directive in a definition.
func directed(def *ast.Definition) bool {
	return len(def.Directives) > 0 ||
		slices.ContainsFunc(def.EnumValues, func(v *ast.EnumValueDefinition) bool { return len(v.Directives) > 0 }) ||
		slices.ContainsFunc(def.Fields, func(f *ast.FieldDefinition) bool {
			return len(f.Directives) > 0 || slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return len(a.Directives) > 0 })
		})
}

func copies(list ast.DirectiveList) ast.DirectiveList {
	list = slices.Clone(list)
	for i, d := range list {
		c := *d
		c.Definition = nil
		list[i] = &c
	}
	return list
}
