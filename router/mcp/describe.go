package mcp

import (
	"cmp"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// maxDescription bounds the description of a tool, in bytes.
	maxDescription = 4 << 10
	// maxVisited bounds the fields of an operation that are described, with those of fragments
	// once for each use.
	maxVisited = 1000
)

// describe returns the description of an operation: its own or the comment before it, and those
// of the fields that it selects.
func describe(op *ast.OperationDefinition, fields []string) string {
	var out strings.Builder
	out.WriteString(cmp.Or(strings.TrimSpace(op.Description), comment(op.Comment), "Runs the GraphQL "+string(op.Operation)+" "+op.Name+"."))
	for i, line := range fields {
		if i == 0 {
			line = "\n\nFields of the result:\n- " + line
		} else {
			line = "\n- " + line
		}
		if out.Len()+len(line) > maxDescription {
			break
		}
		out.WriteString(line)
	}
	return strings.ToValidUTF8(out.String()[:min(out.Len(), maxDescription)], "")
}

// comment returns the text of a comment.
func comment(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	lines := make([]string, len(c.List))
	for i, line := range c.List {
		lines[i] = strings.TrimSpace(line.Text())
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// A describer collects descriptions from the schema for an operation.
type describer struct {
	schema    *ast.Schema
	fragments ast.FragmentDefinitionList
	left      int // of maxVisited
	// arguments has the descriptions of the arguments and input fields with a variable, by its
	// name.
	arguments map[string]string
}

func newDescriber(schema *ast.Schema, document *ast.QueryDocument) *describer {
	return &describer{schema: schema, fragments: document.Fragments, left: maxVisited, arguments: map[string]string{}}
}

// fields returns a line for each field with a description.
func (d *describer) fields(op *ast.OperationDefinition) []string {
	root := d.schema.Query
	if op.Operation == ast.Mutation {
		root = d.schema.Mutation
	}
	return d.selections("", root, op.SelectionSet)
}

func (d *describer) selections(prefix string, of *ast.Definition, set ast.SelectionSet) (lines []string) {
	for _, selection := range set {
		if d.left--; d.left < 0 {
			return lines
		}
		switch sel := selection.(type) {
		case *ast.Field:
			field := of.Fields.ForName(sel.Name)
			if field == nil { // __typename
				continue
			}
			path := prefix + cmp.Or(sel.Alias, sel.Name)
			if field.Description != "" {
				lines = append(lines, path+": "+strings.Join(strings.Fields(field.Description), " "))
			}
			for _, argument := range sel.Arguments {
				if known := field.Arguments.ForName(argument.Name); known != nil {
					d.value(known.Description, known.Type, argument.Value)
				}
			}
			if inner := d.schema.Types[field.Type.Name()]; inner != nil {
				lines = append(lines, d.selections(path+".", inner, sel.SelectionSet)...)
			}
		case *ast.InlineFragment:
			lines = append(lines, d.selections(prefix, d.condition(sel.TypeCondition, of), sel.SelectionSet)...)
		case *ast.FragmentSpread:
			if f := d.fragments.ForName(sel.Name); f != nil {
				lines = append(lines, d.selections(prefix, d.condition(f.TypeCondition, of), f.SelectionSet)...)
			}
		}
	}
	return lines
}

func (d *describer) condition(name string, otherwise *ast.Definition) *ast.Definition {
	if t := d.schema.Types[name]; t != nil {
		return t
	}
	return otherwise
}

// value notes the description of the argument or input field that a variable is the value of.
func (d *describer) value(description string, t *ast.Type, v *ast.Value) {
	if v.Kind == ast.Variable {
		d.arguments[v.Raw] = cmp.Or(d.arguments[v.Raw], description)
		return
	}
	of := d.schema.Types[t.Name()]
	for _, child := range v.Children {
		if child.Name == "" { // an item of a list
			d.value("", t, child.Value)
		} else if of != nil {
			if f := of.Fields.ForName(child.Name); f != nil {
				d.value(f.Description, f.Type, child.Value)
			}
		}
	}
}
