package eventsource

import (
	"errors"
	"fmt"
	"strings"

	"souk/router/supergraph"
)

const (
	// maxFilter bounds the length of a filter in bytes, and maxFilterDepth how deep its
	// parentheses and negations are nested.
	maxFilter      = 4096
	maxFilterDepth = 32
)

// A condition decides whether a subscription gets an event.
type condition interface {
	holds(event any, arguments map[string]any) bool
}

type (
	both    struct{ a, b condition }
	either  struct{ a, b condition }
	negated struct{ of condition }
	// A comparison compares two operands.
	comparison struct {
		operator string
		a, b     operand
	}
)

func (c both) holds(e any, a map[string]any) bool    { return c.a.holds(e, a) && c.b.holds(e, a) }
func (c either) holds(e any, a map[string]any) bool  { return c.a.holds(e, a) || c.b.holds(e, a) }
func (c negated) holds(e any, a map[string]any) bool { return !c.of.holds(e, a) }

// An operand is a literal, a field of the event or an argument.
type operand struct {
	literal  any
	path     []string
	argument bool
}

func (o operand) value(event any, arguments map[string]any) any {
	switch {
	case o.path == nil:
		return o.literal
	case o.argument:
		return lookup(arguments, o.path)
	}
	return lookup(event, o.path)
}

func (c comparison) holds(event any, arguments map[string]any) bool {
	a, b := c.a.value(event, arguments), c.b.value(event, arguments)
	switch c.operator {
	case "==":
		return equal(a, b)
	case "!=":
		return !equal(a, b)
	case "in":
		list, _ := b.([]any)
		for _, item := range list {
			if equal(a, item) {
				return true
			}
		}
		return false
	}
	n, ok := order(a, b)
	if !ok {
		return false
	}
	switch c.operator {
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n >= 0
}

// parseFilter parses the filter of a field:
//
//	filter     = and { "||" and } .
//	and        = unary { "&&" unary } .
//	unary      = "!" unary | "(" filter ")" | comparison .
//	comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" ) operand .
//	operand    = "event." path | "args." path | JSON string or number | "true" | "false" | "null" .
//
// A field or argument without a value is null. The order of two values is defined for two
// numbers and for two strings; otherwise <, <=, > and >= are false.
func parseFilter(text string, f *supergraph.Field) (condition, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("the filter has %d bytes; the maximum is %d", len(text), maxFilter)
	}
	p := &filterParser{text: text, field: f}
	c, err := p.filter(0)
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("%q is not expected", p.peek())
	}
	if err != nil {
		return nil, fmt.Errorf("the filter %q at column %d: %w", text, p.at+1, err)
	}
	return c, nil
}

type filterParser struct {
	text  string
	at    int
	field *supergraph.Field
}

// peek returns the next token without reading it; "" at the end.
func (p *filterParser) peek() string {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
	rest := p.text[p.at:]
	for _, symbol := range []string{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")"} {
		if strings.HasPrefix(rest, symbol) {
			return symbol
		}
	}
	if strings.HasPrefix(rest, `"`) {
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return rest[:i+1]
			}
		}
		return rest
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) })
	switch {
	case end < 0:
		return rest
	case end == 0:
		return rest[:1]
	}
	return rest[:end]
}

func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '.' || r == '-' || r == '+'
}

// take reads a token if it is the next one.
func (p *filterParser) take(token string) bool {
	if p.peek() != token {
		return false
	}
	p.at += len(token)
	return true
}

func (p *filterParser) filter(depth int) (condition, error) {
	c, err := p.and(depth)
	for err == nil && p.take("||") {
		var next condition
		next, err = p.and(depth)
		c = either{c, next}
	}
	return c, err
}

func (p *filterParser) and(depth int) (condition, error) {
	c, err := p.unary(depth)
	for err == nil && p.take("&&") {
		var next condition
		next, err = p.unary(depth)
		c = both{c, next}
	}
	return c, err
}

func (p *filterParser) unary(depth int) (condition, error) {
	switch {
	case depth > maxFilterDepth:
		return nil, fmt.Errorf("it is nested deeper than %d", maxFilterDepth)
	case p.take("!"):
		c, err := p.unary(depth + 1)
		return negated{c}, err
	case p.take("("):
		c, err := p.filter(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a ) is missing")
		}
		return c, err
	}
	return p.comparison()
}

func (p *filterParser) comparison() (condition, error) {
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	c := comparison{a: a}
	switch token := p.peek(); token {
	case "==", "!=", "<", "<=", ">", ">=", "in":
		c.operator = token
		p.take(token)
	default:
		return nil, fmt.Errorf("a comparison is expected (==, !=, <, <=, >, >= or in), not %q", token)
	}
	c.b, err = p.operand()
	if err == nil && c.operator == "in" && c.b.path == nil {
		err = errors.New("the right side of in must be a list: a field of the event or an argument")
	}
	return c, err
}

func (p *filterParser) operand() (operand, error) {
	token := p.peek()
	path := strings.Split(token, ".")
	switch path[0] {
	case "event", "args":
		if len(path) < 2 || strings.Contains(token, "..") || strings.HasSuffix(token, ".") {
			return operand{}, fmt.Errorf("%q names no field; write %s.NAME", token, path[0])
		}
		o := operand{path: path[1:], argument: path[0] == "args"}
		if o.argument && !hasArgument(p.field, o.path[0]) {
			return operand{}, fmt.Errorf("%s.%s has no argument %q", p.field.Parent.Name, p.field.Name, o.path[0])
		}
		p.take(token)
		return o, nil
	}
	v, err := decode([]byte(token))
	if err != nil {
		return operand{}, fmt.Errorf("%q is not a value; write event.NAME, args.NAME, a string in double quotes, a number, true, false or null", token)
	}
	switch v.(type) {
	case map[string]any, []any:
		return operand{}, fmt.Errorf("%q is not a value", token)
	}
	p.take(token)
	return operand{literal: v}, nil
}

func hasArgument(f *supergraph.Field, name string) bool {
	for _, a := range f.Arguments {
		if a.Name == name {
			return true
		}
	}
	return false
}
