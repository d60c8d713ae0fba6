package syntax

import "github.com/vektah/gqlparser/v2/ast"

// document reads the whole text.
func (p *plainParser) document() bool {
	doc := &p.nodes.document
	for p.next() != 0 {
		if !p.definition(doc) {
			return false
		}
	}
	return doc.Position != nil && p.at == len(p.text) && p.tokens <= p.most
}

func (p *plainParser) definition(doc *ast.QueryDocument) bool {
	n := p.nodes
	described := p.next() == '"'
	description, at, ok := p.description()
	if !ok {
		return false
	}
	doc.Position = n.positions.Of(at)
	position := p.newPosition()
	shorthand := p.next() == '{'
	keyword := string(ast.Query)
	if !shorthand {
		keyword, _ = p.name()
	}
	switch ast.Operation(keyword) {
	case ast.Query, ast.Mutation, ast.Subscription:
		op := n.operations.New()
		op.Position, op.Description, op.Operation = position, description, ast.Operation(keyword)
		doc.Operations = n.operationLists.Append(doc.Operations, op)
		if shorthand {
			op.SelectionSet, ok = p.selections()
			return ok && !described
		}
		return p.operation(op)
	case "fragment":
		f := n.fragments.New()
		f.Position, f.Description = position, description
		doc.Fragments = n.fragmentLists.Append(doc.Fragments, f)
		return p.fragmentDefinition(f)
	}
	return false
}

// description reads a description, if there is one. It returns the position of the next token.
func (p *plainParser) description() (text string, at ast.Position, ok bool) {
	if p.next() != '"' {
		return "", p.position(), true
	}
	_, text, at, ok = p.string()
	return text, at, ok
}

// operation reads an operation after its keyword.
func (p *plainParser) operation(op *ast.OperationDefinition) (ok bool) {
	op.Name, _ = p.name()
	if op.VariableDefinitions, ok = p.variables(); !ok {
		return false
	}
	if op.Directives, ok = p.directives(); !ok {
		return false
	}
	op.SelectionSet, ok = p.selections()
	return ok
}

// fragmentDefinition reads a fragment after its keyword.
func (p *plainParser) fragmentDefinition(f *ast.FragmentDefinition) (ok bool) {
	if f.Name, ok = p.name(); !ok || f.Name == "on" {
		return false
	}
	if on, _ := p.name(); on != "on" {
		return false
	}
	if f.TypeCondition, ok = p.name(); !ok {
		return false
	}
	if f.Directives, ok = p.directives(); !ok {
		return false
	}
	f.SelectionSet, ok = p.selections()
	return ok
}

// variables reads definitions of variables, if there are any.
func (p *plainParser) variables() (list ast.VariableDefinitionList, ok bool) {
	if !p.take('(') {
		return nil, true
	}
	for !p.take(')') {
		v := p.nodes.variables.New()
		if !p.variable(v) {
			return nil, false
		}
		list = p.nodes.variableLists.Append(list, v)
	}
	return list, len(list) > 0
}

func (p *plainParser) variable(v *ast.VariableDefinition) (ok bool) {
	if v.Description, _, ok = p.description(); !ok {
		return false
	}
	v.Position = p.newPosition()
	if !p.take('$') {
		return false
	}
	if v.Variable, ok = p.name(); !ok || !p.take(':') {
		return false
	}
	if v.Type, ok = p.typ(); !ok {
		return false
	}
	if p.take('=') {
		if v.DefaultValue, ok = p.value(true); !ok {
			return false
		}
	}
	v.Directives, ok = p.directives()
	return ok
}

func (p *plainParser) typ() (t *ast.Type, ok bool) {
	t = p.nodes.types.New()
	if p.take('[') {
		if !p.enter() {
			return nil, false
		}
		defer p.leave()
		t.Position = p.newPosition()
		if t.Elem, ok = p.typ(); !ok || !p.take(']') {
			return nil, false
		}
	} else {
		t.Position = p.newPosition()
		if t.NamedType, ok = p.name(); !ok {
			return nil, false
		}
	}
	t.NonNull = p.take('!')
	return t, true
}
