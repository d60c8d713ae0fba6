package execute

import (
	"context"

	"souk/internal/memory"
)

// A MemoryReservation is the memory that a request may use, out of the budget for all
// requests in progress, for one subgraph's response and what is made of it. A
// nil MemoryReservation is unbounded.
type MemoryReservation struct {
	lease *memory.Lease
	bytes int // of the lease
	// anyway is set if the response is read even without memory for it: it is
	// that of a mutation, which has taken effect.
	anyway bool
	// arrival, unless nil, uses the response while it arrives.
	arrival *arrival
}

// footprint is how many bytes are held for each byte of a subgraph's response:
// the response itself, the values read from it and the client's response.
const footprint = 4

// Reserve reserves memory for a response of some bytes in all. A transport calls it
// before it allocates them. Reserve waits briefly for other requests, and fails
// with a *TransportError whose code is CodeOverloaded. A response that would need
// more than the whole budget takes all of it, and is read if nothing else is held.
func (r *MemoryReservation) Reserve(ctx context.Context, answer int) error {
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

// Apart moves what r holds to a reservation for a request that may go on when what r belongs to has ended.
func (r *MemoryReservation) Apart() *MemoryReservation {
	if r == nil {
		return nil
	}
	lease := new(memory.Lease)
	lease.Like(r.lease)
	lease.Move(r.lease, r.bytes)
	apart := &MemoryReservation{lease: lease, bytes: r.bytes, anyway: r.anyway}
	r.bytes = 0
	return apart
}

// Take moves what another reservation out of the same budget holds to r.
func (r *MemoryReservation) Take(from *MemoryReservation) {
	if r == nil {
		return
	}
	r.lease.Move(from.lease, from.bytes)
	r.bytes, from.bytes = r.bytes+from.bytes, 0
}

// Release returns what r holds to the budget.
func (r *MemoryReservation) Release() {
	if r != nil {
		r.lease.Release()
		r.bytes = 0
	}
}

func overloaded(err error) error {
	return &TransportError{Code: CodeOverloaded, Message: "was not called: the router's memory for responses is used up", Err: err}
}
