package execute

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"

	"souk/router/operation"
	"souk/router/plan"
)

// A contextual is what an entity fetch needs from above its objects. Objects
// for which that differs are asked for by fields of their own, made from the
// text of the fetch's.
type contextual struct {
	arguments []contextArgument
	// pieces are the field's text without its alias, cut where it names a
	// variable; between two pieces stands that of names: 0 for the
	// representations, i+1 for arguments[i].
	pieces []string
	names  []int
	// uses are the client's variables that it names.
	uses []string
}

// entitiesField is the field that gives entities (Federation subgraph
// specification).
const entitiesField = "_entities"

type contextArgument struct {
	variable   string
	definition string // its type
	sources    []contextSource
}

type contextSource struct {
	depth  int
	on     typeset
	fields []representationField
}

// A contextValue is the value of a variable within a request.
type contextValue struct {
	variable string // as the plan has it
	key      []byte // as the request has it: "_c0":
	text     []byte // JSON
}

// contextual makes a step ready whose fetches need values from above.
func (c *compiler) contextual(s *plan.Step, into *step) error {
	if !slices.ContainsFunc(s.Entities, func(e *plan.EntityFetch) bool { return len(e.Arguments) > 0 }) {
		return nil
	}
	into.contextual, c.program.separate = true, true
	for into.reserved = "_v"; slices.ContainsFunc(s.Variables, func(v operation.VariableDefinition) bool { return strings.HasPrefix(v.Name, into.reserved) }); {
		into.reserved = "_" + into.reserved
	}
	for _, v := range s.Variables {
		definition := "$" + v.Name + ":" + v.Type
		if v.Default != "" {
			definition += "=" + v.Default
		}
		into.definitions = append(into.definitions, definition)
	}
	for i, e := range s.Entities {
		var err error
		if into.entities[i].context, err = c.context(s.Query, e); err != nil {
			return err
		}
	}
	return nil
}

// context makes ready what a fetch needs from above.
func (c *compiler) context(query string, e *plan.EntityFetch) (*contextual, error) {
	if len(e.Arguments) > 0 && len(e.Targets) != 1 {
		return nil, fmt.Errorf("%s has arguments and %d targets", e.Alias, len(e.Targets))
	}
	context := new(contextual)
	variables := []string{e.Variable}
	for _, a := range e.Arguments {
		variables = append(variables, a.Variable)
		made := contextArgument{variable: a.Variable, definition: a.Type}
		for _, from := range a.Sources {
			path := e.Targets[0].Path
			if from.Depth < 0 || from.Depth >= len(path) {
				return nil, fmt.Errorf("$%s of %s is not from above", a.Variable, e.Alias)
			}
			_, at := c.path(path[:from.Depth])
			made.sources = append(made.sources, contextSource{from.Depth, c.set(from.On), c.representation(from.Fields, at)})
		}
		context.arguments = append(context.arguments, made)
	}
	return context, context.cut(query, e.Alias, variables)
}

// cut finds the text of the root field with an alias, and cuts it where it
// names one of the variables.
func (c *contextual) cut(query, alias string, variables []string) error {
	text := []rune(query) // tokens have their places in runes
	tokens := lexer.New(&ast.Source{Input: query})
	depth, found, begin := 0, false, 0
	var last lexer.Token
	for {
		token, err := tokens.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return fmt.Errorf("there is no field %s in %s", alias, query)
		}
		found = found || depth == 1 && token.Kind == lexer.Name && token.Value == alias
		switch {
		case token.Kind == lexer.BraceL:
			depth++
		case token.Kind == lexer.BraceR:
			if depth--; depth == 1 && found {
				c.pieces = append(c.pieces, string(text[begin:token.Pos.End]))
				return nil
			}
		case !found:
		case depth == 1 && token.Value == entitiesField:
			begin = token.Pos.Start // the alias is left away
		case last.Kind == lexer.Dollar && !slices.Contains(variables, token.Value):
			c.uses = append(c.uses, token.Value)
		case last.Kind == lexer.Dollar:
			c.pieces, c.names = append(c.pieces, string(text[begin:last.Pos.Start])), append(c.names, slices.Index(variables, token.Value))
			begin = token.Pos.End
		}
		last = token
	}
}

// A grouping divides the objects of a step's fetches by what they need from
// above, each group into a fetch of its own.
type grouping struct {
	*run
	step    *step
	fetches []*entityFetch
	numbers map[string]int
	scratch entityRun
	texts   []span
}

// prepareContextual prepares a step whose fetches need values from above. It
// gives the step as it is to be made for these values, or nil.
func (r *run) prepareContextual(s *step) *step {
	g := &grouping{run: r, step: s}
	once := true
	for _, e := range s.entities {
		before := len(g.fetches)
		if len(e.context.arguments) == 0 {
			g.add(e)
			r.represent(s, e, nil)
		} else {
			g.numbers = make(map[string]int)
			r.represent(s, e, g)
		}
		once = once && len(g.fetches) == before+1
	}
	run := &r.steps[s.id]
	if !slices.ContainsFunc(run.entities[:len(g.fetches)], func(e entityRun) bool { return len(e.spans) > 0 }) {
		return nil
	}
	made := *s
	made.entities = g.fetches
	if !once {
		made.rename()
	}
	return &made
}

// choose makes the builder build for the group of the object that is visited.
func (g *grouping) choose(e *entityFetch) presence {
	b := &g.builder
	b.into = &g.scratch
	g.scratch.text, g.texts = g.scratch.text[:0], g.texts[:0]
	for i := range e.context.arguments {
		start := len(g.scratch.text)
		if p := g.value(&e.context.arguments[i]); p != present {
			return p
		}
		g.texts = append(g.texts, span{uint32(start), uint32(len(g.scratch.text))})
		g.scratch.text = append(g.scratch.text, ',')
	}
	number, ok := g.numbers[string(g.scratch.text)]
	if !ok {
		number = len(g.fetches)
		g.numbers[string(g.scratch.text)] = number
		made := *e
		text := slices.Clone(g.scratch.text)
		for i, a := range e.context.arguments {
			made.values = append(made.values, contextValue{a.variable, appendKey(nil, a.variable), text[g.texts[i].start:g.texts[i].end]})
		}
		g.add(&made)
	}
	b.into = &g.steps[g.step.id].entities[number]
	return present
}

// add adds a fetch, for which the builder builds then.
func (g *grouping) add(e *entityFetch) {
	g.fetches = append(g.fetches, e)
	run := &g.steps[g.step.id]
	run.widen(len(g.fetches))
	g.builder.into = &run.entities[len(g.fetches)-1]
}

// value appends the value of an argument for the object that is visited.
func (g *grouping) value(a *contextArgument) presence {
	for _, from := range a.sources {
		object := g.walk.trail[from.depth]
		if typ := g.tree.values[object].typ; typ == noType || from.on.has(typ) {
			p := g.builder.leaf(object, from.fields)
			text := g.scratch.text
			if p == present && strings.HasSuffix(a.definition, "!") && string(text[max(0, len(text)-4):]) == "null" {
				return missing
			}
			return p
		}
	}
	return missing
}

// leaf appends the value that fields lead to; null where one on the way is.
func (b *builder) leaf(object uint32, fields []representationField) presence {
	for i := range fields {
		f := &fields[i]
		if typ := b.values[object].typ; f.slot == headerSlot || typ != noType && !f.on.has(typ) {
			continue
		}
		if f.slot < 0 {
			return missing
		}
		v := b.values[object+uint32(f.slot)]
		if v.kind == objectKind {
			return b.leaf(v.a, f.fields)
		}
		return b.value(v, f)
	}
	return missing
}

// withValues adds the values from above to the variables that a fetch's answer
// depends on.
func (e *entityFetch) withValues(variables operation.Variables) operation.Variables {
	for _, v := range e.values {
		variables = append(variables, operation.Variable{Name: v.variable, Value: v.text})
	}
	return variables
}

// rename gives each fetch of a step an alias and variables of its own, and
// writes the query anew.
func (s *step) rename() {
	var definitions, fields []string
	variables := 0
	define := func(definition string) string {
		name := s.reserved + strconv.Itoa(variables)
		variables++
		definitions = append(definitions, "$"+name+":"+definition)
		return name
	}
	fetches := make([]*entityFetch, len(s.entities))
	for i, e := range s.entities {
		made := *e
		alias := "_e" + strconv.Itoa(i)
		names := []string{define("[_Any!]!")}
		made.wire, made.key = appendString(nil, alias), appendKey(nil, names[0])
		made.values = slices.Clone(e.values)
		for j, a := range e.context.arguments {
			names = append(names, define(a.definition))
			made.values[j].key = appendKey(nil, names[j+1])
		}
		fetches[i] = &made
		fields = append(fields, alias+":"+e.context.text(names))
	}
	for i, v := range s.variables {
		if slices.ContainsFunc(fetches, func(e *entityFetch) bool { return slices.Contains(e.context.uses, v.name) }) {
			definitions = append(definitions, s.definitions[i])
		}
	}
	query := "query(" + strings.Join(definitions, ",") + "){" + strings.Join(fields, " ") + "}"
	s.entities, s.prefix = fetches, appendString([]byte(`{"query":`), query)
}

// text writes the field with other names for its variables.
func (c *contextual) text(names []string) string {
	var b strings.Builder
	for i, piece := range c.pieces {
		b.WriteString(piece)
		if i < len(c.names) {
			b.WriteString("$" + names[c.names[i]])
		}
	}
	return b.String()
}
