package planner

import (
	"souk/router/operation"
	"souk/router/supergraph"
)

// markSelected remembers the leaves that are selected for objects of all types, so that they are not
// sought once more for objects of one type.
func (w *walker) markSelected(b *branch, selections []operation.Selection) {
	for _, sel := range selections {
		f, ok := sel.(*operation.Field)
		if !ok || f.Denied != nil {
			continue
		}
		if def := b.typ.Field(f.Name); def != nil && !def.Named.Composite() {
			w.isSelected(b, f)
		}
	}
}

// markSelectedByPayload notes which payload selects what at each position, before the selections are walked: what
// several payloads select the earliest of them delivers, wherever they are written.
func (w *walker) markSelectedByPayload(at *position, typ *supergraph.Type, selections []operation.Selection, deferID int) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			def := typ.Field(sel.Name)
			if def == nil || sel.Denied != nil || sel.Name == "__typename" {
				continue
			}
			child := at.field(at.slot.child(sel))
			child.selects(sel, deferID)
			w.markSelectedByPayload(child, def.Named, sel.Selections, deferID)
		case *operation.InlineFragment:
			id, condition := deferIDOf(sel, deferID), typ
			if sel.TypeCondition != "" {
				condition = w.model.Type(sel.TypeCondition)
			}
			if typ.Is(condition) {
				w.markSelectedByPayload(at, typ, sel.Selections, id)
				continue
			}
			for _, o := range intersect(typ.Possible, condition.Possible) {
				w.budget--
				w.markSelectedByPayload(at.downcast(o), o, sel.Selections, id)
			}
		}
	}
}

// isSelectedEarlier reports whether an earlier payload selects a field of the objects of a branch.
func (w *walker) isSelectedEarlier(b *branch, field *slot) bool {
	if b.position.isSelectedBefore(w.deferID, field) {
		return true
	}
	if b.typ.Kind != supergraph.Interface {
		return false
	}
	forEach := false // of its types
	for _, o := range b.typ.Possible {
		if b.excludes(o) {
			continue
		}
		if forEach = b.position.downcast(o).isSelectedBefore(w.deferID, field); !forEach {
			return false
		}
	}
	return forEach
}

// isSelected reports whether an earlier payload selects a leaf that the client selects at a branch,
// or the same payload for objects of all types. The earliest payload delivers it: this one
// needs no fetch for it. It remembers the leaf.
func (w *walker) isSelected(b *branch, f *operation.Field) bool {
	if len(w.jumping) > 0 {
		return false // the leaf is a condition of a jump
	}
	at := b.position.slot.child(f)
	if w.deferID > 0 && w.isSelectedEarlier(b, at) {
		return true
	}
	for p := b.position; p.on != nil; p = p.parent {
		if known, ok := p.parent.fields.get(at); ok && known.selected != nil && known.selectedIn == w.deferID && known.selected != f {
			return true
		}
	}
	b.position.field(at).selects(f, w.deferID)
	return false
}

// selects notes that a payload selects what is here.
func (p *position) selects(f *operation.Field, deferID int) {
	if p.selected == nil || deferID < p.selectedIn {
		p.selected, p.selectedIn = f, deferID
	}
}

// isSelectedBefore reports whether an earlier payload selects a field here, for objects of these or of
// more types.
func (p *position) isSelectedBefore(deferID int, field *slot) bool {
	if known, ok := p.fields.get(field); ok && known.selected != nil && known.selectedIn < deferID {
		return true
	}
	return p.wider(func(q *position) bool { return q.isSelectedBefore(deferID, field) })
}

// wider visits the positions of objects of more types, until visit returns true.
func (p *position) wider(visit func(*position) bool) bool {
	switch {
	case p.parent == nil:
		return false
	case p.on != nil:
		return visit(p.parent)
	}
	return p.parent.wider(func(q *position) bool {
		wider, ok := q.fields.get(p.slot)
		return ok && visit(wider)
	})
}
