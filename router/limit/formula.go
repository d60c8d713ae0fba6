package limit

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A formula is the cost of an operation, but for the values of variables.
type formula struct {
	base     float64
	set      *costSet
	fields   int
	defaults map[string]string // of variables, in GraphQL's syntax
	// constant is the result if no variable has a part in it.
	constant *result
}

type result struct {
	cost float64
	err  error
}

// A costSet is the cost of a selection set: what all types share, and the
// dearest of what each type has of its own.
type costSet struct {
	common []*costField
	types  [][]*costField
}

// A costField is the cost of a field: its size times what it weighs with all
// below it, and its arguments.
type costField struct {
	number    int // of the formula's fields
	field     *operation.Field
	weight    float64
	arguments float64
	size      *costSize // nil for 1
	set       *costSet
}

// A costSize is how many items a list has.
type costSize struct {
	field      *operation.Field
	slicing    []string
	requireOne bool
	otherwise  int
	// lists are the arguments that are lists: a field that is given a thousand
	// ids answers with a thousand objects, whatever is assumed.
	lists []string
}

type compiler struct {
	model    *supergraph.Model
	listSize int
	fields   int
}

func (e *Estimator) compile(op *operation.Operation) *formula {
	f := &formula{defaults: map[string]string{}}
	for _, v := range op.Variables {
		if v.Default != "" {
			f.defaults[v.Name] = v.Default
		}
	}
	if op.Kind == operation.Mutation {
		f.base = mutationCost
	}
	c := &compiler{model: e.model, listSize: e.options.ListSize}
	f.set = c.set(e.model.Root(op.Kind), op.Selections, nil, nil)
	f.fields = c.fields
	if r, varying := f.run(nil); !varying {
		f.constant = &r
	}
	return f
}

// set compiles a selection set on a type. The sized fields have the size that
// their parent's @listSize tells.
func (c *compiler) set(t *supergraph.Type, list []operation.Selection, sized []string, size *costSize) *costSet {
	out := &costSet{}
	if t == nil {
		return out
	}
	byType := map[*supergraph.Type]int{}
	for i, possible := range t.Possible {
		byType[possible] = i
	}
	var add func(t *supergraph.Type, list []operation.Selection)
	outer := t
	add = func(t *supergraph.Type, list []operation.Selection) {
		for _, selection := range list {
			switch s := selection.(type) {
			case *operation.Field:
				f := c.field(t, s, sized, size)
				if f == nil {
					continue
				}
				if t == outer || !outer.Abstract() {
					out.common = append(out.common, f)
					continue
				}
				if out.types == nil {
					out.types = make([][]*costField, len(outer.Possible))
				}
				for _, possible := range t.Possible {
					if i, ok := byType[possible]; ok {
						out.types[i] = append(out.types[i], f)
					}
				}
			case *operation.InlineFragment:
				inner := t
				if s.TypeCondition != "" {
					inner = c.model.Type(s.TypeCondition)
				}
				if inner != nil {
					add(inner, s.Selections)
				}
			}
		}
	}
	add(t, list)
	return out
}

func (c *compiler) field(t *supergraph.Type, s *operation.Field, sized []string, size *costSize) *costField {
	if introspects(s) {
		out := &costField{number: c.fields, field: s, weight: c.introspection(s)}
		c.fields++
		return out
	}
	definition := t.Field(s.Name)
	if definition == nil || s.Denied != nil {
		return nil
	}
	out := &costField{number: c.fields, field: s, weight: weight(definition), arguments: argumentCosts(definition, s)}
	c.fields++
	list := strings.HasPrefix(definition.Type, "[")
	own := c.size(definition, s)
	var below []string
	switch {
	case definition.ListSize != nil && len(definition.ListSize.SizedFields) > 0:
		below = definition.ListSize.SizedFields
	case slices.Contains(sized, s.Name):
		out.size = size
	case list:
		out.size = own
	}
	if list && out.size == nil {
		out.size = &costSize{field: s, otherwise: c.listSize, lists: listArguments(definition, s)}
	}
	if len(s.Selections) > 0 {
		out.set = c.set(definition.Named, s.Selections, below, own)
	}
	return out
}

// weight is what one item of a field costs.
func weight(f *supergraph.Field) float64 {
	switch {
	case f.Cost != nil:
		return float64(*f.Cost)
	case f.Named == nil:
		return 0
	case f.Named.Cost != nil:
		return float64(*f.Named.Cost)
	case f.Named.Composite():
		return 1
	}
	return 0
}

// argumentCosts are the costs of the arguments that are given.
func argumentCosts(f *supergraph.Field, s *operation.Field) float64 {
	var cost float64
	for _, given := range s.Arguments {
		for _, a := range f.Arguments {
			if a.Name == given.Name && a.Cost != nil {
				cost += float64(*a.Cost)
			}
		}
	}
	return cost
}

// size is what a field's @listSize says; nil without one.
func (c *compiler) size(f *supergraph.Field, s *operation.Field) *costSize {
	if f.ListSize == nil {
		return nil
	}
	size := &costSize{field: s, slicing: f.ListSize.SlicingArguments, otherwise: c.listSize, lists: listArguments(f, s)}
	if f.ListSize.AssumedSize != nil {
		size.otherwise = *f.ListSize.AssumedSize
	}
	size.requireOne = f.ListSize.RequireOneSlicingArgument && len(size.slicing) > 0
	return size
}

// maxCost keeps sums from becoming infinite.
const maxCost = 1e15

func (f *formula) evaluate(vars operation.Variables) (float64, error) {
	r := f.constant
	if r == nil {
		made, _ := f.run(vars)
		r = &made
	}
	return r.cost, r.err
}

// run evaluates the formula, and says whether variables have a part in it.
func (f *formula) run(vars operation.Variables) (r result, varying bool) {
	e := evaluation{formula: f, vars: vars, costs: make([]float64, f.fields)}
	for i := range e.costs {
		e.costs[i] = math.NaN()
	}
	cost := f.base + e.set(f.set)
	return result{min(max(cost, 0), maxCost), e.err}, e.varying
}

type evaluation struct {
	*formula
	vars    operation.Variables
	varying bool
	// costs are those of fields already known, NaN for others: a field in a
	// fragment counts for many types.
	costs []float64
	err   error
}

func (e *evaluation) set(s *costSet) float64 {
	cost := e.sum(s.common)
	var dearest float64
	for i, fields := range s.types {
		if sum := e.sum(fields); i == 0 || sum > dearest {
			dearest = sum
		}
	}
	return cost + dearest
}

func (e *evaluation) sum(fields []*costField) float64 {
	var cost float64
	for _, f := range fields {
		cost += e.field(f)
	}
	return min(cost, maxCost)
}

func (e *evaluation) field(f *costField) float64 {
	if known := e.costs[f.number]; !math.IsNaN(known) {
		return known
	}
	cost := f.weight
	if f.set != nil {
		cost += e.set(f.set)
	}
	if f.size != nil {
		cost *= e.size(f.size)
	}
	e.costs[f.number] = min(cost+f.arguments, maxCost)
	return e.costs[f.number]
}

// size is the longest that the slicing arguments given allow.
func (e *evaluation) size(s *costSize) float64 {
	given, longest := 0, 0.0
	for _, path := range s.slicing {
		if n, ok := e.argument(s.field, path); ok {
			given++
			longest = max(longest, n)
		}
	}
	if s.requireOne && given != 1 && e.err == nil {
		e.err = &operation.Error{
			Message:   fmt.Sprintf("%s must be given exactly one of the arguments %s, so that it is known how much it asks for.", s.field.Name, strings.Join(s.slicing, ", ")),
			Locations: []operation.Location{{Line: s.field.Line, Column: s.field.Column}},
			Code:      operation.CodeValidationFailed,
		}
	}
	if given == 0 {
		longest = float64(s.otherwise)
	}
	for _, name := range s.lists {
		longest = max(longest, e.listLength(s.field, name))
	}
	return longest
}

// listLength is how many items a list argument has.
func (e *evaluation) listLength(f *operation.Field, name string) float64 {
	for _, a := range f.Arguments {
		if a.Name != name {
			continue
		}
		variable, ok := strings.CutPrefix(a.Value, "$")
		if !ok {
			e.varying = e.varying || len(a.Variables) > 0
			return literalLength(a.Value)
		}
		e.varying = true
		if raw := e.vars.Get(variable); raw != nil {
			var items []json.RawMessage
			if json.Unmarshal(raw, &items) != nil {
				return 1 // a single value stands for a list of one
			}
			return float64(len(items))
		}
		return literalLength(e.defaults[variable])
	}
	return 0
}

// listArguments are the arguments given to a field whose types are lists.
func listArguments(f *supergraph.Field, s *operation.Field) (names []string) {
	for _, given := range s.Arguments {
		for _, a := range f.Arguments {
			if a.Name == given.Name && strings.HasPrefix(a.Type, "[") {
				names = append(names, a.Name)
			}
		}
	}
	return names
}

// argument is the number an argument has, perhaps inside an input object
// ("page.first"); false if it is missing or null.
func (e *evaluation) argument(f *operation.Field, path string) (float64, bool) {
	name, rest, _ := strings.Cut(path, ".")
	for _, a := range f.Arguments {
		if a.Name != name {
			continue
		}
		if variable, ok := strings.CutPrefix(a.Value, "$"); ok {
			e.varying = true
			if raw := e.vars.Get(variable); raw != nil {
				return number(raw, rest)
			}
			return literal(e.defaults[variable], rest, nil)
		}
		return literal(a.Value, rest, e)
	}
	return 0, false
}

// number reads a JSON value.
func number(raw json.RawMessage, path string) (float64, bool) {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil || object[name] == nil {
			return 0, false
		}
		raw = object[name]
	}
	return parseSize(string(raw))
}

// parseSize reads a number of items. What is negative is the subgraph's to
// refuse.
func parseSize(text string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) {
		return 0, false
	}
	return max(n, 0), true
}
