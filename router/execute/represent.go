package execute

import (
	"bytes"
	"hash/maphash"
)

// A walk visits the objects at the end of a path. An object or array that is
// shared is entered once: what is below is the same again.
type walk struct {
	*tree
	length int // of the path
	// trail are the objects on the way to the one visited, that one included.
	trail   []uint32
	visited map[uint32]struct{}
	visit   func(object uint32, types uint64)
}

// walk begins at the root.
func (w *walk) walk(path []segment, types uint64) {
	w.length = len(path)
	w.from(0, path, types)
}

// from goes on from an object; types tells the types of the objects passed.
func (w *walk) from(object uint32, path []segment, types uint64) {
	types = mix(types, w.values[object].typ)
	w.trail = append(w.trail[:w.length-len(path)], object)
	if len(path) == 0 {
		w.visit(object, types)
		return
	}
	if path[0].slot > headerSlot {
		w.enter(w.values[object+uint32(path[0].slot)], path, types)
	}
}

func (w *walk) enter(v value, path []segment, types uint64) {
	switch v.kind {
	case objectKind:
		if t := w.values[v.a].typ; t != noType && !path[0].types.has(t) {
			return
		}
	case arrayKind:
	default:
		return
	}
	if v.flags&sharedFlag != 0 {
		if _, again := w.visited[v.a]; again {
			return
		}
		w.visited[v.a] = struct{}{}
	}
	if v.kind == objectKind {
		w.from(v.a, path[1:], types)
		return
	}
	for i := range v.b {
		w.enter(w.values[v.a+i], path, types)
	}
}

// mix adds a type to a chain of types.
func mix(types uint64, t typeID) uint64 { return (types ^ uint64(t)) * 0x9E3779B97F4A7C15 }

// An entityRun is an entity fetch within a request.
type entityRun struct {
	// text holds the distinct representations, spans where each is.
	text  []byte
	spans []span
	// first is the target of each representation that was found last, from
	// which next leads to the others.
	first   []int32
	targets []targetObject
	// table finds a representation's number, plus one, by its hash.
	table []uint32

	lookup CacheLookup
	// sent are the numbers of the representations sent, in order; nil for all.
	sent []uint32
	// cached is where the cache's answers are in the step's cached text.
	cached []span
	// fetched is where the subgraph's answers are in its body.
	fetched []span
	// blamed says that the subgraph reported an error about this fetch.
	blamed bool
}

type span struct{ start, end uint32 }

// A targetObject is an object that a representation was built from.
type targetObject struct {
	object uint32
	next   int32 // another with the same representation, or -1
	types  uint64
}

func (e *entityRun) reset() {
	e.text, e.spans, e.first, e.targets = e.text[:0], e.spans[:0], e.first[:0], e.targets[:0]
	if len(e.table) > maxKeptTable || cap(e.text) > maxKeptText {
		*e = entityRun{}
	}
	clear(e.table)
	e.lookup = CacheLookup{}
	e.sent, e.cached, e.fetched = e.sent[:0], e.cached[:0], e.fetched[:0]
	e.blamed = false
}

// presence says whether a representation could be built.
type presence uint8

const (
	present presence = iota
	// missing: a value it needs is not there.
	missing
	// explained: and there is an error that says why.
	explained
)

// A builder builds the representations of one entity fetch.
type builder struct {
	*tree
	program *Program
	into    *entityRun
	seed    maphash.Seed
}

// add builds the representation of an object and enters it as a target.
func (b *builder) add(t *target, object uint32, types uint64) presence {
	result := missing
	e := b.into
	start := len(e.text)
	typ := b.values[object].typ
	for _, r := range t.representations {
		if typ != noType && !r.on.has(typ) {
			continue
		}
		e.text = append(e.text, r.prefix...)
		p := b.fields(object, r.fields)
		if p == present {
			e.text = append(e.text, '}')
			b.enter(start, object, types)
			return present
		}
		result = max(result, p)
		e.text = e.text[:start]
	}
	return result
}

// enter makes the text from start on a representation, unless there is an
// equal one, and the object one of its targets.
func (b *builder) enter(start int, object uint32, types uint64) {
	e := b.into
	if 4*(len(e.spans)+1) > 3*len(e.table) {
		b.grow()
	}
	text := e.text[start:]
	target := int32(len(e.targets))
	mask := uint64(len(e.table) - 1)
	for h := maphash.Bytes(b.seed, text) & mask; ; h = (h + 1) & mask {
		number := e.table[h]
		if number == 0 {
			e.table[h] = uint32(len(e.spans)) + 1
			e.spans = append(e.spans, span{uint32(start), uint32(len(e.text))})
			e.targets = append(e.targets, targetObject{object, -1, types})
			e.first = append(e.first, target)
			return
		}
		if s := e.spans[number-1]; bytes.Equal(e.text[s.start:s.end], text) {
			e.text = e.text[:start]
			e.targets = append(e.targets, targetObject{object, e.first[number-1], types})
			e.first[number-1] = target
			return
		}
	}
}

func (b *builder) grow() {
	e := b.into
	e.table = make([]uint32, max(2*len(e.table), 64))
	mask := uint64(len(e.table) - 1)
	for i, s := range e.spans {
		h := maphash.Bytes(b.seed, e.text[s.start:s.end]) & mask
		for e.table[h] != 0 {
			h = (h + 1) & mask
		}
		e.table[h] = uint32(i) + 1
	}
}

// fields appends the fields of a representation.
func (b *builder) fields(object uint32, fields []representationField) presence {
	e := b.into
	for i := range fields {
		f := &fields[i]
		if f.on != nil {
			if t := b.values[object].typ; t != noType && !f.on.has(t) {
				continue
			}
		}
		if f.slot < 0 {
			return missing
		}
		name := f.name
		if e.text[len(e.text)-1] == '{' {
			name = name[1:]
		}
		e.text = append(e.text, name...)
		if p := b.value(b.values[object+uint32(f.slot)], f); p != present {
			return p
		}
	}
	return present
}

func (b *builder) value(v value, f *representationField) presence {
	e := b.into
	switch v.kind {
	case absentKind:
		if v.flags&explainedFlag != 0 {
			return explained
		}
		return missing
	case nullKind:
		e.text = append(e.text, "null"...)
	case objectKind:
		e.text = append(e.text, '{')
		if p := b.fields(v.a, f.fields); p != present {
			return p
		}
		e.text = append(e.text, '}')
	case arrayKind:
		e.text = append(e.text, '[')
		for i := range v.b {
			if i > 0 {
				e.text = append(e.text, ',')
			}
			if p := b.value(b.values[v.a+i], f); p != present {
				return p
			}
		}
		e.text = append(e.text, ']')
	default:
		if f.nested {
			return missing
		}
		e.text = appendInput(e.text, b.text(v), f.kind)
	}
	return present
}
