package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes a plan for people to read: each request, what it comes after,
// and how its representations are made of what is stored.
func Print(w io.Writer, p *Plan) error {
	var b strings.Builder
	b.WriteString(p.Kind.String() + "\n")
	for _, s := range p.Steps {
		s.print(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintJSON writes a plan as JSON.
func PrintJSON(w io.Writer, p *Plan) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(p)
}

func (s *Step) print(b *strings.Builder) {
	fmt.Fprintf(b, "%d %s %s", s.ID, s.Kind, s.Subgraph)
	if len(s.Path) > 0 {
		b.WriteString(" at " + pathText(s.Path))
	}
	for i, a := range s.After {
		fmt.Fprintf(b, "%s%d", [2]string{" after ", ", "}[min(i, 1)], a)
	}
	if s.Rest != nil {
		fmt.Fprintf(b, " for what %d lacked", *s.Rest)
	}
	if s.Defer != 0 {
		fmt.Fprintf(b, " deferred %d", s.Defer)
	}
	b.WriteByte('\n')
	for _, e := range s.Entities {
		for _, t := range e.Targets {
			fmt.Fprintf(b, "    %s: %s", e.Alias, pathText(t.Path))
			for i, r := range t.Representations {
				fmt.Fprintf(b, "%s %s", [2]string{"", " or"}[min(i, 1)], r.Typename)
				if r.On != nil {
					b.WriteString("(" + strings.Join(r.On, "|") + ")")
				}
				b.WriteString(fieldsText(r.Fields))
			}
			b.WriteByte('\n')
			for _, a := range e.Arguments {
				a.print(b, t.Path)
			}
		}
	}
	b.WriteString(Indent(s.Query, "    "))
	printAliases(b, s.Shape)
	for _, e := range s.Entities {
		printAliases(b, e.Shape)
	}
}

func (a *ContextArgument) print(b *strings.Builder, path []Segment) {
	fmt.Fprintf(b, "    $%s from", a.Variable)
	for i, s := range a.Sources {
		fmt.Fprintf(b, "%s %s", [2]string{"", " or"}[min(i, 1)], pathText(path[:s.Depth]))
		if s.On != nil {
			b.WriteString("(" + strings.Join(s.On, "|") + ")")
		}
		b.WriteString(fieldsText(s.Fields))
	}
	b.WriteByte('\n')
}

// printAliases names the fields that are stored under another key than the
// subgraph gives them.
func printAliases(b *strings.Builder, shape []*ShapeField) {
	for _, f := range shape {
		if f.Wire != f.Key {
			fmt.Fprintf(b, "    %s is stored as %s\n", f.Wire, f.Key)
		}
		printAliases(b, f.Fields)
	}
}

func pathText(path []Segment) string {
	if len(path) == 0 {
		return "."
	}
	var b strings.Builder
	for i, s := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.Key)
		if s.Types != nil {
			b.WriteString("(" + strings.Join(s.Types, "|") + ")")
		}
	}
	return b.String()
}

func fieldsText(fields []RepresentationField) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name)
		if f.Key != f.Name {
			b.WriteString("=" + f.Key)
		}
		if f.On != nil {
			b.WriteString("(" + strings.Join(f.On, "|") + ")")
		}
		if f.Fields != nil {
			b.WriteString(fieldsText(f.Fields))
		}
	}
	b.WriteByte('}')
	return b.String()
}

// Indent breaks an operation's text, as a plan has it, into lines: each
// selection on one of its own, but for selection sets that fit into a line.
func Indent(query, prefix string) string {
	var b strings.Builder
	depth := 0
	line := func() { b.WriteString("\n" + prefix + strings.Repeat("  ", depth)) }
	b.WriteString(prefix)
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '"':
			end := stringEnd(query, i)
			b.WriteString(query[i:end])
			i = end - 1
		case c == '(':
			end := argumentsEnd(query, i)
			b.WriteString(query[i:end])
			i = end - 1
		case c == '{':
			if end := setEnd(query, i); end-i <= 60 {
				b.WriteString(query[i:end])
				i = end - 1
				continue
			}
			b.WriteByte('{')
			depth++
			line()
		case c == '}':
			depth--
			line()
			b.WriteByte('}')
		case c == ' ' && query[i-1] != 'n':
			line()
		case c == ' ' && !strings.HasSuffix(query[:i], "...on"):
			line()
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "\n"
}

// stringEnd is where the string that begins at i has ended.
func stringEnd(s string, i int) int {
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(s))
}

func argumentsEnd(s string, i int) int { return closing(s, i, '(', ')') }

func setEnd(s string, i int) int { return closing(s, i, '{', '}') }

// closing is where the bracket that opens at i is closed.
func closing(s string, i int, open, closed byte) int {
	for depth := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = stringEnd(s, i) - 1
		case open:
			depth++
		case closed:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
