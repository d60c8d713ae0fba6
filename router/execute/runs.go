package execute

import "slices"

// This file finds the runs of a plan (see run.go), once its shapes and selections are compiled.
//
// Whoever reads or writes an object must agree on its runs. Runs therefore belong to a
// position: every fetch that selects one of a run's fields there selects all of them in the
// same order, and so does the client wherever it selects on the objects of the position. No
// path, representation or context may lead into an object of a run. A leaf that they need is
// stored twice.

// noteShape notes what a fetch selects on the objects at a position.
func (c *compiler) noteShape(at *position, s *shape) {
	at = at.find()
	at.shapes = append(at.shapes, s)
}

// noteSelection notes what the client selects on the objects at a position.
func (c *compiler) noteSelection(at *position, s *selection) {
	if at == nil {
		return
	}
	at = at.find()
	if at.selections == nil {
		c.selected = append(c.selected, at)
	}
	at.selections = append(at.selections, s)
}

// noteRead notes that something else than the client's selections reads a slot.
func (p *position) noteRead(slot int) {
	if slot <= headerSlot {
		return
	}
	p = p.find()
	if p.read == nil {
		p.read = make([]bool, p.size())
	}
	p.read[slot] = true
}

func (p *position) isRead(slot int) bool { return p.read != nil && p.read[slot] }

// runs finds the runs of all positions. A program with deferred payloads has none, because each
// payload writes a part of a selection.
func (c *compiler) runs() {
	if len(c.plan.Deferred) > 0 {
		return
	}
	for _, p := range c.selected {
		for _, sel := range p.selections {
			for start := 0; start < len(sel.fields); {
				end := start
				for end < len(sel.fields) && p.canCopy(&sel.fields[end]) && (end == start || p.together(&sel.fields[end-1], &sel.fields[end])) {
					end++
				}
				c.addRun(p, sel.fields[start:end])
				start = max(end, start+1)
			}
		}
	}
}

// canCopy reports whether a field can be in a run, and is in none yet: all who select it
// mean the same.
func (p *position) canCopy(f *field) bool {
	if f.source != storedSource || f.on != nil || f.slot <= headerSlot || f.sel != nil && p.isRead(f.slot) {
		return false
	}
	fetched := false
	for _, s := range p.shapes {
		i := s.only(f.slot)
		if i == several || i >= 0 && (s.fields[i].run != nil || !f.copies(&s.fields[i])) {
			return false
		}
		fetched = fetched || i >= 0
	}
	for _, s := range p.selections {
		if i := s.only(f.slot); i == several || i >= 0 && !f.equals(&s.fields[i]) {
			return false
		}
	}
	return fetched
}

// together reports whether all who select one of two fields select the second right after
// the first.
func (p *position) together(f, second *field) bool {
	adjacent := func(i, j int) bool { return i == absent && j == absent || i >= 0 && j == i+1 }
	return !slices.ContainsFunc(p.shapes, func(s *shape) bool { return !adjacent(s.only(f.slot), s.only(second.slot)) }) &&
		!slices.ContainsFunc(p.selections, func(s *selection) bool { return !adjacent(s.only(f.slot), s.only(second.slot)) })
}

const (
	absent  = -1
	several = -2
)

// only returns the index of the only field with a slot, or absent or several.
func (s *shape) only(slot int) int {
	found := absent
	for i := range s.fields {
		if s.fields[i].slot == slot {
			if found != absent {
				return several
			}
			found = i
		}
	}
	return found
}

// only returns the index of the only field that has the value in a slot, or absent or several.
func (s *selection) only(slot int) int {
	found := absent
	for i := range s.fields {
		if s.fields[i].slot == slot && s.fields[i].source == storedSource {
			if found != absent {
				return several
			}
			found = i
		}
	}
	return found
}

// copies reports whether a field has the value of a fetched field under the same name. If
// that is an object, the fields of both are the same in the same order.
func (f *field) copies(fetched *shapeField) bool {
	if !f.isNamed(fetched.responseKey) || (f.sel == nil) != (fetched.child == nil) {
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
			same = fetchedBelow.slot == headerSlot && below.isNamed(fetchedBelow.responseKey)
		case storedSource:
			same = below.slot > headerSlot && below.slot == fetchedBelow.slot && f.sel.only(below.slot) == i && below.copies(fetchedBelow)
		}
		if !same || below.on != nil {
			return false
		}
	}
	return true
}

// isNamed reports whether a field has a response key, which is given as JSON.
func (f *field) isNamed(key []byte) bool { return string(f.name[1:len(f.name)-1]) == string(key) }

// equals reports whether two fields that copy the same fetched field accept the same values.
func (f *field) equals(g *field) bool {
	return f.on == nil && g.on == nil && f.kind == g.kind && f.typeName == g.typeName && slices.Equal(f.nonNull, g.nonNull) && f.sel.equals(g.sel)
}

func (s *selection) equals(t *selection) bool {
	if s == nil || t == nil {
		return s == t
	}
	return slices.EqualFunc(s.fields, t.fields, func(f, g field) bool {
		return f.source == g.source && f.slot == g.slot && string(f.name) == string(g.name) && f.equals(&g)
	})
}

// addRun makes a run of some fields, if that saves anything: two leaves, or an object.
func (c *compiler) addRun(p *position, fields []field) {
	keep := slices.IndexFunc(fields, func(f field) bool { return !p.isRead(f.slot) })
	if keep < 0 || len(fields) == 1 && fields[0].sel == nil {
		return
	}
	r := &run{slot: uint32(fields[keep].slot), number: c.program.runs, fields: make([]runField, len(fields))}
	c.program.runs++
	for i := range fields {
		before := ","
		if i == 0 {
			before = ""
		}
		r.fields[i] = c.runField(&fields[i], before)
		r.fields[i].stored = p.isRead(fields[i].slot)
	}
	for _, s := range p.shapes {
		if first := s.only(fields[0].slot); first >= 0 {
			for i := range fields {
				s.fields[first+i].run = r
				r.fields[i].child = s.fields[first+i].child
			}
		}
	}
	for _, s := range p.selections {
		if first := s.only(fields[0].slot); first >= 0 {
			s.fields[first].run = r
		}
	}
}

// runField makes a field of a run or of an object in it. Before its key is a comma, the brace of
// the object, or nothing.
func (c *compiler) runField(f *field, before string) runField {
	made := runField{key: newToken(before + string(f.name[1:])), slot: uint32(max(f.slot, headerSlot)), kind: f.kind, nonNull: f.nonNull}
	for _, text := range f.enum {
		made.texts = append(made.texts, appendString(nil, text))
	}
	if f.sel == nil {
		return made
	}
	for i := range f.sel.fields {
		before := ","
		if i == 0 {
			before = "{"
		}
		below := c.runField(&f.sel.fields[i], before)
		if f.sel.fields[i].source == typenameSource {
			below.kind, below.texts = enumValue, c.typeTexts(f.possible)
		}
		made.fields = append(made.fields, below)
	}
	return made
}

// typeTexts returns the values of __typename that are written as they are, for objects of some
// types.
func (c *compiler) typeTexts(possible typeset) (texts [][]byte) {
	p := c.program
	for t := firstType; int(t) < len(p.types); t++ {
		if possible.has(t) && !p.interfaceObjects.has(t) {
			texts = append(texts, p.quoted[t])
		}
	}
	return texts
}
