package operation

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// String returns the canonical text of the operation: valid GraphQL, indented by
// two spaces per level. A comment marks a denied field and the directive an
// active @defer. Two operations have the same text if and only if they are equal
// except for the line and column of their fields.
func (o *Operation) String() string {
	var p printer
	p.WriteString(o.Kind.String())
	if o.Name != "" {
		p.WriteString(" " + o.Name)
	}
	p.operation(o)
	return p.String()
}

// Key returns the cache key for plans of the operation: the text of String
// without indentation and without the operation's name.
func (o *Operation) Key() string {
	p := printer{close: true}
	p.WriteString(o.Kind.String())
	p.operation(o)
	return p.String()
}

type printer struct {
	strings.Builder
	close bool
	depth int
}

func (p *printer) operation(o *Operation) {
	for i, v := range o.Variables {
		p.WriteString([2]string{"(", ", "}[min(i, 1)])
		p.WriteString("$" + v.Name + ": " + v.Type)
		if v.Default != "" {
			p.WriteString(" = " + v.Default)
		}
	}
	if len(o.Variables) > 0 {
		p.WriteByte(')')
	}
	p.selections(o.Selections)
}

func (p *printer) selections(list []Selection) {
	p.space()
	p.WriteByte('{')
	p.depth++
	for i, sel := range list {
		if p.close && i > 0 {
			p.WriteByte(' ')
		}
		p.line()
		switch sel := sel.(type) {
		case *Field:
			p.field(sel)
		case *InlineFragment:
			p.WriteString("...")
			if sel.TypeCondition != "" {
				p.WriteString(" on " + sel.TypeCondition)
			}
			if sel.Defer != nil {
				p.WriteString(" @defer")
				if sel.Defer.Label != "" {
					p.WriteString("(label: " + quote(sel.Defer.Label) + ")")
				}
			}
			p.selections(sel.Selections)
		}
	}
	p.depth--
	p.line()
	p.WriteByte('}')
}

func (p *printer) field(f *Field) {
	if f.Alias != f.Name {
		p.WriteString(f.Alias + ": ")
	}
	p.WriteString(f.Name)
	for i, a := range f.Arguments {
		p.WriteString([2]string{"(", ", "}[min(i, 1)])
		p.WriteString(a.Name + ": " + a.Value)
	}
	if len(f.Arguments) > 0 {
		p.WriteByte(')')
	}
	if len(f.Selections) > 0 {
		p.selections(f.Selections)
	}
	if f.Denied != nil {
		p.WriteString(" # denied: " + f.Denied.Code + " " + strings.ReplaceAll(f.Denied.Message, "\n", " "))
		if p.close {
			p.WriteByte('\n')
		}
	}
}

func (p *printer) space() {
	if !p.close {
		p.WriteByte(' ')
	}
}

func (p *printer) line() {
	if !p.close {
		p.WriteByte('\n')
		for range p.depth {
			p.WriteString("  ")
		}
	}
}

func quote(s string) string {
	return (&ast.Value{Kind: ast.StringValue, Raw: s}).String()
}
