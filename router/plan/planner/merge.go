package planner

import (
	"slices"
	"strings"

	"souk/router/plan"
)

// mergeEntities merges the entity fetches of one request: those of the same
// objects first, then those of objects of different types at one place.
func mergeEntities(entities []*entityFetch) []*entityFetch {
	if len(entities) < 2 {
		return entities
	}
	same := mergeAlike(entities, (*entityFetch).objects, (*entityFetch).mergeSameObjects)
	return mergeAlike(same, (*entityFetch).place, (*entityFetch).mergeOtherType)
}

// mergeAlike merges each entity fetch into the first that has the same key and
// accepts it; the others stay. Comparing by key first keeps this linear where
// thousands of types share one position.
func mergeAlike(entities []*entityFetch, key func(*entityFetch) string, merge func(to, e *entityFetch) bool) []*entityFetch {
	var out []*entityFetch
	by := map[string][]*entityFetch{}
	for _, e := range entities {
		k := key(e)
		if !slices.ContainsFunc(by[k], func(to *entityFetch) bool { return merge(to, e) }) {
			by[k] = append(by[k], e)
			out = append(out, e)
		}
	}
	return out
}

// place states where the objects are found, whatever their types.
func (e *entityFetch) place() string {
	path := e.targets[0].Path
	var b strings.Builder
	for i, s := range path {
		b.WriteString(s.StorageKey)
		for _, t := range s.Types {
			if i < len(path)-1 {
				b.WriteString("|" + t)
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

// objects states where the objects are found, and their type.
func (e *entityFetch) objects() string { return e.place() + e.selections[0].on.Name }

// mergeSameObjects merges an entity fetch of the same objects, unless their
// representations need two values under one name.
func (e *entityFetch) mergeSameObjects(other *entityFetch) bool {
	to, from := &e.targets[0], &other.targets[0]
	if e.selections[0].on != other.selections[0].on || e.key != other.key || !samePath(to.Path, from.Path) || !sameArguments(e.contextArguments, other.contextArguments) {
		return false
	}
	fields, ok := mergeRepresentations(to.Representations[0].Fields, from.Representations[0].Fields)
	if !ok {
		return false
	}
	if !slices.Equal(e.inputs, other.inputs) {
		e.keepUnmerged(other)
	}
	to.Representations[0].Fields = fields
	e.contextArguments = addArguments(e.contextArguments, other.contextArguments)
	e.selections[0].selection.merge(other.selections[0].selection)
	return true
}

// mergeOtherType merges an entity fetch of objects of another type that are
// found at the same place.
func (e *entityFetch) mergeOtherType(other *entityFetch) bool {
	to, from := &e.targets[0], &other.targets[0]
	last := len(to.Path) - 1
	if e.contextArguments != nil || other.contextArguments != nil {
		return false // the arguments of one type have no value for the other
	}
	if last < 0 || last != len(from.Path)-1 || !samePath(to.Path[:last], from.Path[:last]) || to.Path[last].StorageKey != from.Path[last].StorageKey {
		return false
	}
	types, more := to.Path[last].Types, from.Path[last].Types
	if types == nil || more == nil || slices.Contains(types, more[0]) || slices.ContainsFunc(e.selections, func(s typedSelection) bool { return s.on == other.selections[0].on }) {
		return false
	}
	if len(types) == 1 {
		to.Representations[0].On = types
	}
	from.Representations[0].On = more
	to.Path[last].Types = slices.Concat(types, more)
	to.Representations = append(to.Representations, from.Representations...)
	e.selections = append(e.selections, other.selections...)
	e.unmerged = append(e.unmerged, other.unmerged...)
	return true
}

func samePath(a, b []plan.Segment) bool {
	return slices.EqualFunc(a, b, func(a, b plan.Segment) bool { return a.StorageKey == b.StorageKey && slices.Equal(a.Types, b.Types) })
}

// mergeRepresentations merges the fields of two representations; false if one
// name would have two values.
func mergeRepresentations(a, b []plan.RepresentationField) ([]plan.RepresentationField, bool) {
	out := slices.Clone(a)
	for _, f := range b {
		i := slices.IndexFunc(out, func(have plan.RepresentationField) bool { return have.Name == f.Name })
		if i < 0 {
			out = append(out, f)
			continue
		}
		if out[i].StorageKey != f.StorageKey || !slices.Equal(out[i].On, f.On) {
			return nil, false
		}
		below, ok := mergeRepresentations(out[i].Fields, f.Fields)
		if !ok {
			return nil, false
		}
		out[i].Fields = below
	}
	return out, true
}
