package execute

import (
	"slices"
	"unsafe"

	"souk/internal/slab"
)

// A position is a response position: the objects that can be at one path of the
// tree. All objects at a position have the same layout: a storage slot for each
// storage key that any fetch stores there.
//
// An entity fetch writes one entity to the objects at several positions. These are
// united, and so are the positions below them (congruence closure by union-find),
// so that one shape fits all. A position and one of its own descendants can be
// united too, so positions form a graph.
type position struct {
	// united points towards the position that represents this one.
	united *position
	fields []*position    // in the order of their slots, from 1
	keys   []string       // of fields
	names  []string       // the keys as members of objects, or empty
	index  map[string]int // storage key to slot, if there are many fields
	memory *layout
	// writer is the first fetch that writes objects here, counted from 1.
	writer int

	// shapes and selections are what fetches and the client select here. read says of which slots
	// something else reads the values. See runs.go.
	shapes     []*shape
	selections []*selection
	read       []bool
}

// A layout is the memory of the positions of a plan, which a program does not keep.
type layout struct {
	positions slab.Slab[position]
	lists     slab.Slab[*position]
	keys      slab.Slab[string]

	// What follows is for runs.
	shapes     slab.Slab[*shape]
	selections slab.Slab[*selection]
	read       slab.Slab[bool]
	selected   []*position // those with selections
	table      slotTable
	found      []foundRun

	textBytes int // of the keys of all positions
	compiler  compiler
	names     []string // of types
	numbers   []int    // of fetches
}

// maxLayout is the size in bytes of a layout that is kept for other plans.
const maxLayout = 256 << 10

func (l *layout) root() *position { return l.positions.Of(position{memory: l}) }

// reset takes back all positions, and reports whether the layout is small enough to be kept.
func (l *layout) reset() bool {
	size := l.positions.Bytes() + l.lists.Bytes() + l.keys.Bytes() + l.shapes.Bytes() + l.selections.Bytes() + l.read.Bytes()
	size += cap(l.names)*int(unsafe.Sizeof("")) + cap(l.numbers)*int(unsafe.Sizeof(0))
	size += cap(l.selected)*int(unsafe.Sizeof((*position)(nil))) + cap(l.table.at)*int(unsafe.Sizeof(0)) + cap(l.found)*int(unsafe.Sizeof(foundRun{}))
	if size > maxLayout {
		return false
	}
	l.positions.Reset()
	l.lists.Reset()
	l.keys.Reset()
	l.shapes.Reset()
	l.selections.Reset()
	l.read.Reset()
	clear(l.selected)
	clear(l.found)
	clear(l.names[:cap(l.names)])
	l.compiler, l.names, l.textBytes = compiler{}, l.names[:0], 0
	l.selected, l.found, l.table.position = l.selected[:0], l.found[:0], nil
	return true
}

// fewFields is the number of fields that are compared one after another.
const fewFields = 16

// at returns the slot of a key; 0 if there is none.
func (p *position) at(key string) int {
	if p.index != nil {
		return p.index[key]
	}
	return slices.Index(p.keys, key) + 1
}

// find returns the position that represents p.
func (p *position) find() *position {
	for p.united != nil {
		if p.united.united != nil {
			p.united = p.united.united
		}
		p = p.united
	}
	return p
}

// field returns the position of a field of p, and adds it if it is new.
func (p *position) field(key string) *position {
	p = p.find()
	if i := p.at(key); i > 0 {
		return p.fields[i-1]
	}
	f := p.memory.positions.New()
	f.memory = p.memory
	p.add(key, f)
	return f
}

func (p *position) add(key string, f *position) {
	if len(p.fields) == cap(p.fields) {
		n := max(2*len(p.fields), 4)
		p.fields = append(p.memory.lists.Make(n)[:0], p.fields...)
		p.keys = append(p.memory.keys.Make(n)[:0], p.keys...)
	}
	p.fields, p.keys = append(p.fields, f), append(p.keys, key)
	p.memory.textBytes += quoted(key)
	switch {
	case p.index != nil:
		p.index[key] = len(p.keys)
	case len(p.keys) > fewFields:
		p.index = make(map[string]int, 2*fewFields)
		for i, key := range p.keys {
			p.index[key] = i + 1
		}
	}
}

// unite makes p and q one position.
func (p *position) unite(q *position) {
	p, q = p.find(), q.find()
	if p == q {
		return
	}
	q.united = p
	for i, key := range q.keys {
		// The call before may have united p itself with another
		// position.
		into := p.find()
		if at := into.at(key); at > 0 {
			into.fields[at-1].unite(q.fields[i])
		} else {
			into.add(key, q.fields[i])
		}
	}
}

// size is the number of values an object takes: its header and its slots.
func (p *position) size() uint32 { return uint32(len(p.find().fields)) + 1 }

// slot returns the storage slot of a key, or noSlot, and the position below it.
func (p *position) slot(key string) (int, *position) {
	if key == typenameKey {
		return headerSlot, nil
	}
	if p == nil {
		return noSlot, nil
	}
	p = p.find()
	if i := p.at(key); i > 0 {
		return i, p.fields[i-1].find()
	}
	return noSlot, nil
}

const (
	typenameKey = "__typename"
	// headerSlot has what is known of an object's type.
	headerSlot = 0
	// noSlot is for a key under which nothing is ever stored.
	noSlot = -1
)
