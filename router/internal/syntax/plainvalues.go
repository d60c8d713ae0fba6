package syntax

import "github.com/vektah/gqlparser/v2/ast"

// value reads a value. A constant has no variables.
func (p *plainParser) value(constant bool) (v *ast.Value, ok bool) {
	v = p.nodes.values.New()
	switch c := p.next(); {
	case c == '"':
		var at ast.Position
		v.Kind, v.Raw, at, ok = p.string()
		v.Position = p.nodes.positions.Of(at)
		return v, ok
	case c == '-' || digit(c):
		v.Position = p.newPosition()
		v.Kind, v.Raw, ok = p.number()
		v.Position.End = p.at - p.wide
		return v, ok
	}
	v.Position = p.newPosition()
	switch {
	case p.take('$'):
		v.Kind = ast.Variable
		v.Raw, ok = p.name()
		return v, ok && !constant
	case p.take('['):
		v.Kind = ast.ListValue
		v.Children, ok = p.list(constant)
		return v, ok
	case p.take('{'):
		v.Kind = ast.ObjectValue
		v.Children, ok = p.object(constant)
		return v, ok
	}
	v.Raw, ok = p.name()
	switch v.Raw {
	case "true", "false":
		v.Kind = ast.BooleanValue
	case "null":
		v.Kind = ast.NullValue
	default:
		v.Kind = ast.EnumValue
	}
	return v, ok
}

// list reads the items of a list, and its end.
func (p *plainParser) list(constant bool) (items ast.ChildValueList, ok bool) {
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	for !p.take(']') {
		item := p.nodes.children.New()
		if item.Value, ok = p.value(constant); !ok {
			return nil, false
		}
		items = p.nodes.childLists.Append(items, item)
	}
	return items, true
}

// object reads the fields of an object, and its end.
func (p *plainParser) object(constant bool) (fields ast.ChildValueList, ok bool) {
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	for !p.take('}') {
		f := p.nodes.children.New()
		f.Position = p.newPosition()
		if f.Name, ok = p.name(); !ok || !p.take(':') {
			return nil, false
		}
		if f.Value, ok = p.value(constant); !ok {
			return nil, false
		}
		fields = p.nodes.childLists.Append(fields, f)
	}
	return fields, true
}

// arguments reads arguments, if there are any.
func (p *plainParser) arguments() (list ast.ArgumentList, ok bool) {
	if !p.take('(') {
		return nil, true
	}
	for !p.take(')') {
		a := p.nodes.arguments.New()
		a.Position = p.newPosition()
		if a.Name, ok = p.name(); !ok || !p.take(':') {
			return nil, false
		}
		if a.Value, ok = p.value(false); !ok {
			return nil, false
		}
		list = p.nodes.argumentLists.Append(list, a)
	}
	return list, len(list) > 0
}

// directives reads directives, if there are any.
func (p *plainParser) directives() (list ast.DirectiveList, ok bool) {
	for p.take('@') {
		d := p.nodes.directives.New()
		d.Position = p.newPosition()
		if d.Name, ok = p.name(); !ok {
			return nil, false
		}
		if d.Arguments, ok = p.arguments(); !ok {
			return nil, false
		}
		list = p.nodes.directiveLists.Append(list, d)
	}
	return list, true
}
