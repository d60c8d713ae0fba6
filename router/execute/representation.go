package execute

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
)

// A pathWalker visits the objects at the end of a path. A shared object or
// array is visited once, because everything below it is the same again.
type pathWalker struct {
	*tree
	length int // of the path
	// ancestors are the objects on the path to the visited one, which is the
	// last.
	ancestors []uint32
	visited   map[uint32]struct{}
	visit     func(object uint32, types uint64)
}

// walk starts at the root.
func (w *pathWalker) walk(path []segment, types uint64) {
	w.length = len(path)
	w.visitFrom(0, path, types)
}

// visitFrom continues from an object; types is the chain of types passed.
func (w *pathWalker) visitFrom(object uint32, path []segment, types uint64) {
	types = mix(types, w.values[object].typ)
	w.ancestors = append(w.ancestors[:w.length-len(path)], object)
	if len(path) == 0 {
		w.visit(object, types)
		return
	}
	if path[0].slot > headerSlot {
		w.descend(w.values[object+uint32(path[0].slot)], path, types)
	}
}

// descend continues from a value: an object, or each element of an array.
func (w *pathWalker) descend(v value, path []segment, types uint64) {
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
		w.visitFrom(v.a, path[1:], types)
		return
	}
	for i := range v.b {
		w.descend(w.values[v.a+i], path, types)
	}
}

// mix adds a type to a chain of types.
func mix(types uint64, t typeID) uint64 { return (types ^ uint64(t)) * 0x9E3779B97F4A7C15 }

// An entityState is an entity fetch within an execution.
type entityState struct {
	// text has the distinct representations, each with a comma after it; spans tell where
	// each is.
	text  []byte
	spans []span
	// first is the last target found of each representation. Its next links to
	// the others.
	first   []int32
	targets []targetObject
	// table finds a representation's index, plus one, by its hash. It is made once the
	// representations are not in ascending order any more.
	table  []uint32
	hashed bool

	lookup CacheLookup
	// sent are the indices of the representations to send, in order; nil for
	// all.
	sent []uint32
	// cached is where the cache's entries are in the fetch's cached text.
	cached []span
	// fetched is where the entities are in the subgraph's response.
	fetched []span
	// merged is the number of entities that have been merged from a part of the response, and resumeAt
	// the index after the last of them, or 0.
	merged, resumeAt int
	// hasErrors is set if the subgraph reported an error about this field.
	hasErrors bool
}

type span struct{ start, end uint32 }

// A targetObject is an object that a representation was built from.
type targetObject struct {
	object uint32
	next   int32 // another with the same representation, or -1
	types  uint64
}

func (e *entityState) reset() {
	e.text, e.spans, e.first, e.targets = e.text[:0], e.spans[:0], e.first[:0], e.targets[:0]
	if len(e.table) > maxKeptTable || cap(e.text) > maxKeptText {
		*e = entityState{}
	}
	if e.hashed {
		clear(e.table)
	}
	e.hashed = false
	e.lookup = CacheLookup{}
	e.sent, e.cached, e.fetched = e.sent[:0], e.cached[:0], e.fetched[:0]
	e.hasErrors = false
	e.merged, e.resumeAt = 0, 0
}

// presence reports whether a representation could be built.
type presence uint8

const (
	present presence = iota
	// missing: an input is absent.
	missing
	// reported: an input is absent, and an error tells why.
	reported
)

// A wrongInput is an input that is not of the kind that its type has, such as a list
// where an object belongs. It counts as null, or as absent if it must not be null. The
// client may not have selected it, so that nothing else finds it.
type wrongInput struct {
	// object is the one that the representation is of, at where the input is
	// stored, and was the input.
	object, at uint32
	was        value
	field      *representationField
	// parent is the type of the object that has the input.
	parent string
	// path leads from the object to the input.
	path []pathElement
}

// A representationBuilder builds the representations of one entity fetch.
type representationBuilder struct {
	*tree
	program *Program
	into    *entityState
	seed    maphash.Seed
	// wrong are the inputs of the wrong kind that have been found.
	wrong []wrongInput
}

// add builds the representation of an object and makes the object a target of
// it.
func (b *representationBuilder) add(t *target, object uint32, types uint64) presence {
	result := missing
	e := b.into
	start := len(e.text)
	typ := b.values[object].typ
	mark := len(b.wrong)
	for i := range t.representations {
		r := &t.representations[i]
		if typ != noType && !r.on.has(typ) {
			continue
		}
		if r.opening != "" {
			if v := b.values[object+uint32(r.fields[0].slot)]; v.kind == stringKind {
				b.wrong = b.wrong[:mark]
				e.text = append(append(append(e.text, r.opening...), b.text(v)...), '}')
				b.intern(start, object, types)
				return present
			}
		}
		e.text = append(e.text, r.prefix...)
		before := len(b.wrong)
		p := b.fields(object, r.fields)
		for i := before; i < len(b.wrong); i++ {
			b.wrong[i].object = object
			b.wrong[i].parent = cmp.Or(b.wrong[i].parent, r.typeName)
		}
		if p == present {
			// What made other representations impossible does not matter.
			b.wrong = slices.Delete(b.wrong, mark, before)
			e.text = append(e.text, '}')
			b.intern(start, object, types)
			return present
		}
		result = max(result, p)
		e.text = e.text[:start]
	}
	return result
}

// intern turns the text from start on into a representation, unless an equal one
// exists, and makes the object one of its targets.
func (b *representationBuilder) intern(start int, object uint32, types uint64) {
	e := b.into
	text := e.text[start:]
	number := -1
	if order := e.order(text); e.hashed || order < 0 {
		number = b.find(text)
	} else if order == 0 {
		number = len(e.spans) - 1
	}
	target := int32(len(e.targets))
	if number >= 0 {
		e.text = e.text[:start]
		e.targets = append(e.targets, targetObject{object, e.first[number], types})
		e.first[number] = target
		return
	}
	e.spans = append(e.spans, span{uint32(start), uint32(len(e.text))})
	e.text = append(e.text, ',')
	e.targets = append(e.targets, targetObject{object, -1, types})
	e.first = append(e.first, target)
}

// order compares a text with the last representation: first by length, so that numbers are in
// their order. Lists are often sorted by their keys. As long as each representation is
// greater than the one before, it equals none, and no table is needed.
func (e *entityState) order(text []byte) int {
	if e.hashed || len(e.spans) == 0 {
		return 1
	}
	last := e.spans[len(e.spans)-1]
	if order := len(text) - int(last.end-last.start); order != 0 {
		return order
	}
	return bytes.Compare(text, e.text[last.start:last.end])
}

// find returns the index of the representation with a text. If there is none, it returns -1 and
// enters the text, which the caller adds.
func (b *representationBuilder) find(text []byte) int {
	e := b.into
	if n := 4 * (len(e.spans) + 1); !e.hashed || n > 3*len(e.table) {
		b.hash(n)
	}
	mask := uint64(len(e.table) - 1)
	for h := maphash.Bytes(b.seed, text) & mask; ; h = (h + 1) & mask {
		number := e.table[h]
		if number == 0 {
			e.table[h] = uint32(len(e.spans)) + 1
			return -1
		}
		if s := e.spans[number-1]; bytes.Equal(e.text[s.start:s.end], text) {
			return int(number) - 1
		}
	}
}

// hash enters all representations into a table with three times a size, or a larger one.
func (b *representationBuilder) hash(size int) {
	e := b.into
	if 3*len(e.table) < size {
		n := max(2*len(e.table), 64)
		for 3*n < size {
			n *= 2
		}
		e.table = make([]uint32, n)
	}
	e.hashed = true
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
func (b *representationBuilder) fields(object uint32, fields []representationField) presence {
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
		mark := len(b.wrong)
		p := b.value(object+uint32(f.slot), f, f.lists())
		for i := mark; i < len(b.wrong); i++ {
			b.wrong[i].below(f, b.program, b.values[object].typ)
		}
		if p != present {
			return p
		}
	}
	return present
}

// below adds the field that leads to an input to its path. The type is that of the
// object that has the field, if it is known.
func (w *wrongInput) below(f *representationField, p *Program, typ typeID) {
	switch {
	case w.field != f:
		w.parent = cmp.Or(w.parent, f.typeName())
	case typ != noType:
		w.parent = p.typeName(typ)
	}
	w.path = slices.Insert(w.path, 0, pathElement{key: f.storageKey})
}

// value appends the value stored at an index, which lists list types are around.
func (b *representationBuilder) value(at uint32, f *representationField, lists int) presence {
	e := b.into
	v := b.values[at]
	if f.nested && (v.kind > nullKind && v.kind < objectKind || v.kind == objectKind && lists > 0 || v.kind == arrayKind && lists == 0) {
		b.wrong = append(b.wrong, wrongInput{at: at, was: v, field: f})
		if lists != anyLists && f.typ.nonNull[f.lists()-lists] {
			return missing
		}
		e.text = append(e.text, "null"...)
		return present
	}
	switch v.kind {
	case absentKind:
		if v.flags&reportedFlag != 0 {
			return reported
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
			mark := len(b.wrong)
			p := b.value(v.a+i, f, max(lists-1, anyLists))
			for j := mark; j < len(b.wrong); j++ {
				b.wrong[j].path = slices.Insert(b.wrong[j].path, 0, pathElement{index: int(i)})
			}
			if p != present {
				return p
			}
		}
		e.text = append(e.text, ']')
	default:
		e.text = appendInput(e.text, b.text(v), f.kind)
	}
	return present
}
