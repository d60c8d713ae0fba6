package execute

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// A Buffer holds the bytes of a request or a response. Buffers come from pools
// and count their holders. The last holder's Release returns it to the pool.
type Buffer struct {
	// B is written only while there is one holder.
	B       []byte
	holders atomic.Int32
}

const (
	minBuffer = 10 // log2 of the smallest buffer
	maxBuffer = 22 // log2 of the largest that is kept
)

// buffers are pools by capacity, each twice that of the pool before.
var buffers [maxBuffer - minBuffer + 1]sync.Pool

// NewBuffer returns an empty buffer with room for size bytes and one holder.
func NewBuffer(size int) *Buffer {
	class := max(bits.Len(uint(max(size, 1)-1)), minBuffer)
	if class > maxBuffer {
		b := &Buffer{B: make([]byte, 0, size)}
		b.holders.Store(1)
		return b
	}
	b, _ := buffers[class-minBuffer].Get().(*Buffer)
	if b == nil {
		b = &Buffer{B: make([]byte, 0, 1<<class)}
	}
	b.holders.Store(1)
	return b
}

// Retain adds a holder.
func (b *Buffer) Retain() { b.holders.Add(1) }

// Release removes a holder. A nil buffer may be released.
func (b *Buffer) Release() {
	if b == nil {
		return
	}
	switch n := b.holders.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("execute: buffer released too often")
	}
	// The buffer may have grown: its capacity decides on the pool.
	class := bits.Len(uint(cap(b.B))) - 1
	if class < minBuffer || class > maxBuffer {
		return
	}
	b.B = b.B[:0]
	buffers[class-minBuffer].Put(b)
}
