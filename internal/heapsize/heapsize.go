// Package heapsize estimates how many bytes of the heap a value keeps alive.
//
// Caches of what clients send are bounded by these estimates. They have to hold
// for values whose types change often, so the estimate walks the value by
// reflection instead of asking each type: a field added to a type is counted
// without anybody remembering to. The walk costs about 50 ns for each pointer,
// and is done once, when a value enters a cache.
package heapsize

import (
	"reflect"
	"unsafe"
)

// A Sizer estimates sizes. It is safe for concurrent use.
type Sizer struct{ shared map[reflect.Type]bool }

// NewSizer makes a Sizer that does not follow pointers to the types of the
// given pointers: what these point to belongs to somebody else, such as the
// schema that every document refers to.
func NewSizer(shared ...any) *Sizer {
	s := &Sizer{shared: map[reflect.Type]bool{}}
	for _, pointer := range shared {
		s.shared[reflect.TypeOf(pointer)] = true
	}
	return s
}

// Of estimates the bytes kept alive by values together; what several of them
// share counts once. Functions, channels and what an unsafe.Pointer (and so an
// atomic.Pointer) points to are not followed.
func (s *Sizer) Of(values ...any) int {
	w := walk{Sizer: s, seen: map[unsafe.Pointer]struct{}{}, flat: map[reflect.Type]bool{}}
	for _, value := range values {
		if value != nil {
			v := reflect.ValueOf(value)
			w.size += allocation(v.Type().Size())
			w.inside(v)
		}
	}
	return int(w.size)
}

type walk struct {
	*Sizer
	size uintptr
	seen map[unsafe.Pointer]struct{}
	flat map[reflect.Type]bool // types without anything to follow
}

// first says whether a block of memory is met for the first time.
func (w *walk) first(p unsafe.Pointer) bool {
	if p == nil {
		return false
	}
	_, known := w.seen[p]
	if !known {
		w.seen[p] = struct{}{}
	}
	return !known
}

// inside adds what a value refers to; its own memory is counted already.
func (w *walk) inside(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); len(s) > 0 && w.first(unsafe.Pointer(unsafe.StringData(s))) {
			w.size += allocation(uintptr(len(s)))
		}
	case reflect.Pointer:
		if !w.shared[v.Type()] && w.first(v.UnsafePointer()) {
			w.size += allocation(v.Type().Elem().Size())
			w.inside(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			if v.Elem().Kind() != reflect.Pointer {
				w.size += allocation(v.Elem().Type().Size())
			}
			w.inside(v.Elem())
		}
	case reflect.Slice:
		if v.Cap() > 0 && w.first(v.UnsafePointer()) {
			w.size += allocation(uintptr(v.Cap()) * v.Type().Elem().Size())
			w.elements(v)
		}
	case reflect.Array:
		w.elements(v)
	case reflect.Struct:
		for i := range v.NumField() {
			w.inside(v.Field(i))
		}
	case reflect.Map:
		if w.first(v.UnsafePointer()) {
			w.entries(v)
		}
	}
}

func (w *walk) elements(v reflect.Value) {
	if !w.flatType(v.Type().Elem()) {
		for i := range v.Len() {
			w.inside(v.Index(i))
		}
	}
}

// entries adds a map: groups of eight slots with a control word, filled to
// seven eighths and less after growing.
func (w *walk) entries(v reflect.Value) {
	t := v.Type()
	slot := t.Key().Size() + t.Elem().Size()
	groups := max((uintptr(v.Len())+4)/5, 1)
	w.size += 48 + groups*(8+8*slot)
	if w.flatType(t.Key()) && w.flatType(t.Elem()) {
		return
	}
	for each := v.MapRange(); each.Next(); {
		w.inside(each.Key())
		w.inside(each.Value())
	}
}

// flatType says whether values of a type refer to nothing.
func (w *walk) flatType(t reflect.Type) bool {
	if flat, known := w.flat[t]; known {
		return flat
	}
	flat := true
	switch t.Kind() {
	case reflect.String, reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		flat = w.shared[t]
	case reflect.Array:
		flat = w.flatType(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			flat = flat && w.flatType(t.Field(i).Type)
		}
	}
	w.flat[t] = flat
	return flat
}

// allocation rounds a size up as the allocator's size classes do, which are
// about an eighth apart.
func allocation(size uintptr) uintptr {
	switch {
	case size <= 16:
		return (size + 7) &^ 7
	case size <= 128:
		return (size + 15) &^ 15
	case size <= 32<<10:
		return size + size/16
	}
	return (size + 8191) &^ 8191
}
