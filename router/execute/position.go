package execute

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
	index  map[string]int // storage key to slot

	// shapes and selections are what fetches and the client select here. read says of which slots
	// something else reads the values. See runs.go.
	shapes     []*shape
	selections []*selection
	read       []bool
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

// unite makes p and q one position.
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
		// The call before may have united p itself with another
		// position.
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

// slot returns the storage slot of a key, or noSlot, and the position below it.
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
	// headerSlot has what is known of an object's type.
	headerSlot = 0
	// noSlot is for a key under which nothing is ever stored.
	noSlot = -1
)
