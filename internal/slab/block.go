package slab

// A Block hands out values like a Slab, for work whose values are kept. It makes few allocations for
// them, and does not refer to them itself. The zero value is ready. It is not safe for concurrent use.
type Block[T any] struct{ free []T }

// smallBlock is the number of values that are allocated at once if a block is empty.
const smallBlock = 8

// NewBlock returns a block of n values.
func NewBlock[T any](n int) Block[T] { return Block[T]{make([]T, n)} }

// New returns a pointer to a zero value.
func (b *Block[T]) New() *T { return &b.Make(1)[0] }

// Make returns a slice of n zero values, the capacity of which is n.
func (b *Block[T]) Make(n int) []T {
	if len(b.free) < n {
		b.free = make([]T, max(n, smallBlock))
	}
	out := b.free[:n:n]
	b.free = b.free[n:]
	return out
}
