package schema

import (
	"slices"
	"strings"
)

// Print returns the schema as Apollo's composition prints it: the schema, then
// directives and types in the order of their names.
func (s *Schema) Print() string {
	return s.PrintWith(nil)
}

// PrintType returns one type as Print prints it.
func (s *Schema) PrintType(t *Type) string { return s.PrintTypes([]*Type{t})[0] }

// PrintTypes returns each of some types as Print prints it. The texts share memory.
func (s *Schema) PrintTypes(types []*Type) []string {
	p := &printer{schema: s}
	ends := make([]int, len(types))
	for i, t := range types {
		p.typ(t)
		ends[i] = p.Len()
	}
	all, start := p.String(), 0
	texts := make([]string, len(types))
	for i, end := range ends {
		texts[i], start = all[start:end], end
	}
	return texts
}

// WritesValues reports whether PrintType writes values of types that the schema defines
// for a type, so that its text depends on these.
func (s *Schema) WritesValues(t *Type) bool {
	return s.writesValues(&t.Node) ||
		slices.ContainsFunc(t.Values, func(v *EnumValue) bool { return s.writesValues(&v.Node) }) ||
		slices.ContainsFunc(t.Fields, s.writesValuesOf)
}

func (s *Schema) writesValuesOf(f *Field) bool {
	return f.Default != nil && !BuiltIn(f.Type.Base()) || s.writesValues(&f.Node) || slices.ContainsFunc(f.Arguments, s.writesValuesOf)
}

func (s *Schema) writesValues(n *Node) bool {
	return slices.ContainsFunc(n.Applied, func(d *Directive) bool {
		definition := s.Directive(d.Name)
		return !strings.HasPrefix(d.Name, "join__") && slices.ContainsFunc(d.Arguments, func(a Argument) bool {
			ref := definition.argumentType(a.Name)
			return ref == nil || !BuiltIn(ref.Base())
		})
	})
}

// PrintDirective returns the definition of a directive as Print prints it.
func (s *Schema) PrintDirective(d *Definition) string {
	p := &printer{schema: s}
	p.definition(d)
	return p.String()
}

// PrintWith is Print with a function that prints each type, unless it is nil.
func (s *Schema) PrintWith(print func(*Type) string) string {
	p := &printer{schema: s}
	p.Grow(averageType * len(s.Types))
	p.schemaDefinition()
	directives := slices.Clone(s.Directives)
	slices.SortStableFunc(directives, func(a, b *Definition) int { return CompareNames(a.Name, b.Name) })
	for _, d := range directives {
		p.gap()
		p.definition(d)
	}
	types := slices.Clone(s.Types)
	slices.SortStableFunc(types, func(a, b *Type) int { return CompareNames(a.Name, b.Name) })
	for _, t := range types {
		p.gap()
		if print == nil {
			p.typ(t)
		} else {
			p.WriteString(print(t))
		}
	}
	return p.String()
}

// averageType is about how many bytes a type of a supergraph takes.
const averageType = 1024

type printer struct {
	strings.Builder
	schema *Schema
}

func (p *printer) gap() {
	if p.Len() > 0 {
		p.WriteString("\n\n")
	}
}

func (p *printer) schemaDefinition() {
	s := p.schema
	p.description(&s.Node, "", true)
	p.WriteString("schema")
	p.lines(s.Applied)
	p.WriteString("\n{\n")
	for operation, root := range s.Roots {
		if root != "" {
			p.WriteString("  " + OperationNames[operation] + ": " + root + "\n")
		}
	}
	p.WriteString("}")
}

func (p *printer) definition(d *Definition) {
	p.description(&d.Node, "", true)
	p.WriteString("directive @" + d.Name)
	p.arguments(d.Arguments, "")
	if d.Repeatable {
		p.WriteString(" repeatable")
	}
	p.WriteString(" on " + strings.Join(d.Locations, " | "))
}

func (p *printer) typ(t *Type) {
	p.description(&t.Node, "", true)
	p.WriteString([...]string{"scalar", "type", "interface", "union", "enum", "input"}[t.Kind] + " " + t.Name)
	for i, each := range t.Interfaces {
		if i == 0 {
			p.WriteString(" implements " + each.Name)
		} else {
			p.WriteString(" & " + each.Name)
		}
	}
	p.lines(t.Applied)
	switch t.Kind {
	case Scalar:
	case Union:
		p.union(t)
	case Enum:
		p.open(t)
		for i, v := range t.Values {
			p.description(&v.Node, "  ", i == 0)
			p.WriteString("  " + v.Name)
			p.inline(v.Applied)
			p.WriteByte('\n')
		}
		p.WriteByte('}')
	default:
		p.open(t)
		for i, f := range t.Fields {
			p.description(&f.Node, "  ", i == 0)
			p.WriteString("  ")
			p.WriteString(f.Name)
			p.arguments(f.Arguments, "  ")
			p.WriteString(": ")
			f.Type.write(&p.Builder)
			if f.Default != nil {
				p.WriteString(" = ")
				f.Default.Write(&p.Builder, f.Type, p.schema)
			}
			p.inline(f.Applied)
			p.WriteByte('\n')
		}
		p.WriteByte('}')
	}
}

func (p *printer) union(t *Type) {
	if len(t.Members) == 0 {
		return
	}
	if len(t.Applied) > 0 {
		p.WriteByte('\n')
	}
	for i, m := range t.Members {
		if i == 0 {
			p.WriteString(" = " + m.Name)
		} else {
			p.WriteString(" | " + m.Name)
		}
	}
}

// open begins the block of a type.
func (p *printer) open(t *Type) {
	if len(t.Applied) > 0 {
		p.WriteString("\n{\n")
	} else {
		p.WriteString(" {\n")
	}
}

func (p *printer) arguments(list []*Field, indent string) {
	if len(list) == 0 {
		return
	}
	if !slices.ContainsFunc(list, func(a *Field) bool { return a.Description != "" }) {
		p.WriteByte('(')
		for i, a := range list {
			if i > 0 {
				p.WriteString(", ")
			}
			p.argument(a)
		}
		p.WriteByte(')')
		return
	}
	p.WriteString("(\n")
	for i, a := range list {
		p.description(&a.Node, "  "+indent, i == 0)
		p.WriteString("  " + indent)
		p.argument(a)
		p.WriteByte('\n')
	}
	p.WriteString(indent + ")")
}

func (p *printer) argument(a *Field) {
	p.WriteString(a.Name)
	p.WriteString(": ")
	a.Type.write(&p.Builder)
	if a.Default != nil {
		p.WriteString(" = ")
		a.Default.Write(&p.Builder, a.Type, p.schema)
	}
	p.inline(a.Applied)
}

// lines prints each application on its own line.
func (p *printer) lines(applied []*Directive) {
	for _, d := range applied {
		p.WriteString("\n  ")
		p.application(d)
	}
}

func (p *printer) inline(applied []*Directive) {
	for _, d := range applied {
		p.WriteByte(' ')
		p.application(d)
	}
}

func (p *printer) application(d *Directive) { d.write(&p.Builder, p.schema) }

// Print returns the application as GraphQL writes it.
func (d *Directive) Print(s *Schema) string {
	var b strings.Builder
	d.write(&b, s)
	return b.String()
}

func (d *Directive) write(b *strings.Builder, s *Schema) {
	b.WriteByte('@')
	b.WriteString(d.Name)
	definition := s.Directive(d.Name)
	separator := "("
	for _, a := range d.Arguments {
		if a.Value == nil {
			continue
		}
		b.WriteString(separator)
		b.WriteString(a.Name)
		b.WriteString(": ")
		separator = ", "
		a.Value.Write(b, definition.argumentType(a.Name), s)
	}
	if separator == ", " {
		b.WriteByte(')')
	}
}

// wide is the length from which a description is on lines of its own.
const wide = 70

func (p *printer) description(n *Node, indent string, first bool) {
	if !n.Described {
		return
	}
	if indent != "" && !first {
		p.WriteByte('\n')
	}
	p.WriteString(indent + strings.ReplaceAll(block(n.Description), "\n", "\n"+indent) + "\n")
}

// block returns a description as a block string.
func block(text string) string {
	single := !strings.Contains(text, "\n")
	padded := strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t")
	lines := !single || strings.HasSuffix(text, `"`) || strings.HasSuffix(text, `\`) || utf16Length(text) > wide
	var b strings.Builder
	b.WriteString(`"""`)
	if lines && (!single || !padded) {
		b.WriteByte('\n')
	}
	b.WriteString(strings.ReplaceAll(text, `"""`, `\"""`))
	if lines {
		b.WriteByte('\n')
	}
	b.WriteString(`"""`)
	return b.String()
}

// utf16Length is the length of a text in JavaScript.
func utf16Length(text string) int {
	n := 0
	for _, r := range text {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}
