package execute

import "slices"

// This file leaves out errors of fields that the client has not selected. A fetch gets a field for all
// types of an object if the type is not known yet, or if that makes the request simpler, also where
// the client has selected it on some types only. What the subgraph reports about the field of an
// object of another type says nothing about the client's response.
//
// Only an error that explains a null is left out, and only if the subgraph has sent that null itself
// where the client has selected nothing: not if the null has propagated to what is selected, or if a
// fetch needs what is null, because then the error may explain another null.

// A nullPlace is where the null is that an error explains: a path of storage keys and indices to it,
// or to the run that has it. It is nil if the subgraph of the error has not sent the null, or if the
// client has selected all fields on all types.
type nullPlace []pathElement

// dropUnselected removes the errors that explain only nulls which the client has not selected.
func (x *execution) dropUnselected() {
	if !x.program.conditional {
		return
	}
	x.errors = slices.DeleteFunc(x.errors, func(e responseError) bool {
		return e.null != nil && x.program.projection.varies(e.null) && x.selectedTo(e.null) < len(e.null) && !x.isInput(e.null)
	})
}

// varies reports whether a path leads through a field that the client has selected on some types only.
func (s *selection) varies(stored nullPlace) bool {
	if len(stored) == 0 || s == nil {
		return false
	}
	if stored[0].key == "" {
		return s.varies(stored[1:])
	}
	for i := range s.fields {
		f := &s.fields[i]
		if f.source == storedSource && f.storageKey() == stored[0].key && (f.on() != nil || f.sel.varies(stored[1:])) {
			return true
		}
	}
	return false
}

// selectedTo returns how many elements of a path the client has selected, given the types of the
// objects on it. An object of unknown type counts as one of each type.
func (x *execution) selectedTo(path nullPlace) int {
	w := &x.writer
	var longest func(object uint32, sel *selection, typ typeID, from int) int
	longest = func(object uint32, sel *selection, typ typeID, from int) int {
		most := from
		for i := range sel.fields {
			f := &sel.fields[i]
			if f.source != storedSource || f.slot <= headerSlot || f.storageKey() != path[from].key || typ != noType && !f.has(typ) {
				continue
			}
			v, next := x.tree.element(x.tree.values[object+uint32(f.slot)], path, from+1)
			switch {
			case next == len(path):
			case v.kind == objectKind && f.sel != nil:
				of, _ := w.typeOf(v, f)
				next = longest(v.a, f.sel, of, next)
			default:
				next = len(path) // it is null for the client
			}
			most = max(most, next)
		}
		return most
	}
	return longest(0, x.program.projection, x.program.rootType, 0)
}

// element follows the indices of a path from its element i, and returns the index after them.
func (t *tree) element(v value, path nullPlace, i int) (value, int) {
	for ; i < len(path) && path[i].key == ""; i++ {
		if v.kind != arrayKind || path[i].index < 0 || path[i].index >= int(v.b) {
			return value{}, i
		}
		v = t.values[v.a+uint32(path[i].index)]
	}
	return v, i
}

// isInput reports whether a fetch needs the value at a path, or passes it on the way to its objects.
func (x *execution) isInput(path nullPlace) bool {
	for _, f := range x.program.fetches {
		if f.entities == nil && x.needs(path, f.path(), nil) {
			return true
		}
		for _, e := range f.entities {
			for i := range e.targets {
				if x.isInputOf(path, e, &e.targets[i]) {
					return true
				}
			}
		}
	}
	return false
}

func (x *execution) isInputOf(path nullPlace, e *entityFetch, t *target) bool {
	for i := range t.representations {
		if x.needs(path, t.path, t.representations[i].fields) {
			return true
		}
	}
	if e.context == nil {
		return false
	}
	for _, a := range e.context.arguments {
		for _, s := range a.sources {
			if x.needs(path, t.path[:s.depth], s.fields) {
				return true
			}
		}
	}
	return false
}

// needs reports whether a path ends on the way to the objects at another one, or at one of their fields.
func (x *execution) needs(path nullPlace, objects []segment, fields []representationField) bool {
	object, i := uint32(0), 0
	for _, s := range objects {
		if s.slot <= headerSlot || s.storageKey != path[i].key {
			return false
		}
		var v value
		if v, i = x.tree.element(x.tree.values[object+uint32(s.slot)], path, i+1); i == len(path) || v.kind != objectKind {
			return true
		}
		if t := x.tree.values[v.a].typ; t != noType && !s.types.has(t) && !s.types.meets(x.program.interfaceObjects) {
			return false
		}
		object = v.a
	}
	return containsPath(fields, path[i:])
}

// meets reports whether two sets, neither of which is nil, have a type in common: an object that had
// the name of an @interfaceObject when a fetch found it may have got its real type since.
func (s typeset) meets(other typeset) bool {
	for i := range min(len(s), len(other)) {
		if s[i]&other[i] != 0 {
			return true
		}
	}
	return false
}

// containsPath reports whether a path of storage keys leads to a field, or through it.
func containsPath(fields []representationField, path nullPlace) bool {
	for len(path) > 0 && path[0].key == "" {
		path = path[1:]
	}
	return len(path) == 0 || slices.ContainsFunc(fields, func(f representationField) bool {
		return f.storageKey == path[0].key && (!f.nested || containsPath(f.fields, path[1:]))
	})
}
