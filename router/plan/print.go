package plan

import (
	"fmt"
	"io"
	"strings"
)

// Print writes a plan in the text notation of docs/query-plans.md: each fetch,
// what it depends on, and how its representations are built from what is stored.
func Print(w io.Writer, p *Plan) error {
	var b strings.Builder
	b.WriteString(p.Kind.String() + "\n")
	for _, f := range p.Fetches {
		f.print(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Fetch) print(b *strings.Builder) {
	fmt.Fprintf(b, "%d %s %s", f.ID, strings.Replace(string(f.Kind), "entityFetch", "entity fetch", 1), f.Subgraph)
	if len(f.Path) > 0 {
		b.WriteString(" at " + pathText(f.Path))
	}
	for i, id := range f.DependsOn {
		fmt.Fprintf(b, "%s%d", [2]string{" depends on ", ", "}[min(i, 1)], id)
	}
	if f.FallbackFor != nil {
		fmt.Fprintf(b, " fallback for %d", *f.FallbackFor)
	}
	if f.DeferID != 0 {
		fmt.Fprintf(b, " deferred %d", f.DeferID)
	}
	b.WriteByte('\n')
	for _, e := range f.Entities {
		for _, t := range e.Targets {
			fmt.Fprintf(b, "    %s: %s", e.ResponseKey, pathText(t.Path))
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
	b.WriteString(Indent(f.Query, "    "))
	printAliases(b, f.Selections)
	for _, e := range f.Entities {
		printAliases(b, e.Selections)
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

// printAliases names the fields that are stored under another key than they have
// in the subgraph's response.
func printAliases(b *strings.Builder, selections Selections) {
	for _, f := range selections.Flatten() {
		if f.ResponseKey != f.StorageKey {
			fmt.Fprintf(b, "    %s is stored as %s\n", f.ResponseKey, f.StorageKey)
		}
		printAliases(b, f.Selections)
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
		b.WriteString(s.StorageKey)
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
		if f.StorageKey != f.Name {
			b.WriteString("=" + f.StorageKey)
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
		case c == ' ' && depth == 0: // before the name of the operation
			b.WriteByte(c)
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
