package syntax

import "github.com/vektah/gqlparser/v2/ast"

func (p *plainParser) selections() (set ast.SelectionSet, ok bool) {
	if !p.enter() || !p.take('{') {
		return nil, false
	}
	defer p.leave()
	for !p.take('}') {
		var s ast.Selection
		if p.spread() {
			s, ok = p.fragment()
		} else {
			s, ok = p.field()
		}
		if !ok {
			return nil, false
		}
		set = p.nodes.selections.Append(set, s)
	}
	return set, len(set) > 0
}

func (p *plainParser) field() (f *ast.Field, ok bool) {
	f = p.nodes.fields.New()
	f.Position = p.newPosition()
	if f.Alias, ok = p.name(); !ok {
		return nil, false
	}
	f.Name = f.Alias
	if p.take(':') {
		if f.Name, ok = p.name(); !ok {
			return nil, false
		}
	}
	if f.Arguments, ok = p.arguments(); !ok {
		return nil, false
	}
	if f.Directives, ok = p.directives(); !ok {
		return nil, false
	}
	if p.next() == '{' {
		f.SelectionSet, ok = p.selections()
	}
	return f, ok
}

// fragment reads a fragment spread or an inline fragment after its dots.
func (p *plainParser) fragment() (ast.Selection, bool) {
	at := p.newPosition()
	name, named := p.name()
	if named && name != "on" {
		s := p.nodes.spreads.New()
		s.Position, s.Name = at, name
		var ok bool
		s.Directives, ok = p.directives()
		return s, ok
	}
	f := p.nodes.inline.New()
	f.Position = at
	ok := true
	if named {
		f.TypeCondition, ok = p.name()
	}
	if !ok {
		return nil, false
	}
	if f.Directives, ok = p.directives(); !ok {
		return nil, false
	}
	f.SelectionSet, ok = p.selections()
	return f, ok
}
