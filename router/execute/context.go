package execute

import (
	"slices"
	"strconv"
	"strings"

	"souk/router/operation"
	"souk/router/plan"
)

// A contextFetch is an entity fetch with variables whose values come from
// ancestors of its objects. Objects with different values are fetched by
// _entities fields of their own, which are printed for the request.
type contextFetch struct {
	arguments []contextArgument
	plan      *plan.EntityFetch // what it selects
	// usedVariables are the client's variables that it selects with.
	usedVariables []string
}

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

// contextFetches compiles the context arguments of a fetch.
func (c *compiler) contextFetches(f *plan.Fetch, into *fetch) {
	if !slices.ContainsFunc(f.Entities, func(e *plan.EntityFetch) bool { return len(e.Arguments) > 0 }) {
		return
	}
	c.program.noSharing = true
	r := &contextRenames{prefix: "_v"}
	for slices.ContainsFunc(f.Variables, func(v operation.VariableDefinition) bool { return strings.HasPrefix(v.Name, r.prefix) }) {
		r.prefix = "_" + r.prefix
	}
	for _, v := range f.Variables {
		r.definitions = append(r.definitions, plan.Definition(v))
	}
	into.rare().renaming = r
	for i, e := range f.Entities {
		into.entities[i].context = c.context(e)
	}
}

func (c *compiler) context(e *plan.EntityFetch) *contextFetch {
	context := &contextFetch{plan: &plan.EntityFetch{Variable: e.Variable, Selections: e.Selections.Clone()}, usedVariables: e.Selections.Variables()}
	for _, a := range e.Arguments {
		made := contextArgument{variable: a.Variable, definition: a.Type}
		for _, from := range a.Sources {
			_, at := c.path(e.Targets[0].Path[:from.Depth])
			made.sources = append(made.sources, contextSource{from.Depth, c.set(from.On), c.representation(from.Fields, at)})
		}
		context.arguments = append(context.arguments, made)
	}
	return context
}

// A contextGrouping divides the objects of an entity fetch by their context
// values, and makes an _entities field for each group.
type contextGrouping struct {
	*execution
	step    *fetch
	fetches []*entityFetch
	numbers map[string]int
	scratch entityState
	texts   []span
}

// prepareWithContext prepares a fetch with context arguments. It returns the
// fetch as it is to be sent for the values found, or nil.
func (x *execution) prepareWithContext(f *fetch) *fetch {
	g := &contextGrouping{execution: x, step: f}
	once := true
	for _, e := range f.entities {
		before := len(g.fetches)
		if len(e.context.arguments) == 0 {
			g.add(e)
			x.represent(f, e, nil)
		} else {
			g.numbers = make(map[string]int)
			x.represent(f, e, g)
		}
		once = once && len(g.fetches) == before+1
	}
	state := &x.states[f.id]
	if !slices.ContainsFunc(state.entities[:len(g.fetches)], func(e entityState) bool { return len(e.spans) > 0 }) {
		return nil
	}
	copied := *f
	copied.entities = g.fetches
	if !once {
		copied.rename()
	}
	return &copied
}

// choose directs the representation builder to the group of the visited object.
func (g *contextGrouping) choose(e *entityFetch) presence {
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
	b.into = &g.states[g.step.id].entities[number]
	return present
}

// add adds an entity fetch and directs the representation builder to it.
func (g *contextGrouping) add(e *entityFetch) {
	g.fetches = append(g.fetches, e)
	state := &g.states[g.step.id]
	state.growEntities(len(g.fetches))
	g.builder.into = &state.entities[len(g.fetches)-1]
}

// value appends the value of an argument for the visited object.
func (g *contextGrouping) value(a *contextArgument) presence {
	for _, from := range a.sources {
		object := g.walker.ancestors[from.depth]
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

// leaf appends the value at the end of a path of fields, or null if an object on
// the path is null.
func (b *representationBuilder) leaf(object uint32, fields []representationField) presence {
	for i := range fields {
		f := &fields[i]
		if typ := b.values[object].typ; f.slot == headerSlot || typ != noType && !f.on.has(typ) {
			continue
		}
		if f.slot < 0 {
			return missing
		}
		at := object + uint32(f.slot)
		if v := b.values[at]; v.kind == objectKind {
			return b.leaf(v.a, f.fields)
		}
		mark := len(b.wrong)
		p := b.value(at, f, f.lists())
		if len(b.wrong) > mark {
			b.wrong = b.wrong[:mark]
			return missing
		}
		return p
	}
	return missing
}

// withValues adds context values to the variables that a cached entity depends
// on.
func (e *entityFetch) withValues(variables operation.Variables) operation.Variables {
	for _, v := range e.values {
		variables = append(variables, operation.Variable{Name: v.variable, Value: v.text})
	}
	return variables
}

// rename assigns a response key and variables of its own to each _entities field
// of a fetch, and prints the operation again.
func (f *fetch) rename() {
	var definitions, fields []string
	define := func(typ string) string {
		name := f.special.renaming.prefix + strconv.Itoa(len(definitions))
		definitions = append(definitions, "$"+name+":"+typ)
		return name
	}
	entities := make([]*entityFetch, len(f.entities))
	for i, e := range f.entities {
		renamed := *e
		responseKey := "_e" + strconv.Itoa(i)
		names := map[string]string{e.context.plan.Variable: define("[_Any!]!")}
		renamed.responseKey = appendString(nil, responseKey)
		renamed.variableKey = appendKey(nil, names[e.context.plan.Variable])
		renamed.values = slices.Clone(e.values)
		for j, a := range e.context.arguments {
			names[a.variable] = define(a.definition)
			renamed.values[j].key = appendKey(nil, names[a.variable])
		}
		entities[i] = &renamed
		fields = append(fields, e.context.plan.Renamed(responseKey, names))
	}
	for i, v := range f.variables {
		if slices.ContainsFunc(entities, func(e *entityFetch) bool { return slices.Contains(e.context.usedVariables, v.name) }) {
			definitions = append(definitions, f.special.renaming.definitions[i])
		}
	}
	query := "query" + f.operationName + "(" + strings.Join(definitions, ",") + "){" + strings.Join(fields, " ") + "}"
	f.entities, f.prefix = entities, string(appendString([]byte(`{"query":`), query))
}
