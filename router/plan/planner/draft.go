package planner

import (
	"unsafe"

	"souk/internal/slab"
	"souk/router/operation"
	"souk/router/plan"
)

// A Draft is a plan in memory that is used again, for those who make something else of the plan and do not
// keep it.
type Draft struct {
	Result
	memory *scratch
}

// Draft plans an operation like Plan. Nothing may refer to the plan after Release, except to strings that it
// shares with the operation and the supergraph, and to the values of PossibleTypes and EnumValues.
func (p *Planner) Draft(op *operation.Operation, labels ...string) (Draft, error) {
	memory := scratches.get()
	memory.output.kept = false
	made, x, err := p.planIn(memory, op, labels, nil, nil)
	if err != nil {
		scratches.put(memory)
		return Draft{}, err
	}
	return Draft{Result{Plan: made, Search: x.Search, Cost: x.Chosen}, memory}, nil
}

// Release takes back the memory of the plan. Call it once.
func (d Draft) Release() { scratches.put(d.memory) }

// An output is what a plan is made of. If the plan is kept, each part is allocated on its own, and the slabs
// are empty.
type output struct {
	kept bool

	plan                 plan.Plan
	text                 slab.Slab[byte]
	fields               slab.Slab[plan.Field]
	fieldLists           slab.Slab[*plan.Field]
	fetches              slab.Slab[plan.Fetch]
	fetchLists           slab.Slab[*plan.Fetch]
	numbers              slab.Slab[int]
	entities             slab.Slab[plan.EntityFetch]
	entityLists          slab.Slab[*plan.EntityFetch]
	targets              slab.Slab[plan.Target]
	segments             slab.Slab[plan.Segment]
	representations      slab.Slab[plan.Representation]
	representationFields slab.Slab[plan.RepresentationField]
	selections           slab.Slab[plan.Selection]
	selected             slab.Slab[plan.SelectedField]
	fragments            slab.Slab[plan.InlineFragment]
}

func (o *output) slabs() [15]reusable {
	return [...]reusable{&o.text, &o.fields, &o.fieldLists, &o.fetches, &o.fetchLists, &o.numbers, &o.entities, &o.entityLists, &o.targets, &o.segments,
		&o.representations, &o.representationFields, &o.selections, &o.selected, &o.fragments}
}

// newPlan returns a plan with empty maps.
func (o *output) newPlan() *plan.Plan {
	if o.kept {
		return &plan.Plan{PossibleTypes: map[string][]string{}, EnumValues: map[string][]string{}}
	}
	if o.plan.PossibleTypes == nil {
		o.plan.PossibleTypes, o.plan.EnumValues = map[string][]string{}, map[string][]string{}
	}
	return &o.plan
}

// reset takes back what is in no slab. Maps that have been large are dropped: they would stay so.
func (o *output) reset() {
	possible, values := o.plan.PossibleTypes, o.plan.EnumValues
	if len(possible)+len(values) > maxEntries {
		possible, values = nil, nil
	}
	clear(possible)
	clear(values)
	o.plan = plan.Plan{PossibleTypes: possible, EnumValues: values}
}

// makeList returns n zero values of a plan.
func makeList[T any](o *output, from *slab.Slab[T], n int) []T {
	if o.kept {
		return make([]T, n)
	}
	return from.Make(n)
}

// newValue returns a copy of a value for a plan.
func newValue[T any](o *output, from *slab.Slab[T], value T) *T {
	if o.kept {
		own := value
		return &own
	}
	return from.Of(value)
}

// appendTo appends a value to a list of a plan.
func appendTo[T any](o *output, from *slab.Slab[T], list []T, value T) []T {
	if o.kept {
		return append(list, value)
	}
	return from.Append(list, value)
}

// query returns the text of a fetch.
func (o *output) query(f *plan.Fetch) string {
	if o.kept {
		return f.GraphQL()
	}
	text := f.AppendGraphQL(o.text.Make(textBlock)[:0])
	return unsafe.String(unsafe.SliceData(text), len(text)) // nobody else writes there before the draft is released
}

// textBlock is the number of bytes that most queries do not exceed.
const textBlock = 512
