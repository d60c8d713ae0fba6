package planner

import (
	"slices"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

// A fetch is a node of the fetch graph: a request to one subgraph.
type fetch struct {
	kind          plan.FetchKind
	operationKind operation.Kind
	subgraph      *supergraph.Subgraph
	// position and selection are those of a root fetch, entities those of an
	// entity fetch.
	position  *position
	selection *selectionSet
	entities  []*entityFetch
	dependsOn []*fetch
	// deferID is the payload it is made for, and neededFor are those that need it, if there are
	// deferred ones.
	deferID   int
	neededFor []int
	// level is the length of the longest chain of fetches it depends on, or more: where
	// the search decided it, it is at least after levels after the fetch from, or after
	// the beginning.
	level, after int
	from         *fetch
	// order counts fetches as they are created.
	order int
	// fallbackFor is the merged fetch that this one backs up, or nil.
	fallbackFor *fetch
}

// An entityFetch is one _entities field of a fetch.
type entityFetch struct {
	// key is the key in its representations.
	key        *supergraph.Key
	targets    []plan.Target
	selections []typedSelection
	// contextArguments are the arguments of the selections that take their
	// values from objects above (@fromContext).
	contextArguments []*contextArgument
	// inputs are the fetches that its representations are built from.
	inputs []*fetch
	// unmerged are the entity fetches with other inputs that were merged into
	// this one, as they were before.
	unmerged []*entityFetch
}

// A typedSelection is a selection set on objects of one type.
type typedSelection struct {
	on        *supergraph.Type
	selection *selectionSet
}

// A selectionSet is what a fetch selects on objects of a type as its subgraph
// knows it.
type selectionSet struct {
	typ       *supergraph.Type
	fields    []*selectedField
	fragments []typedSelection
	typename  bool
}

// A selectedField is a field of a selection set.
type selectedField struct {
	slot      *slot
	field     *operation.Field
	fieldIn   *supergraph.FieldIn
	selection *selectionSet // nil for a leaf
	// responseKey is that of the subgraph's response, once it is assigned.
	responseKey string
}

// field adds the field of an edge, and returns the selection set below it.
func (s *selectionSet) field(e *edge) *selectionSet {
	for _, f := range s.fields {
		if f.slot == e.position.slot {
			return f.selection
		}
	}
	memory := e.position.slot.memory
	f := memory.selected.Of(selectedField{slot: e.position.slot, field: e.field, fieldIn: e.fieldIn})
	if e.typ.Composite() {
		f.selection = memory.selections.Of(selectionSet{typ: e.typ})
	}
	s.fields = memory.selectedLists.Append(s.fields, f)
	return f.selection
}

// fragment returns the selection set for objects of one type.
func (s *selectionSet) fragment(on *supergraph.Type) *selectionSet {
	for _, f := range s.fragments {
		if f.on == on {
			return f.selection
		}
	}
	f := typedSelection{on, &selectionSet{typ: on}}
	s.fragments = append(s.fragments, f)
	return f.selection
}

// merge adds another selection set on the same objects.
func (s *selectionSet) merge(other *selectionSet) {
	s.typename = s.typename || other.typename
	for _, f := range other.fields {
		i := slices.IndexFunc(s.fields, func(have *selectedField) bool { return have.slot == f.slot })
		switch {
		case i < 0:
			s.fields = append(s.fields, f)
		case f.selection != nil:
			s.fields[i].selection.merge(f.selection)
		}
	}
	for _, f := range other.fragments {
		s.fragment(f.on).merge(f.selection)
	}
}

func (s *selectionSet) clone() *selectionSet {
	out := &selectionSet{typ: s.typ, typename: s.typename}
	for _, f := range s.fields {
		copied := *f
		if f.selection != nil {
			copied.selection = f.selection.clone()
		}
		out.fields = append(out.fields, &copied)
	}
	for _, f := range s.fragments {
		out.fragments = append(out.fragments, typedSelection{f.on, f.selection.clone()})
	}
	return out
}

// dropRedundant removes leaves from fragments that the selection set around
// them selects for all types, and fragments that are then empty.
func (s *selectionSet) dropRedundant() {
	for _, f := range s.fields {
		if f.selection != nil {
			f.selection.dropRedundant()
		}
	}
	s.fragments = slices.DeleteFunc(s.fragments, func(f typedSelection) bool {
		f.selection.fields = slices.DeleteFunc(f.selection.fields, func(inner *selectedField) bool {
			return inner.selection == nil && slices.ContainsFunc(s.fields, func(outer *selectedField) bool { return outer.slot == inner.slot })
		})
		f.selection.dropRedundant()
		return len(f.selection.fields) == 0 && len(f.selection.fragments) == 0
	})
}
