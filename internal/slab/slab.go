// Package slab hands out values of one type from arrays.
//
// Work that creates many small values, and drops them all at its end, costs the garbage collector
// as much as values that live long. A slab makes one allocation for many values. After Reset, it
// hands out the same memory again.
package slab

import "unsafe"

// A Slab hands out values of one type. The zero value is ready. It is not safe for concurrent use.
type Slab[T any] struct {
	arrays [][]T
	at     int // the index of the array that values are taken from
	used   int // of its values
}

const (
	// firstArray is the length of the first array. Each of so many others is twice as long as the
	// one before.
	firstArray = 16
	doublings  = 8
)

// New returns a pointer to a zero value.
func (s *Slab[T]) New() *T { return &s.Make(1)[0] }

// Of returns a pointer to a copy of a value.
func (s *Slab[T]) Of(value T) *T {
	p := s.New()
	*p = value
	return p
}

// Make returns a slice of n zero values, the capacity of which is n.
func (s *Slab[T]) Make(n int) []T {
	for s.at < len(s.arrays) && len(s.arrays[s.at])-s.used < n {
		s.at, s.used = s.at+1, 0
	}
	if s.at == len(s.arrays) {
		s.arrays = append(s.arrays, make([]T, max(n, firstArray<<min(len(s.arrays), doublings))))
	}
	s.used += n
	return s.arrays[s.at][s.used-n : s.used : s.used]
}

// Append appends values to a slice like the built-in function, but takes longer slices from the slab.
func (s *Slab[T]) Append(list []T, values ...T) []T {
	if free := cap(list) - len(list); free < len(values) {
		grown := s.Make(max(2*len(list), len(list)+len(values), 2))
		list = grown[:copy(grown, list)]
	}
	return append(list, values...)
}

// Reset takes all values back. They must not be used any more.
func (s *Slab[T]) Reset() {
	for i := range min(s.at, len(s.arrays)) {
		clear(s.arrays[i])
	}
	if s.at < len(s.arrays) {
		clear(s.arrays[s.at][:s.used])
	}
	s.at, s.used = 0, 0
}

// Used returns the size in bytes of the values that have been handed out, and of those passed over for them.
func (s *Slab[T]) Used() int {
	var value T
	n := s.used
	for _, a := range s.arrays[:s.at] {
		n += len(a)
	}
	return n * int(unsafe.Sizeof(value))
}

// Bytes returns the size of the arrays in bytes.
func (s *Slab[T]) Bytes() int {
	var value T
	n := 0
	for _, a := range s.arrays {
		n += len(a)
	}
	return n * int(unsafe.Sizeof(value))
}
