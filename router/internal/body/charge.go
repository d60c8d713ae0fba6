package body

import (
	"context"
	"io"
	"net/http"

	"souk/internal/memory"
)

// chargeBytes is the number of bytes that one charge pays for. The charge is twice
// that, because buffers double when they grow. It is larger than the limit of
// internal/memory for a small request, so that bodies do not use the reserve for
// those.
const chargeBytes = 64 << 10

// A charged reader charges a lease before it reads more than has been paid for.
type charged struct {
	io.Reader
	ctx   context.Context
	lease *memory.Lease
	left  int // bytes that have been paid for
}

// Charge returns a reader that charges a lease for bytes read beyond FreeBytes, on
// the assumption that they are read into a buffer that doubles when it grows. Its
// Read method fails with memory.ErrExhausted.
func Charge(ctx context.Context, r io.Reader, lease *memory.Lease) io.Reader {
	return &charged{Reader: r, ctx: ctx, lease: lease, left: FreeBytes}
}

// Read implements io.Reader. It fails with memory.ErrExhausted.
func (c *charged) Read(p []byte) (int, error) {
	if c.left <= 0 {
		if err := c.lease.Grow(c.ctx, 2*chargeBytes); err != nil {
			return 0, err
		}
		c.left += chargeBytes
	}
	n, err := c.Reader.Read(p)
	c.left -= n
	return n, err
}

func overloaded() error {
	return &Error{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
		Detail: "The router is reading as many request bodies as its memory allows. Try again in 1 s."}
}
