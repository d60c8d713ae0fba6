package limit

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A formula computes the cost of an operation from the values of its variables.
type formula struct {
	base   float64
	set    *costSet
	fields int
	// constant is the result if it does not depend on variables, else nil.
	constant *result
	meter    meter
}

type result struct {
	cost float64
	err  error
}

// A costSet is the cost of a selection set: the sum of the fields common to all
// types plus the maximum over the possible types of their own fields.
type costSet struct {
	common []*costField
	types  [][]*costField
}

// A costField is the cost of a field: its size times the weight of an item and its
// selection set, plus the weights of its arguments.
type costField struct {
	number    int // index in evaluation.costs
	field     *operation.Field
	weight    float64
	arguments float64
	size      *costSize // nil for a single item
	set       *costSet
}

// A costSize computes the number of items in a list.
type costSize struct {
	field      *operation.Field
	slicing    []argument // the given ones
	requireOne string     // the names of slicing arguments, if exactly one must be given
	otherwise  int
	// lists are the given list arguments. A field with a thousand ids as
	// an argument returns a thousand objects, whatever size is assumed.
	lists []argument
}

// A compiler compiles the formula of one operation.
type compiler struct {
	model    *supergraph.Model
	listSize int
	fields   int
	defaults map[string]string // of variables, in GraphQL syntax
}

func (e *Estimator) compile(op *operation.Operation) *formula {
	f := &formula{}
	if op.Kind == operation.Mutation {
		f.base = MutationCost
	}
	c := &compiler{model: e.model, listSize: e.options.ListSize, defaults: defaults(op)}
	root := e.model.Root(op.Kind)
	f.set = c.set(root, op.Selections, nil, nil)
	f.meter = meter{base: f.base, fields: c.meter(typed{root, op.Selections})}
	f.fields = c.fields
	if r, varying := f.run(nil); !varying {
		f.constant = &r
	}
	return f
}

// defaults returns the default values of variables.
func defaults(op *operation.Operation) map[string]string {
	out := map[string]string{}
	for _, v := range op.Variables {
		if v.Default != "" {
			out[v.Name] = v.Default
		}
	}
	return out
}

// set compiles a selection set on type t. The fields named in sized have the given
// size, which comes from @listSize(sizedFields:) of the parent field.
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

// field compiles a field. It returns nil for fields without cost: __typename and
// denied fields.
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
		out.size = &costSize{field: s, otherwise: c.listSize, lists: c.listArguments(definition, s)}
	}
	if len(s.Selections) > 0 {
		out.set = c.set(definition.Named, s.Selections, below, own)
	}
	return out
}

// weight returns the cost of one item of a field, without its selection set.
func weight(f *supergraph.Field) float64 {
	switch {
	case f.Cost != nil:
		return float64(*f.Cost)
	case f.Named == nil:
		return 0
	}
	return weightOf(f.Named)
}

// weightOf returns the cost of a value of a type.
func weightOf(t *supergraph.Type) float64 {
	switch {
	case t.Cost != nil:
		return float64(*t.Cost)
	case t.Composite():
		return 1
	}
	return 0
}

// argumentCosts returns the sum of the weights of the given arguments.
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

// size returns the size according to the field's @listSize, or nil without one.
func (c *compiler) size(f *supergraph.Field, s *operation.Field) *costSize {
	if f.ListSize == nil {
		return nil
	}
	size := &costSize{field: s, otherwise: c.listSize, lists: c.listArguments(f, s)}
	for _, path := range f.ListSize.SlicingArguments {
		if a, given := c.argument(s, path); given {
			size.slicing = append(size.slicing, a)
		}
	}
	if f.ListSize.AssumedSize != nil {
		size.otherwise = *f.ListSize.AssumedSize
	}
	if f.ListSize.RequireOneSlicingArgument {
		size.requireOne = strings.Join(f.ListSize.SlicingArguments, ", ")
	}
	return size
}

// maxCost bounds all sums, so that none becomes infinite.
const maxCost = 1e15

// evaluate returns the cost for the given variables.
func (f *formula) evaluate(vars operation.Variables) (float64, error) {
	r := f.constant
	if r == nil {
		made, _ := f.run(vars)
		r = &made
	}
	return r.cost, r.err
}

// run evaluates the formula. varying reports whether the result depends on
// variables.
func (f *formula) run(vars operation.Variables) (r result, varying bool) {
	e := evaluation{formula: f, vars: vars, costs: make([]float64, f.fields)}
	for i := range e.costs {
		e.costs[i] = math.NaN()
	}
	cost := f.base + e.set(f.set)
	return result{min(max(cost, 0), maxCost), e.err}, e.varying
}

// An evaluation is one evaluation of a formula.
type evaluation struct {
	*formula
	vars    operation.Variables
	varying bool
	// costs are the known costs of fields, by number, and NaN for others. A
	// field in a fragment on an interface counts for several types but is
	// evaluated once.
	costs []float64
	err   error
}

func (e *evaluation) set(s *costSet) float64 {
	cost := e.sum(s.common)
	var highest float64
	for i, fields := range s.types {
		if sum := e.sum(fields); i == 0 || sum > highest {
			highest = sum
		}
	}
	return cost + highest
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

// size returns the number of items: the largest value of the slicing arguments or
// the assumed size, and at least the length of the longest list argument.
func (e *evaluation) size(s *costSize) float64 {
	given, longest := 0, 0.0
	for i := range s.slicing {
		if n, ok := e.number(&s.slicing[i]); ok {
			given++
			longest = max(longest, n)
		}
	}
	if s.requireOne != "" && given != 1 && e.err == nil {
		e.err = &operation.Error{
			Message:   fmt.Sprintf("The field %s needs exactly one of the arguments %s, which determine the length of its list.", s.field.Name, s.requireOne),
			Locations: []operation.Location{{Line: int(s.field.Line), Column: int(s.field.Column)}},
			Code:      operation.CodeValidationFailed,
		}
	}
	if given == 0 {
		longest = float64(s.otherwise)
	}
	for i := range s.lists {
		longest = max(longest, e.length(&s.lists[i]))
	}
	return longest
}
