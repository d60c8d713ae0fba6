package planner

import (
	"math"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A subgraph with an @interfaceObject does not know the types of its objects: what it is asked below
// their field it resolves for objects of all types. For some of them it may fail, and then data is lost
// that has nothing to do with it. So what is selected for objects of one type only is asked for by an
// entity jump, once the type is known. For
//
//	{ o { v { x } ... on T { v { x y } } } }
//
// o.v.x is asked for with o, and y by a jump for objects of the type T. Only what the client selects for
// objects of all types at the same path, x here, and keys are asked for objects of T with o. If there
// is no such jump, everything is asked with o.

// lastPayload is no less than the number of any payload.
const lastPayload = math.MaxInt - 1

// isTyped reports whether the subgraph returns objects at the end of a path of the type of the position only.
func (e *edge) isTyped() bool { return e.untyped == nil }

// mayAskUntyped reports whether a path that is not typed may be followed to a field. If
// anyField is set, there is no other path.
func (w *walker) mayAskUntyped(b *branch, e *edge, f *operation.Field, anyField bool) bool {
	switch {
	case b.anyType:
		return true
	case anyField && (e.viaInterfaceObject() || len(w.jumping) == 0): // conditions are sought again with further jumps
		return true
	}
	return e.untyped.selectsField(e.position.slot.child(f), w.deferID) || e.isKey(f)
}

// selectsField reports whether a payload or an earlier one selects a field for all the objects here.
func (p *position) selectsField(field *slot, deferID int) bool {
	return p.isSelectedBefore(deferID+1, field)
}

// untypedField returns the position, for objects of all types, of a field that a path is followed to. It is
// nil if the client does not select the field for all types: it is asked for since there is no other path, and
// so is what is below it.
func (e *edge) untypedField(f *operation.Field) *position {
	if e.isTyped() {
		return nil
	}
	field := e.position.slot.child(f)
	if !e.untyped.selectsField(field, lastPayload) && !e.isKey(f) {
		return nil
	}
	return e.untyped.field(field)
}

// isKey reports whether a field is part of a key of its object in the subgraph, or of one around it
// whose type is not known either.
func (e *edge) isKey(f *operation.Field) bool {
	for path := []string{f.Name}; ; e = e.tail {
		if e.typ.Composite() && isInKey(e.typ.InSubgraph(e.subgraph).Keys, path) {
			return true
		}
		switch {
		case e.tail == nil || e.tail.isTyped():
			return false
		case e.kind == fieldEdge:
			path = append([]string{e.field.Name}, path...)
		}
	}
}

// isInKey reports whether a field, by its path from the object, is part of one of some keys.
func isInKey(keys []*supergraph.Key, path []string) bool {
	return slices.ContainsFunc(keys, func(k *supergraph.Key) bool { return selectsPath(k.Fields.Selections, path) })
}

func selectsPath(selections []operation.Selection, path []string) bool {
	return len(path) == 0 || slices.ContainsFunc(selections, func(sel operation.Selection) bool {
		switch sel := sel.(type) {
		case *operation.Field:
			return sel.Name == path[0] && selectsPath(sel.Selections, path[1:])
		case *operation.InlineFragment:
			return selectsPath(sel.Selections, path)
		}
		return false
	})
}
