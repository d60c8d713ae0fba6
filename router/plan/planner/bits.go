package planner

import mathbits "math/bits"

// bits is a set of small numbers.
type bits []uint64

// newBits returns an empty set for numbers less than n.
func newBits(n int) bits { return make(bits, (n+63)/64) }

// bits returns an empty set for numbers less than n in the memory of a planning.
func (s *scratch) bits(n int) bits { return s.words.Make((n + 63) / 64) }

func (b bits) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bits) set(i int32) { b[i>>6] |= 1 << (i & 63) }

func (b bits) setAll(list []int32) {
	for _, i := range list {
		b[i>>6] |= 1 << (i & 63)
	}
}

func (b bits) hasAll(list []int32) bool {
	for _, i := range list {
		if b[i>>6]&(1<<(i&63)) == 0 {
			return false
		}
	}
	return true
}

func (b bits) reset() { clear(b) }

func (b bits) empty() bool {
	for _, word := range b {
		if word != 0 {
			return false
		}
	}
	return true
}

// common returns how many numbers are in both sets.
func (b bits) common(other bits) (n int) {
	for i, word := range b {
		n += mathbits.OnesCount64(word & other[i])
	}
	return n
}

// add adds the numbers of another set.
func (b bits) add(other bits) {
	for i, word := range other {
		b[i] |= word
	}
}

// overlaps reports whether a number is in both sets.
func (b bits) overlaps(other bits) bool {
	for i, word := range b {
		if word&other[i] != 0 {
			return true
		}
	}
	return false
}

// without makes the set that of the numbers in one set but not in another.
func (b bits) without(one, other bits) {
	for i := range b {
		b[i] = one[i] &^ other[i]
	}
}
