package body

import (
	"context"
	"io"
	"net/http"

	"souk/internal/memory"
)

// chargeBytes are charged at a time, for buffers of twice that size: they
// double when they grow. It is more than what internal/memory takes for a
// small request, so that bodies leave the share of those alone.
const chargeBytes = 64 << 10

// A charged reader makes room before more is read than there is room for.
type charged struct {
	io.Reader
	ctx   context.Context
	lease *memory.Lease
	left  int
}

// Charge gives a reader that charges a lease for what is read beyond FreeBytes, for
// buffers that double when they grow. It fails with memory.ErrExhausted.
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
