package operation

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// printValue returns the canonical text of a value: input object fields sorted
// by name, one space after colons and commas.
func printValue(v *ast.Value) string {
	var p valuePrinter
	p.print(v)
	return string(p.text)
}

// A valuePrinter prints values in their canonical form, and collects the names of the variables in them.
type valuePrinter struct {
	text      []byte
	variables []string
}

func (p *valuePrinter) print(v *ast.Value) {
	switch v.Kind {
	case ast.Variable:
		p.text = append(append(p.text, '$'), v.Raw...)
		if !slices.Contains(p.variables, v.Raw) {
			p.variables = append(p.variables, v.Raw)
		}
	case ast.ListValue:
		p.text = append(p.text, '[')
		for i, item := range v.Children {
			p.next(i)
			p.print(item.Value)
		}
		p.text = append(p.text, ']')
	case ast.ObjectValue:
		p.text = append(p.text, '{')
		for i, f := range byName(v.Children) {
			p.next(i)
			p.text = append(append(p.text, f.Name...), ": "...)
			p.print(f.Value)
		}
		p.text = append(p.text, '}')
	case ast.StringValue, ast.BlockValue:
		if isClean(v.Raw) {
			p.text = append(append(append(p.text, '"'), v.Raw...), '"')
		} else {
			p.text = append(p.text, v.String()...)
		}
	default:
		p.text = append(p.text, v.Raw...)
	}
}

// next begins the value after a number of others.
func (p *valuePrinter) next(i int) {
	if i > 0 {
		p.text = append(p.text, ", "...)
	}
}

// byName returns the fields of an object in the order of their names.
func byName(fields ast.ChildValueList) ast.ChildValueList {
	compare := func(a, b *ast.ChildValue) int { return strings.Compare(a.Name, b.Name) }
	if slices.IsSortedFunc(fields, compare) {
		return fields
	}
	sorted := slices.Clone(fields)
	slices.SortFunc(sorted, compare)
	return sorted
}

// isClean reports whether a string has only characters of ASCII that need no escape sequence.
func isClean(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
