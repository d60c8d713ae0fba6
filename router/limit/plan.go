package limit

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A Budget limits what one operation may cost a subgraph.
type Budget struct {
	// Max is the highest allowed cost of its requests; 0 means no limit.
	Max float64
	// ListSize is the assumed length of lists without @listSize; 0 means that of the
	// operation.
	ListSize int
}

// A PlanCost computes what the requests of a plan cost each subgraph. It is safe for
// concurrent use.
//
// A request costs as much as its operation does. One for entities costs that for each object
// that it is for, whose number follows from the lists on the path to the objects:
//
//	{ books(first: 3) { author { name } } }   3 books in one subgraph, 3 authors in another
//
// Requests may be for fewer entities, because equal ones are sent once and cached ones not at
// all.
type PlanCost struct {
	formula
	names     []string
	subgraphs []subgraphCost
	meters    []meter // by fetch
	// unvarying are the costs if they do not depend on variables, else nil.
	unvarying []float64
}

type subgraphCost struct {
	max     float64
	fetches []fetchCost
}

// A fetchCost is the cost of a selection set that a fetch sends.
type fetchCost struct {
	base, weight float64 // of the request, and of each object
	set          *costSet
	// counts has, for each set of objects, the sizes of the lists on the path to them. It is
	// nil for a root fetch.
	counts [][]*costSize
}

// Plan compiles the costs of the requests of a plan, for an operation.
func (e *Estimator) Plan(p *plan.Plan, op *operation.Operation) *PlanCost {
	out := &PlanCost{}
	c := &planCompiler{compiler: compiler{model: e.model, defaults: defaults(op)}, keys: map[*operation.Field]string{}}
	root := &place{}
	for _, f := range p.Fetches {
		i, budget := out.Subgraph(f.Subgraph), e.budget(f.Subgraph)
		if i < 0 {
			i = len(out.names)
			out.names, out.subgraphs = append(out.names, f.Subgraph), append(out.subgraphs, subgraphCost{max: budget.Max})
		}
		c.listSize = budget.ListSize
		to := &out.subgraphs[i]
		fetches, m := c.fetch(f, root)
		to.fetches = append(to.fetches, fetches...)
		out.meters = append(out.meters, m)
	}
	out.fields = c.fields
	if costs, varying := out.run(nil); !varying {
		out.unvarying = costs
	}
	return out
}

// budget returns the budget of a subgraph.
func (e *Estimator) budget(subgraph string) (b Budget) {
	if e.options.Budget != nil {
		b = e.options.Budget(subgraph)
	}
	if b.ListSize == 0 {
		b.ListSize = e.options.ListSize
	}
	return b
}

// A planCompiler compiles the costs of the fetches of one plan.
type planCompiler struct {
	compiler
	keys map[*operation.Field]string // the storage keys of fields
}

// A place is where objects are stored.
type place struct {
	sizes []*costSize // of the lists on the path to them
	below map[string]*place
}

func (p *place) at(key string) *place {
	if next := p.below[key]; next != nil {
		return next
	}
	return &place{sizes: p.sizes} // nothing is known of it
}

func (p *place) follow(path []plan.Segment) *place {
	for _, s := range path {
		p = p.at(s.StorageKey)
	}
	return p
}

func (c *planCompiler) fetch(f *plan.Fetch, root *place) ([]fetchCost, meter) {
	if f.Kind != plan.EntitiesFetch {
		t, list := c.model.Root(f.OperationKind), c.selections(f.Selections)
		out := fetchCost{set: c.set(t, list, nil, nil)}
		if f.OperationKind == operation.Mutation {
			out.base = MutationCost
		}
		c.place(root.follow(f.Path), out.set)
		return []fetchCost{out}, meter{base: out.base, fields: c.meter(typed{t, list})}
	}
	var (
		out []fetchCost
		m   meter
	)
	for _, e := range f.Entities {
		t, list := c.entity(e.Selections), c.selections(e.Selections)
		one := fetchCost{set: c.set(t, list, nil, nil), counts: [][]*costSize{}}
		for _, possible := range t.Possible {
			one.weight = max(one.weight, weightOf(possible))
		}
		for _, target := range e.Targets {
			at := root.follow(target.Path)
			one.counts = append(one.counts, at.sizes)
			c.place(at, one.set)
		}
		out = append(out, one)
		m.fields = append(m.fields, meterField{key: strconv.Quote(e.ResponseKey) + ":", weight: one.weight, lists: 1, fields: c.meter(typed{t, list})})
	}
	return out, m
}

// entity returns a type for all entities of a selection set.
func (c *planCompiler) entity(list plan.Selections) *supergraph.Type {
	t := &supergraph.Type{Name: "_Entity", Kind: supergraph.Union}
	for _, s := range list {
		if f, ok := s.(*plan.InlineFragment); ok && c.model.Type(f.On) != nil {
			t.Possible = append(t.Possible, c.model.Type(f.On).Possible...)
		}
	}
	return t
}

// selections converts selections, and notes the storage keys of their fields.
func (c *planCompiler) selections(list plan.Selections) []operation.Selection {
	out := make([]operation.Selection, 0, len(list))
	for _, s := range list {
		switch s := s.(type) {
		case *plan.SelectedField:
			f := &operation.Field{Alias: s.ResponseKey, Name: s.Name, Arguments: s.Arguments, Selections: c.selections(s.Selections)}
			c.keys[f] = s.StorageKey
			out = append(out, f)
		case *plan.InlineFragment:
			out = append(out, &operation.InlineFragment{TypeCondition: s.On, Selections: c.selections(s.Selections)})
		}
	}
	return out
}

// place notes the sizes of the lists in a selection set on the objects at a place.
func (c *planCompiler) place(at *place, set *costSet) {
	note := func(f *costField) {
		if f.set == nil {
			return
		}
		key := c.keys[f.field]
		next := at.below[key]
		if next == nil {
			next = &place{sizes: at.sizes}
			if f.size != nil {
				next.sizes = slices.Concat(at.sizes, []*costSize{f.size})
			}
			if at.below == nil {
				at.below = map[string]*place{}
			}
			at.below[key] = next
		}
		c.place(next, f.set)
	}
	for _, f := range set.common {
		note(f)
	}
	for _, list := range set.types {
		for _, f := range list {
			note(f)
		}
	}
}

// Subgraphs returns the names of the subgraphs, in the order of the costs.
func (p *PlanCost) Subgraphs() []string { return p.names }

// Subgraph returns the number of a subgraph of the plan.
func (p *PlanCost) Subgraph(name string) int { return slices.Index(p.names, name) }

// Max returns the budget of the i-th subgraph; 0 means no limit.
func (p *PlanCost) Max(i int) float64 { return p.subgraphs[i].max }

// Estimate returns the estimated cost for each subgraph. The result must not be changed.
func (p *PlanCost) Estimate(vars operation.Variables) []float64 {
	if p.unvarying != nil {
		return p.unvarying
	}
	costs, _ := p.run(vars)
	return costs
}

func (p *PlanCost) run(vars operation.Variables) (costs []float64, varying bool) {
	e := evaluation{formula: &p.formula, vars: vars, costs: make([]float64, p.fields)}
	for i := range e.costs {
		e.costs[i] = math.NaN()
	}
	costs = make([]float64, len(p.subgraphs))
	for i := range p.subgraphs {
		for j := range p.subgraphs[i].fetches {
			costs[i] += e.fetch(&p.subgraphs[i].fetches[j])
		}
		costs[i] = min(max(costs[i], 0), maxCost)
	}
	return costs, e.varying
}

func (e *evaluation) fetch(f *fetchCost) float64 {
	one := f.weight + e.set(f.set)
	if f.counts == nil {
		return f.base + one
	}
	objects := 0.0
	for _, sizes := range f.counts {
		count := 1.0
		for _, s := range sizes {
			count = min(count*e.size(s), maxCost)
		}
		objects += count
	}
	return f.base + one*objects
}

// Measure returns the cost of a subgraph's response to a fetch.
func (p *PlanCost) Measure(fetch int, body []byte) float64 { return p.meters[fetch].response(body) }

// CheckPlan checks the estimated costs of the requests of a plan. The error is an
// *operation.Error if they are too expensive for a subgraph.
func (e *Estimator) CheckPlan(p *PlanCost, costs []float64) error {
	for i, cost := range costs {
		most := p.Max(i)
		if most == 0 || cost <= most {
			continue
		}
		if e.options.Measure || e.options.MeasureBudgets {
			e.options.Metrics.LimitExceeded(CodeTooCostlyForSubgraph).Inc()
			return nil
		}
		e.options.Metrics.Limits.CostRejected.Inc()
		return &operation.Error{
			Message: fmt.Sprintf("The requests to the subgraph %s have an estimated cost of %s; the limit is %s. Request fewer fields or shorter lists.", p.names[i], decimal(cost), decimal(most)),
			Code:    CodeTooCostlyForSubgraph,
		}
	}
	return nil
}
