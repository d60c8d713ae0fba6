package execute

import (
	"fmt"
	"slices"
)

// reportMissing adds an error for each root field of a fetch for which the
// response has no value and no error: a root field (GraphQL, section 6.3) that
// is not in the data, and an _entities field without a list. Fields further
// down are null then, without an error where the type allows null (see
// docs/federation.md).
func (x *execution) reportMissing(f *fetch, state *fetchState) {
	if f.entities != nil {
		x.reportMissingEntities(f, state)
		return
	}
	object := uint32(0)
	if len(state.objects) > 0 {
		object = state.objects[0].object
	}
	for i := range f.shape.fields {
		field := &f.shape.fields[i]
		if field.slot == headerSlot {
			continue
		}
		if v := x.tree.values[object+uint32(field.slot)]; v.kind != absentKind || v.flags&reportedFlag != 0 || x.tree.hasRun(object, field.run) {
			continue
		}
		places := []occurrence{{}}
		if len(f.path()) > 0 {
			places = x.occurrences(f.path(), func(uint32) bool { return true })
		}
		name := field.key()
		state.hasErrors = true
		x.addErrorAt(x.missingField(f, name), places, []pathElement{{key: name}}, f.shape)
	}
}

// reportMissingEntities adds an error for each _entities field without a list.
func (x *execution) reportMissingEntities(f *fetch, state *fetchState) {
	for i, fetch := range f.entities {
		e := &state.entities[i]
		if e.sendCount() == 0 || len(e.fetched) > 0 || e.hasErrors {
			continue
		}
		err := x.missingField(f, string(fetch.responseKey[1:len(fetch.responseKey)-1]))
		err.path = x.program.responsePathTo(fetch.targets[0].path)
		x.add(err)
		for _, t := range e.targets {
			x.tree.markReported(t.object, fetch.shape)
		}
	}
}

// reportWrong adds an error for each wrong input of a fetch, and each occurrence of the
// object that it is for.
func (x *execution) reportWrong(f *fetch, t *target, wrong []wrongInput) {
	if len(wrong) == 0 {
		return
	}
	byObject := make(map[uint32][]wrongInput, len(wrong))
	for _, w := range wrong {
		if !slices.ContainsFunc(byObject[w.object], func(other wrongInput) bool { return other.at == w.at }) {
			byObject[w.object] = append(byObject[w.object], w)
		}
	}
	for _, place := range x.occurrences(t.path, func(object uint32) bool { return byObject[object] != nil }) {
		for _, w := range byObject[place.object] {
			x.add(x.wrongError(f, w, slices.Concat(place.path, w.path)))
		}
	}
}

// wrongError returns the error for an input at a path. A field that the client has not
// selected may be inaccessible, so only development mode names it.
func (x *execution) wrongError(f *fetch, w wrongInput, stored []pathElement) responseError {
	e := responseError{fetchID: f.id, deferID: f.deferID, code: CodeInvalidValue, path: x.responsePath(stored), input: w.at, was: w.was}
	switch {
	case len(e.path) == len(stored):
		e.message = fmt.Sprintf("The value of %s.%s is not a valid %s.", w.parent, w.field.field(), w.field.typeName())
	case x.req.Internals:
		e.message = fmt.Sprintf("The value of %s.%s, which subgraph %q requires, is not a valid %s.", w.parent, w.field.field(), f.subgraph, w.field.typeName())
	default:
		e.message = fmt.Sprintf("A value that subgraph %q requires is not of the kind that its type has.", f.subgraph)
	}
	return e
}

func (x *execution) missingField(f *fetch, field string) responseError {
	return responseError{
		fetchID: f.id, deferID: f.deferID, code: CodeMalformed, service: f.subgraph,
		message: fmt.Sprintf("Subgraph %q left %s out of its response.", f.subgraph, field),
	}
}
