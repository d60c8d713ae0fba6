package execute

import (
	"context"

	"souk/internal/memory"
)

// A Room is what a request may hold of the budget for requests in progress, for
// the answer of one subgraph and for what is made of it. A nil Room has no bound.
type Room struct {
	lease *memory.Lease
	bytes int // of the lease
	// anyway says that the answer is read whether or not there is room: it is
	// that of a mutation, which has happened.
	anyway bool
}

// footprint is how many bytes are held for each byte of a subgraph's answer: the
// answer itself, the values read from it and the response made of them.
const footprint = 4

// For makes room for an answer of some bytes in all. A transport calls it before
// it allocates them. It waits for others a little, and fails with a
// *TransportError whose code is CodeOverloaded. An answer that would need more
// than all of the budget takes all of it, and is read if nothing else is held.
func (r *Room) For(ctx context.Context, answer int) error {
	if r == nil {
		return nil
	}
	more := r.lease.Limit(footprint*answer) - r.bytes
	if more <= 0 {
		return nil
	}
	if r.anyway {
		r.lease.Add(more)
	} else if err := r.lease.Grow(ctx, more); err != nil {
		return overloaded(err)
	}
	r.bytes += more
	return nil
}

func overloaded(err error) error {
	return &TransportError{Code: CodeOverloaded, Message: "could not be asked: the router is answering as much as its memory allows", Err: err}
}
