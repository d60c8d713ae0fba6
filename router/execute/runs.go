package execute

import (
	"slices"

	"souk/internal/slab"
)

// This file finds the runs of a plan (see run.go), once its shapes and selections are compiled.
//
// Whoever reads or writes an object must agree on its runs. Runs therefore belong to a
// position: every fetch that selects one of a run's fields there selects all of them in the
// same order, and so does the client wherever it selects on the objects of the position. No
// path, representation or context may lead into an object of a run. A leaf that they need is
// stored twice.

// noteShape notes what a fetch selects on the objects at a position.
func (p *position) noteShape(s *shape) {
	p = p.find()
	p.shapes = p.memory.shapes.Append(p.shapes, s)
}

// noteRead notes that something else than the client's selections reads a slot.
func (p *position) noteRead(slot int) {
	if slot <= headerSlot {
		return
	}
	p = p.find()
	if p.read == nil {
		p.read = p.memory.read.Make(int(p.size()))
	}
	p.read[slot] = true
}

func (p *position) isRead(slot int) bool { return p.read != nil && p.read[slot] }

// noteSelection notes what the client selects on the objects at a position.
func (c *compiler) noteSelection(at *position, s *selection) {
	if at == nil {
		return
	}
	at = at.find()
	if at.selections == nil {
		at.memory.selected = append(at.memory.selected, at)
	}
	at.selections = at.memory.selections.Append(at.selections, s)
}

// runs finds the runs of all positions. A program with deferred payloads has none, because each
// payload writes a part of a selection.
func (c *compiler) runs() {
	if len(c.plan.Deferred) > 0 {
		return
	}
	l := c.root.memory
	// Mostly, a position has one run for each fetch that fills it, and one fetch fills a position.
	c.runMemory = slab.NewBlock[run](len(l.selected) + max(len(c.plan.Fetches)-1, 0))
	t := &l.table
	for _, p := range l.selected {
		if len(p.shapes) == 0 {
			continue
		}
		t.fill(p)
		for _, sel := range p.selections {
			for start := 0; start < len(sel.fields); {
				end := start
				for end < len(sel.fields) && t.canCopy(&sel.fields[end]) && (end == start || t.together(int(sel.fields[end-1].slot), int(sel.fields[end].slot))) {
					end++
				}
				c.addRun(t, sel.fields[start:end])
				start = max(end, start+1)
			}
		}
	}
	n, inside := 0, 0
	for i := range l.found {
		more, moreInside := l.countRunFields(l.found[i].fields)
		n, inside = n+more, inside+moreInside
	}
	c.runFieldMemory, c.insideMemory = slab.NewBlock[runField](n), slab.NewBlock[runInside](inside)
	for i := range l.found {
		c.fillRun(&l.found[i])
	}
}

// fillRun makes the fields of a run, unless a run around it has done so.
func (c *compiler) fillRun(f *foundRun) {
	if f.run.fields != nil {
		return
	}
	f.run.fields = c.runFields(f.fields, nil)
	for i := range f.fields {
		f.run.fields[i].stored = f.at.isRead(int(f.fields[i].slot))
		if child := f.fetched[i].child; child != nil {
			f.run.fields[i].inside.child = child
		}
	}
}

// wholeRun returns the run that has all fields of a selection, or nil. A run around the objects has its
// fields, too. None of them is stored, because nothing leads into the objects of a run.
func (l *layout) wholeRun(sel *selection) *foundRun {
	r := sel.fields[0].run
	if r == nil || len(l.found[r.number].fields) != len(sel.fields) {
		return nil
	}
	return &l.found[r.number]
}

// A foundRun is a run without its fields, and what they are made of.
type foundRun struct {
	run     *run
	at      *position
	fields  []field
	fetched []shapeField
}

// countRunFields counts the fields of a run and of the objects in it that are in no run of their own, and
// those that may have something inside.
func (l *layout) countRunFields(fields []field) (n, inside int) {
	n = len(fields)
	for i := range fields {
		f := &fields[i]
		switch {
		case f.sel != nil && l.wholeRun(f.sel) != nil:
			inside++
		case f.sel != nil:
			below, insideBelow := l.countRunFields(f.sel.fields)
			n, inside = n+below, inside+1+insideBelow
		case f.source == typenameSource || f.enum() != nil:
			inside++
		}
	}
	return n, inside
}

// A slotTable has a row for each shape of a position, and then for each selection, with where
// it has the field of each slot.
type slotTable struct {
	*position
	size int
	at   []int // the field's index, from 1
}

// several is in a slotTable for a slot that several fields have.
const several = -1

func (t *slotTable) fill(p *position) {
	t.position, t.size = p, int(p.size())
	n := t.size * (len(p.shapes) + len(p.selections))
	t.at = slices.Grow(t.at[:0], n)[:n]
	clear(t.at)
	note := func(row, slot, i int) {
		at := &t.at[row*t.size+max(slot, headerSlot)]
		if *at == 0 {
			*at = i + 1
		} else {
			*at = several
		}
	}
	for row, s := range p.shapes {
		for i := range s.fields {
			note(row, int(s.fields[i].slot), i)
		}
	}
	for row, s := range p.selections {
		for i := range s.fields {
			if s.fields[i].source == storedSource {
				note(len(p.shapes)+row, int(s.fields[i].slot), i)
			}
		}
	}
}

// canCopy reports whether a field can be in a run, and is in none yet: all who select it
// mean the same.
func (t *slotTable) canCopy(f *field) bool {
	if f.source != storedSource || f.on() != nil || f.slot <= headerSlot || f.sel != nil && t.isRead(int(f.slot)) {
		return false
	}
	fetched := false
	for row, s := range t.shapes {
		i := t.at[row*t.size+int(f.slot)]
		if i == several || i > 0 && (s.fields[i-1].run != nil || !f.copies(&s.fields[i-1])) {
			return false
		}
		fetched = fetched || i > 0
	}
	for row, s := range t.selections {
		if i := t.at[(len(t.shapes)+row)*t.size+int(f.slot)]; i == several || i > 0 && !f.equals(&s.fields[i-1]) {
			return false
		}
	}
	return fetched
}

// together reports whether all who select a field select the next one right after it, and
// nobody selects the next one without it.
func (t *slotTable) together(slot, next int) bool {
	for row := 0; row < len(t.at); row += t.size {
		if i, j := t.at[row+slot], t.at[row+next]; i != 0 && j != i+1 || i == 0 && j != 0 {
			return false
		}
	}
	return true
}

// copies reports whether a field has the value of a fetched field under the same name. If
// that is an object, the fields of both are the same in the same order.
func (f *field) copies(fetched *shapeField) bool {
	if !f.isNamed(fetched.responseKey()) || (f.sel == nil) != (fetched.child == nil) {
		return false
	}
	if f.sel == nil {
		return f.kind != compositeValue
	}
	if len(f.sel.fields) == 0 || len(f.sel.fields) != len(fetched.child.fields) {
		return false
	}
	for i := range f.sel.fields {
		below, fetchedBelow := &f.sel.fields[i], &fetched.child.fields[i]
		same := false
		switch below.source {
		case typenameSource:
			same = fetchedBelow.slot == headerSlot && below.isNamed(fetchedBelow.responseKey())
		case storedSource:
			same = below.slot > headerSlot && below.slot == fetchedBelow.slot && below.copies(fetchedBelow)
		}
		if !same || below.on() != nil {
			return false
		}
	}
	return true
}

// isNamed reports whether a field has a response key, which is given as JSON.
func (f *field) isNamed(key string) bool { return f.name[1:len(f.name)-1] == key }

// equals reports whether two fields that copy the same fetched field accept the same values.
func (f *field) equals(g *field) bool {
	if f == g {
		return true
	}
	if f.on() != nil || g.on() != nil || f.source != g.source || f.kind != g.kind || f.typ != g.typ {
		return false
	}
	if f.sel == nil || g.sel == nil {
		return f.sel == g.sel
	}
	for i := range f.sel.fields {
		if len(f.sel.fields) != len(g.sel.fields) || f.sel.fields[i].slot != g.sel.fields[i].slot || !f.sel.fields[i].equals(&g.sel.fields[i]) {
			return false
		}
	}
	return true
}

// addRun makes a run of some fields, if that saves anything: of two leaves or more, or of an
// object. One of them must not be needed otherwise, so that its slot is free.
func (c *compiler) addRun(t *slotTable, fields []field) {
	free := 0
	for free < len(fields) && t.isRead(int(fields[free].slot)) {
		free++
	}
	if free == len(fields) || len(fields) == 1 && fields[0].sel == nil {
		return
	}
	r := c.runMemory.New()
	r.slot, r.number = uint32(fields[free].slot), c.program.runs
	c.program.runs++
	found := foundRun{run: r, at: t.position, fields: fields}
	for row, s := range t.shapes {
		if first := t.at[row*t.size+int(fields[0].slot)]; first > 0 {
			found.fetched = s.fields[first-1 : first-1+len(fields)]
			for i := range found.fetched {
				found.fetched[i].run = r
			}
		}
	}
	for row, s := range t.selections {
		if first := t.at[(len(t.shapes)+row)*t.size+int(fields[0].slot)]; first > 0 {
			s.fields[first-1].run = r
		}
	}
	l := c.root.memory
	l.found = append(l.found, found)
}

// runFields makes the fields of a run, or those of an object in it, which has some possible types.
func (c *compiler) runFields(fields []field, possible typeset) []runField {
	made := c.runFieldMemory.Make(len(fields))
	for i := range fields {
		f := &fields[i]
		made[i] = runField{key: newToken(f.name), slot: uint32(max(f.slot, headerSlot)), kind: f.kind, typ: f.typ, lists: f.lists}
		names := f.enum()
		switch {
		case f.source == typenameSource:
			made[i].kind, names = enumValue, c.typeNames(possible)
		case f.sel != nil:
			made[i].inside = c.insideMemory.New()
			if whole := c.root.memory.wholeRun(f.sel); whole != nil {
				c.fillRun(whole)
				made[i].inside.fields = whole.run.fields
			} else {
				made[i].inside.fields = c.runFields(f.sel.fields, f.sel.possible)
			}
		}
		if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return !plainText(name) }) {
			made[i].inside = c.insideMemory.New()
			made[i].inside.names = names
		}
	}
	made[0].key = newToken(fields[0].name[1:])
	return made
}

// typeNames returns the values of __typename that are written as they are, for objects of some
// types.
func (c *compiler) typeNames(possible typeset) (names []string) {
	p := c.program
	for t := firstType; int(t) < len(p.quoted); t++ {
		if possible.has(t) && !p.interfaceObjects.has(t) {
			names = append(names, p.typeName(t))
		}
	}
	return names
}
