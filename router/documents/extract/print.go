package extract

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/vektah/gqlparser/v2/ast"
)

// maxLine is the length of a line above which graphql-js puts each argument on a line of its own.
const maxLine = 80

// A printer prints as the function print of graphql-js 16.
type printer struct{ typename bool }

// printDocument prints an operation and fragments, with __typename in all selection sets but that of the
// operation if typename is set.
func printDocument(op *ast.OperationDefinition, fragments []*ast.FragmentDefinition, typename bool) string {
	p := printer{typename}
	parts := []string{p.operation(op)}
	for _, f := range fragments {
		parts = append(parts, printFragment(f, typename))
	}
	return strings.Join(parts, "\n\n")
}

func printFragment(f *ast.FragmentDefinition, typename bool) string {
	p := printer{typename}
	return description(f.Description, f.Position) + "fragment " + f.Name + wrap("(", strings.Join(p.variables(f.VariableDefinition), ", "), ")") + " on " + f.TypeCondition + " " + wrap("", p.directives(f.Directives), " ") + p.selections(f.SelectionSet, true)
}

func (p printer) operation(op *ast.OperationDefinition) string {
	variables := p.variables(op.VariableDefinitions)
	between := [3]string{"(", ", ", ")"}
	if slices.ContainsFunc(variables, func(v string) bool { return strings.Contains(v, "\n") }) {
		between = [3]string{"(\n", "\n", "\n)"}
	}
	head := op.Name + wrap(between[0], strings.Join(variables, between[1]), between[2])
	var parts []string
	for _, part := range []string{string(op.Operation), head, p.directives(op.Directives)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	prefix := description(op.Description, op.Position) + strings.Join(parts, " ")
	if prefix == "query" {
		return p.selections(op.SelectionSet, false)
	}
	return prefix + " " + p.selections(op.SelectionSet, false)
}

func (p printer) variables(list ast.VariableDefinitionList) (out []string) {
	for _, v := range list {
		text := description(v.Description, v.Position) + "$" + v.Variable + ": " + v.Type.String()
		if v.DefaultValue != nil {
			text += " = " + value(v.DefaultValue)
		}
		out = append(out, text+wrap(" ", p.directives(v.Directives), ""))
	}
	return out
}

// description prints a description and a line break. at is the position of what is described: the
// parser does not tell whether the description is a block string.
func description(text string, at *ast.Position) string {
	if text == "" {
		return ""
	}
	before := strings.TrimRight(string([]rune(at.Src.Input)[:at.Start]), " \t\r\n,")
	if strings.HasSuffix(before, `"""`) {
		return block(text) + "\n"
	}
	return quote(text) + "\n"
}

// length is the length of a text in JavaScript.
func length(text string) int { return len(utf16.Encode([]rune(text))) }

func (p printer) directives(list ast.DirectiveList) string {
	var out []string
	for _, d := range list {
		out = append(out, "@"+d.Name+wrap("(", strings.Join(arguments(d.Arguments), ", "), ")"))
	}
	return strings.Join(out, " ")
}

func arguments(list ast.ArgumentList) (out []string) {
	for _, a := range list {
		out = append(out, a.Name+": "+value(a.Value))
	}
	return out
}

// selections prints a selection set. inner is set if it is not that of an operation.
func (p printer) selections(set ast.SelectionSet, inner bool) string {
	if len(set) == 0 {
		return ""
	}
	var out []string
	has := false
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			has = has || strings.HasPrefix(s.Name, "__")
			out = append(out, p.field(s))
		case *ast.FragmentSpread:
			out = append(out, "..."+s.Name+wrap(" ", p.directives(s.Directives), ""))
		case *ast.InlineFragment:
			parts := []string{"..."}
			for _, part := range []string{wrap("on ", s.TypeCondition, ""), p.directives(s.Directives), p.selections(s.SelectionSet, true)} {
				if part != "" {
					parts = append(parts, part)
				}
			}
			out = append(out, strings.Join(parts, " "))
		}
	}
	if p.typename && inner && !has {
		out = append(out, "__typename")
	}
	return "{\n" + indent(strings.Join(out, "\n")) + "\n}"
}

func (p printer) field(f *ast.Field) string {
	prefix := f.Name
	if f.Alias != "" && (f.Alias != f.Name || aliased(f)) {
		prefix = f.Alias + ": " + f.Name
	}
	given := arguments(f.Arguments)
	line := prefix + wrap("(", strings.Join(given, ", "), ")")
	if length(line) > maxLine {
		line = prefix + wrap("(\n", indent(strings.Join(given, "\n")), "\n)")
	}
	parts := []string{line}
	for _, part := range []string{p.directives(f.Directives), p.selections(f.SelectionSet, true)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// aliased reports whether a field has its own name as its alias, which the parser does not tell.
func aliased(f *ast.Field) bool {
	if f.Position == nil || !strings.Contains(f.Position.Src.Input, f.Name+":") {
		return false
	}
	rest := []rune(f.Position.Src.Input)[f.Position.Start:] // positions count runes
	return strings.HasPrefix(string(rest[:min(len(rest), len(f.Name)+1)]), f.Name+":")
}

func value(v *ast.Value) string {
	var out []string
	switch v.Kind {
	case ast.Variable:
		return "$" + v.Raw
	case ast.StringValue:
		return quote(v.Raw)
	case ast.BlockValue:
		return block(v.Raw)
	case ast.ListValue:
		for _, c := range v.Children {
			out = append(out, value(c.Value))
		}
		return "[" + strings.Join(out, ", ") + "]"
	case ast.ObjectValue:
		for _, c := range v.Children {
			out = append(out, c.Name+": "+value(c.Value))
		}
		return "{" + strings.Join(out, ", ") + "}"
	}
	return v.Raw
}

// quote prints a string with the escape sequences of graphql-js.
func quote(s string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var out strings.Builder
	for _, c := range s {
		switch escaped, ok := short[c]; {
		case ok:
			out.WriteString(escaped)
		case c < 0x20 || c >= 0x7f && c <= 0x9f:
			out.WriteString(`\u00`)
			if c < 0x10 {
				out.WriteByte('0')
			}
			out.WriteString(strings.ToUpper(strconv.FormatInt(int64(c), 16)))
		default:
			out.WriteRune(c)
		}
	}
	return `"` + out.String() + `"`
}

// block prints a block string.
func block(s string) string {
	escaped := strings.ReplaceAll(s, `"""`, `\"""`)
	lines := strings.Split(escaped, "\n")
	single := len(lines) == 1
	indented := len(lines) > 1
	for _, line := range lines[1:] {
		indented = indented && (line == "" || line[0] == ' ' || line[0] == '\t')
	}
	trailing := strings.HasSuffix(escaped, `\"""`)
	quoted := strings.HasSuffix(s, `"`) && !trailing
	ends := quoted || strings.HasSuffix(s, `\`)
	several := !single || length(s) > 70 || ends || indented || trailing
	out := ""
	first := single && s != "" && (s[0] == ' ' || s[0] == '\t')
	if several && !first || indented {
		out += "\n"
	}
	out += escaped
	if several || ends {
		out += "\n"
	}
	return `"""` + out + `"""`
}

func wrap(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

func indent(text string) string { return wrap("  ", strings.ReplaceAll(text, "\n", "\n  "), "") }
