package execute

// A position stands for the objects that one place of the tree of answers may
// hold. All objects of a position have the same layout: a slot for each of
// the storage keys that any step stores there.
//
// An entity fetch writes one answer to the objects of several places. They
// are united to one position, and so are the places below them (congruence
// closure by union-find), so that one shape fits all. A place and one of its
// own descendants may be united too: positions form a graph.
type position struct {
	// united leads towards the position that stands for this one.
	united *position
	fields []*position    // in the order of their slots, from 1
	index  map[string]int // storage key to slot
}

// find gives the position that stands for p.
func (p *position) find() *position {
	for p.united != nil {
		if p.united.united != nil {
			p.united = p.united.united
		}
		p = p.united
	}
	return p
}

// field gives the position below p for a key, made if it is new.
func (p *position) field(key string) *position {
	p = p.find()
	if i, ok := p.index[key]; ok {
		return p.fields[i-1]
	}
	f := new(position)
	p.add(key, f)
	return f
}

func (p *position) add(key string, f *position) {
	if p.index == nil {
		p.index = make(map[string]int)
	}
	p.fields = append(p.fields, f)
	p.index[key] = len(p.fields)
}

// unite makes p and q one.
func (p *position) unite(q *position) {
	p, q = p.find(), q.find()
	if p == q {
		return
	}
	q.united = p
	keys := make([]string, len(q.fields))
	for key, i := range q.index {
		keys[i-1] = key
	}
	for i, key := range keys {
		// p may itself have been united with another by the one before.
		into := p.find()
		if at, ok := into.index[key]; ok {
			into.fields[at-1].unite(q.fields[i])
		} else {
			into.add(key, q.fields[i])
		}
	}
}

// size is the number of values an object takes: its header and its slots.
func (p *position) size() uint32 { return uint32(len(p.find().fields)) + 1 }

// slot is where an object holds the value of a key, or noSlot, and the
// position below.
func (p *position) slot(key string) (int, *position) {
	if key == typenameKey {
		return headerSlot, nil
	}
	if p == nil {
		return noSlot, nil
	}
	p = p.find()
	if i, ok := p.index[key]; ok {
		return i, p.fields[i-1].find()
	}
	return noSlot, nil
}

const (
	typenameKey = "__typename"
	// headerSlot is the slot of what is known of an object's type.
	headerSlot = 0
	// noSlot is for a key under which nothing is ever stored.
	noSlot = -1
)
