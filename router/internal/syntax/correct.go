package syntax

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// corrections are the block strings of a text whose values are wrong in its document.
type corrections []block

// newCorrections returns nil if there is nothing to correct, as in nearly all documents.
func newCorrections(text string) corrections {
	if !strings.Contains(text, `"""`) {
		return nil
	}
	return wrongBlocks(text)
}

// find returns the index of the block string at a position, or of the next one.
func (c corrections) find(at *ast.Position) (i int, found bool) {
	return slices.BinarySearchFunc(c, at.Start, func(b block, at int) int { return b.start - at })
}

// describe corrects the description before a position.
func (c corrections) describe(description *string, at *ast.Position) {
	if *description == "" || at == nil {
		return
	}
	i, found := c.find(at)
	if found || i == 0 || c[i-1].next <= at.Start { // another string is nearer
		return
	}
	*description = c[i-1].value
}

// value corrects a value, and those in it.
func (c corrections) value(v *ast.Value) {
	if v == nil {
		return
	}
	if v.Kind == ast.BlockValue && v.Position != nil {
		if i, found := c.find(v.Position); found {
			v.Raw = c[i].value
		}
	}
	for _, child := range v.Children {
		c.value(child.Value)
	}
}

func (c corrections) directives(list ast.DirectiveList) {
	for _, d := range list {
		c.arguments(d.Arguments)
	}
}

func (c corrections) arguments(list ast.ArgumentList) {
	for _, a := range list {
		c.value(a.Value)
	}
}

func (c corrections) query(doc *ast.QueryDocument) {
	for _, op := range doc.Operations {
		c.describe(&op.Description, op.Position)
		c.variables(op.VariableDefinitions)
		c.directives(op.Directives)
		c.selections(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		c.describe(&f.Description, f.Position)
		c.variables(f.VariableDefinition)
		c.directives(f.Directives)
		c.selections(f.SelectionSet)
	}
}

func (c corrections) variables(list ast.VariableDefinitionList) {
	for _, v := range list {
		c.describe(&v.Description, v.Position)
		c.value(v.DefaultValue)
		c.directives(v.Directives)
	}
}

func (c corrections) selections(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			c.arguments(s.Arguments)
			c.directives(s.Directives)
			c.selections(s.SelectionSet)
		case *ast.InlineFragment:
			c.directives(s.Directives)
			c.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			c.directives(s.Directives)
		}
	}
}

func (c corrections) schema(doc *ast.SchemaDocument) {
	for _, list := range []ast.SchemaDefinitionList{doc.Schema, doc.SchemaExtension} {
		for _, s := range list {
			c.describe(&s.Description, s.Position)
			c.directives(s.Directives)
		}
	}
	for _, list := range []ast.DirectiveDefinitionList{doc.Directives, doc.DirectiveExtensions} {
		for _, d := range list {
			c.describe(&d.Description, d.Position)
			c.parameters(d.Arguments)
			c.directives(d.Directives)
		}
	}
	for _, list := range []ast.DefinitionList{doc.Definitions, doc.Extensions} {
		for _, d := range list {
			c.definition(d)
		}
	}
}

func (c corrections) definition(d *ast.Definition) {
	c.describe(&d.Description, d.Position)
	c.directives(d.Directives)
	for _, f := range d.Fields {
		c.describe(&f.Description, f.Position)
		c.parameters(f.Arguments)
		c.value(f.DefaultValue)
		c.directives(f.Directives)
	}
	for _, v := range d.EnumValues {
		c.describe(&v.Description, v.Position)
		c.directives(v.Directives)
	}
}

func (c corrections) parameters(list ast.ArgumentDefinitionList) {
	for _, a := range list {
		c.describe(&a.Description, a.Position)
		c.value(a.DefaultValue)
		c.directives(a.Directives)
	}
}
