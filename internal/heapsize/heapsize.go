// Package heapsize estimates the heap memory that a value keeps alive.
//
// Caches with content from clients are bounded by these estimates. The estimate walks
// the value instead of asking each type for its size, so it includes new fields automatically. The
// walk takes place once, when a value is added to a cache. Reflection finds out once where the values
// of a type have references (shape.go).
package heapsize

import (
	"reflect"
	"sync"
	"unsafe"
)

// A Sizer estimates sizes. It is safe for concurrent use.
type Sizer struct {
	shared map[reflect.Type]bool
	// shapes has those of the types that have been asked for. A program has a bounded number of
	// types.
	shapes sync.Map // reflect.Type to *shape
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
			w.value(v)
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

// value adds the memory that a value in an interface refers to, without the value itself.
func (w *walk) value(v reflect.Value) {
	switch sh := w.shapeOf(v.Type()); {
	case len(sh.references) == 0:
	case v.Kind() == reflect.Pointer:
		if p := v.UnsafePointer(); w.first(p) {
			w.size += allocation(sh.references[0].to.size)
			w.inside(p, sh.references[0].to)
		}
	default:
		copied := reflect.New(v.Type())
		copied.Elem().Set(v)
		w.inside(copied.UnsafePointer(), sh)
	}
}

// inside adds the memory that the value at p refers to, without the value itself.
func (w *walk) inside(p unsafe.Pointer, sh *shape) {
	for i := range sh.references {
		r := &sh.references[i]
		at := unsafe.Add(p, r.offset)
		switch r.kind {
		case reflect.String:
			if text := *(*string)(at); len(text) > 0 && w.first(unsafe.Pointer(unsafe.StringData(text))) {
				w.size += allocation(uintptr(len(text)))
			}
		case reflect.Pointer:
			if to := *(*unsafe.Pointer)(at); w.first(to) {
				w.size += allocation(r.to.size)
				w.inside(to, r.to)
			}
		case reflect.Slice:
			// Slices of all types have the same form.
			if list := *(*[]byte)(at); cap(list) > 0 && w.first(unsafe.Pointer(unsafe.SliceData(list))) {
				w.size += allocation(uintptr(cap(list)) * r.to.size)
				w.elements(unsafe.Pointer(unsafe.SliceData(list)), len(list), r.to)
			}
		case reflect.Array:
			w.elements(at, r.length, r.to)
		case reflect.Interface:
			w.dynamic(reflect.NewAt(r.typ, at).Elem())
		case reflect.Map:
			if m := reflect.NewAt(r.typ, at).Elem(); w.first(m.UnsafePointer()) {
				w.entries(m)
			}
		}
	}
}

func (w *walk) elements(p unsafe.Pointer, n int, sh *shape) {
	if len(sh.references) > 0 {
		for i := range n {
			w.inside(unsafe.Add(p, uintptr(i)*sh.size), sh)
		}
	}
}

// dynamic adds the memory of the value in an interface.
func (w *walk) dynamic(v reflect.Value) {
	if v.IsNil() {
		return
	}
	if v = v.Elem(); v.Kind() != reflect.Pointer {
		w.size += allocation(v.Type().Size())
	}
	w.value(v)
}

// entries adds the memory of a map. A map consists of groups of eight slots with a
// control word each. It is filled to at most seven eighths, and less after it has
// grown.
func (w *walk) entries(v reflect.Value) {
	t := v.Type()
	slot := t.Key().Size() + t.Elem().Size()
	groups := max((uintptr(v.Len())+4)/5, 1)
	w.size += 48 + groups*(8+8*slot)
	key, value := w.shapeOf(t.Key()), w.shapeOf(t.Elem())
	if len(key.references)+len(value.references) == 0 {
		return
	}
	keys, values := reflect.New(t.Key()), reflect.New(t.Elem())
	for each := v.MapRange(); each.Next(); {
		keys.Elem().SetIterKey(each)
		values.Elem().SetIterValue(each)
		w.inside(keys.UnsafePointer(), key)
		w.inside(values.UnsafePointer(), value)
	}
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
