package syntax

import (
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/slab"
)

// Nodes are the memory of a syntax tree. Most documents are parsed once, and their trees are needed for
// some microseconds: the next document gets the same memory.
type Nodes struct {
	source     ast.Source
	document   ast.QueryDocument
	operations [1]*ast.OperationDefinition
	operation  ast.OperationDefinition

	positions     slab.Slab[ast.Position]
	variables     slab.Slab[ast.VariableDefinition]
	variableLists slab.Slab[*ast.VariableDefinition]
	selections    slab.Slab[ast.Selection]
	fields        slab.Slab[ast.Field]
	fragments     slab.Slab[ast.InlineFragment]
	arguments     slab.Slab[ast.Argument]
	argumentLists slab.Slab[*ast.Argument]
	values        slab.Slab[ast.Value]
}

const (
	// maxNodes is the size in bytes of nodes that are kept for other documents. Few documents need
	// so much.
	maxNodes = 256 << 10
	// plainDepth is how deep the selection sets of plain documents nest.
	plainDepth = 100
)

var nodes = sync.Pool{New: func() any { return new(Nodes) }}

// Plain parses a plain document of at most so many tokens, or of any number for 0: one operation without
// directives, comments, named fragments, default values, lists and objects in arguments, and strings with
// escapes or other characters than ASCII. For these, the result is equal to that of [Query]. For any other
// text it is nil.
//
// The types of variables do not belong to the nodes. All else is void after Release.
func Plain(text string, tokens int) (*ast.QueryDocument, *Nodes) {
	n := nodes.Get().(*Nodes)
	p := plainParser{text: text, line: 1, nodes: n}
	n.source = ast.Source{Input: text}
	if !p.document() || tokens > 0 && p.tokens > tokens {
		n.Release()
		return nil, nil
	}
	return &n.document, n
}

// Release takes back the nodes. It does nothing for nil.
func (n *Nodes) Release() {
	if n == nil {
		return
	}
	n.source, n.document, n.operation = ast.Source{}, ast.QueryDocument{}, ast.OperationDefinition{}
	size := 0
	for _, s := range [...]interface {
		Reset()
		Bytes() int
	}{&n.positions, &n.variables, &n.variableLists, &n.selections, &n.fields, &n.fragments, &n.arguments, &n.argumentLists, &n.values} {
		s.Reset()
		size += s.Bytes()
	}
	if size <= maxNodes {
		nodes.Put(n)
	}
}

// A plainParser parses a plain document. Its methods return false where the document is not plain.
type plainParser struct {
	text   string
	at     int
	tokens int
	depth  int
	// line is that of at, and begins at lineStart.
	line, lineStart int

	nodes *Nodes
	// types is the source that the types of variables refer to, since they outlive the nodes.
	types *ast.Source
}

// next skips what is ignored between tokens, and returns the byte that the next token begins with, or 0
// at the end.
func (p *plainParser) next() byte {
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case ' ', '\t', ',':
		case '\n':
			p.line, p.lineStart = p.line+1, p.at+1
		case '\r':
			p.line, p.lineStart = p.line+1, p.at+1
			if p.at+1 < len(p.text) && p.text[p.at+1] == '\n' {
				p.at++ // the library counts columns from here
			}
		default:
			return c
		}
	}
	return 0
}

// take reads a token of one byte if it is the next one.
func (p *plainParser) take(token byte) bool {
	if p.next() != token {
		return false
	}
	p.at++
	p.tokens++
	return true
}

func isNameStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// nameEnd returns the end of the name that begins at a place.
func (p *plainParser) nameEnd(i int) int {
	for i < len(p.text) && (isNameStart(p.text[i]) || p.text[i] >= '0' && p.text[i] <= '9') {
		i++
	}
	return i
}

func (p *plainParser) name() (name string, ok bool) {
	if !isNameStart(p.next()) {
		return "", false
	}
	start := p.at
	p.at = p.nameEnd(start)
	p.tokens++
	return p.text[start:p.at], true
}

// position returns the position of the next token, which is a name or has one byte.
func (p *plainParser) position() ast.Position {
	named := isNameStart(p.next())
	end := p.at + 1
	if named {
		end = p.nameEnd(p.at)
	}
	return ast.Position{Start: p.at, End: end, Line: p.line, Column: p.at - p.lineStart + 1, Src: &p.nodes.source}
}

func (p *plainParser) newPosition() *ast.Position { return p.nodes.positions.Of(p.position()) }

func (p *plainParser) document() bool {
	n := p.nodes
	op := &n.operation
	n.document.Position, op.Position = p.newPosition(), p.newPosition()
	op.Operation = ast.Query
	if p.next() != '{' {
		keyword, _ := p.name()
		switch op.Operation = ast.Operation(keyword); op.Operation {
		case ast.Query, ast.Mutation, ast.Subscription:
		default:
			return false
		}
		op.Name, _ = p.name()
		if p.take('(') && !p.variables(op) {
			return false
		}
	}
	var ok bool
	if op.SelectionSet, ok = p.selections(); !ok || p.next() != 0 || p.at < len(p.text) {
		return false
	}
	n.operations[0] = op
	n.document.Operations = n.operations[:]
	return true
}

func (p *plainParser) variables(op *ast.OperationDefinition) bool {
	n := p.nodes
	for !p.take(')') {
		v := n.variables.New()
		v.Position = p.newPosition()
		var named bool
		if !p.take('$') {
			return false
		}
		if v.Variable, named = p.name(); !named || !p.take(':') {
			return false
		}
		if v.Type = p.typ(0); v.Type == nil {
			return false
		}
		op.VariableDefinitions = n.variableLists.Append(op.VariableDefinitions, v)
	}
	return len(op.VariableDefinitions) > 0
}

// typ reads a type, or returns nil.
func (p *plainParser) typ(depth int) *ast.Type {
	if depth > plainDepth {
		return nil
	}
	if p.types == nil {
		p.types = &ast.Source{Input: p.text}
	}
	t := new(ast.Type)
	list := p.take('[')
	at := p.position()
	at.Src = p.types
	t.Position = &at
	if list {
		if t.Elem = p.typ(depth + 1); t.Elem == nil || !p.take(']') {
			return nil
		}
	} else {
		var ok bool
		if t.NamedType, ok = p.name(); !ok {
			return nil
		}
	}
	t.NonNull = p.take('!')
	return t
}

func (p *plainParser) selections() (set ast.SelectionSet, ok bool) {
	if p.depth++; p.depth > plainDepth || !p.take('{') {
		return nil, false
	}
	for !p.take('}') {
		var s ast.Selection
		if p.next() == '.' {
			s, ok = p.fragment()
		} else {
			s, ok = p.field()
		}
		if !ok {
			return nil, false
		}
		set = p.nodes.selections.Append(set, s)
	}
	p.depth--
	return set, len(set) > 0
}

// fragment reads an inline fragment.
func (p *plainParser) fragment() (f *ast.InlineFragment, ok bool) {
	const spread = "..."
	if len(p.text)-p.at < len(spread) || p.text[p.at:p.at+len(spread)] != spread {
		return nil, false
	}
	p.at += len(spread)
	p.tokens++
	f = p.nodes.fragments.New()
	f.Position = p.newPosition()
	if isNameStart(p.next()) {
		if on, _ := p.name(); on != "on" {
			return nil, false
		}
		if f.TypeCondition, ok = p.name(); !ok {
			return nil, false
		}
	}
	f.SelectionSet, ok = p.selections()
	return f, ok
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
	if p.take('(') {
		if f.Arguments, ok = p.arguments(); !ok {
			return nil, false
		}
	}
	if p.next() == '{' {
		f.SelectionSet, ok = p.selections()
	}
	return f, ok
}

func (p *plainParser) arguments() (list ast.ArgumentList, ok bool) {
	for !p.take(')') {
		a := p.nodes.arguments.New()
		a.Position = p.newPosition()
		if a.Name, ok = p.name(); !ok || !p.take(':') {
			return nil, false
		}
		if a.Value, ok = p.value(); !ok {
			return nil, false
		}
		list = p.nodes.argumentLists.Append(list, a)
	}
	return list, len(list) > 0
}

func (p *plainParser) value() (v *ast.Value, ok bool) {
	v = p.nodes.values.New()
	v.Position = p.newPosition()
	switch c := p.next(); {
	case p.take('$'):
		v.Kind = ast.Variable
		v.Raw, ok = p.name()
	case c == '"':
		v.Kind = ast.StringValue
		v.Raw, ok = p.string()
		v.Position.End = p.at
		v.Position.Column++ // as the library has it
	case c == '-' || c >= '0' && c <= '9':
		v.Kind = ast.IntValue
		v.Raw, ok = p.integer()
		v.Position.End = p.at
	case isNameStart(c):
		v.Raw, ok = p.name()
		switch v.Raw {
		case "true", "false":
			v.Kind = ast.BooleanValue
		case "null":
			v.Kind = ast.NullValue
		default:
			v.Kind = ast.EnumValue
		}
	}
	return v, ok
}

// string reads a string without escapes.
func (p *plainParser) string() (value string, ok bool) {
	start := p.at + 1
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.at = i + 1
			p.tokens++
			block := i == start && p.at < len(p.text) && p.text[p.at] == '"'
			return p.text[start:i], !block
		case c == '\\' || c < ' ' || c > '~':
			return "", false
		}
	}
	return "", false
}

func (p *plainParser) integer() (value string, ok bool) {
	start := p.at
	digits := start
	if p.text[start] == '-' {
		digits++
	}
	end := p.nameEnd(digits)
	for i := digits; i < end; i++ {
		if c := p.text[i]; c < '0' || c > '9' {
			return "", false
		}
	}
	if end == digits || p.text[digits] == '0' && end > digits+1 || end < len(p.text) && p.text[end] == '.' {
		return "", false
	}
	p.at = end
	p.tokens++
	return p.text[start:end], true
}
