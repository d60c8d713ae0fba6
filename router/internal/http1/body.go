package http1

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A body is the body of a request, whose length is known.
type body struct {
	conn *conn
	left atomic.Int64 // unread bytes

	mu     sync.Mutex
	closed bool
	err    error // of an earlier read
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

func (b *body) read(p []byte) (int, error) {
	left := b.left.Load()
	switch {
	case b.err != nil:
		return 0, b.err
	case left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	p = p[:min(int64(len(p)), left)]
	c := b.conn
	var n int
	if c.start < c.end {
		n = copy(p, c.buffer[c.start:c.end])
		c.start += n
	} else if n, b.err = c.in.Read(p); errors.Is(b.err, io.EOF) {
		b.err = io.ErrUnexpectedEOF
	}
	left -= int64(n)
	b.left.Store(left)
	if left > 0 {
		return n, b.err
	}
	if b.err = io.EOF; c.hungUp.Load() {
		c.cancelIfGone()
	}
	return n, io.EOF
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// skip reads the rest of the body, if that is possible without waiting for a client that sends too
// much or has no deadline. It reports whether nothing is left.
func (b *body) skip() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.left.Load()
	if left == 0 {
		return true
	}
	c := b.conn
	if b.err != nil || left > int64(c.end-c.start) && (left > maxLeft || !c.bounded()) {
		return false
	}
	scratch := make([]byte, min(left, firstBuffer))
	for b.err == nil {
		_, _ = b.read(scratch) // read keeps the error
	}
	return b.left.Load() == 0
}

// bounded reports whether reads have a deadline.
func (c *conn) bounded() bool {
	t := c.in.ReadDeadline()
	return !t.IsZero() && time.Until(t) > 0
}
