// Package heapsize estimates the heap memory that a value keeps alive.
//
// Caches with content from clients are bounded by these estimates. The estimate walks
// the value by reflection instead of asking each type for its size, so it includes new
// fields automatically. The walk costs about 50 ns per pointer and takes place once,
// when a value is added to a cache.
package heapsize

import (
	"reflect"
	"sync"
	"unsafe"
)

// A Sizer estimates sizes. It is safe for concurrent use.
type Sizer struct {
	shared map[reflect.Type]bool
	// flat has the types that have been asked for, and whether their values contain no
	// references. A program has a bounded number of types.
	flat sync.Map
	// walks keeps sets of addresses, which would be the largest garbage of an estimate.
	walks sync.Pool
}

// maxKept is how many addresses a set may have had that is kept for the next estimate.
const maxKept = 1 << 14

// NewSizer returns a Sizer that does not follow pointers of the same types as the given
// pointers. Their targets are shared and belong to someone else, such as the schema
// that every document refers to.
func NewSizer(shared ...any) *Sizer {
	s := &Sizer{shared: map[reflect.Type]bool{}}
	for _, pointer := range shared {
		s.shared[reflect.TypeOf(pointer)] = true
	}
	return s
}

// Of estimates the bytes kept alive by all values together. Memory shared by several
// values counts once. Of does not follow functions, channels and unsafe.Pointer, and so
// not atomic.Pointer either.
func (s *Sizer) Of(values ...any) int {
	w, _ := s.walks.Get().(*walk)
	if w == nil {
		w = &walk{Sizer: s, seen: map[unsafe.Pointer]struct{}{}}
	}
	w.size = 0
	for _, value := range values {
		if value != nil {
			v := reflect.ValueOf(value)
			w.size += allocation(v.Type().Size())
			w.inside(v)
		}
	}
	size := int(w.size)
	if len(w.seen) <= maxKept {
		clear(w.seen)
		s.walks.Put(w)
	}
	return size
}

type walk struct {
	*Sizer
	size uintptr
	seen map[unsafe.Pointer]struct{}
}

// first reports whether a block of memory is visited for the first time.
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

// inside adds the memory that a value refers to, without the value itself.
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

// entries adds the memory of a map. A map consists of groups of eight slots with a
// control word each. It is filled to at most seven eighths, and less after it has
// grown.
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

// flatType reports whether values of a type contain no references.
func (w *walk) flatType(t reflect.Type) bool {
	if flat, known := w.flat.Load(t); known {
		return flat.(bool)
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
	w.flat.Store(t, flat)
	return flat
}

// allocation rounds a size up like the size classes of the allocator, which are about
// an eighth apart.
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
