package heapsize

import "reflect"

// A shape is where the values of a type have references to other memory.
type shape struct {
	size       uintptr
	references []reference
}

// A reference is a part of a value: a string, pointer, slice, interface or map, or an array of
// values that have references.
type reference struct {
	offset uintptr
	kind   reflect.Kind
	// to is the shape of what is referred to, or of the elements of an array of this length.
	to     *shape
	length int
	typ    reflect.Type // of an interface or a map
}

// shapeOf returns the shape of a type.
func (s *Sizer) shapeOf(t reflect.Type) *shape {
	if known, ok := s.shapes.Load(t); ok {
		return known.(*shape)
	}
	made := map[reflect.Type]*shape{}
	sh := s.makeShape(t, made)
	for t, sh := range made { // all of them are complete now
		s.shapes.LoadOrStore(t, sh)
	}
	return sh
}

// makeShape makes the shapes of a type and of those it refers to, which may refer back to it.
func (s *Sizer) makeShape(t reflect.Type, made map[reflect.Type]*shape) *shape {
	if known, ok := made[t]; ok {
		return known
	}
	sh := &shape{size: t.Size()}
	made[t] = sh
	s.add(sh, t, 0, made)
	return sh
}

func (s *Sizer) add(sh *shape, t reflect.Type, offset uintptr, made map[reflect.Type]*shape) {
	r := reference{offset: offset, kind: t.Kind(), typ: t}
	switch t.Kind() {
	case reflect.String, reflect.Interface, reflect.Map:
	case reflect.Pointer:
		if s.shared[t] {
			return
		}
		r.to = s.makeShape(t.Elem(), made)
	case reflect.Slice:
		r.to = s.makeShape(t.Elem(), made)
	case reflect.Array:
		r.to, r.length = s.makeShape(t.Elem(), made), t.Len()
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			s.add(sh, f.Type, offset+f.Offset, made)
		}
		return
	default:
		return
	}
	sh.references = append(sh.references, r)
}
