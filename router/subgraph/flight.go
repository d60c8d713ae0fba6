package subgraph

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"souk/router/execute"
	"souk/router/internal/lazycontext"
)

// flights holds the queries to one subgraph that are in flight. Two queries are identical
// if their partitions, bodies and headers are byte-for-byte equal.
type flights struct {
	once sync.Once
	seed maphash.Seed
	mu   sync.Mutex
	by   map[uint64][]*flight
}

// A flight is one query in flight. The leader sends it; followers wait for the response.
type flight struct {
	flights   *flights
	hash      uint64
	partition string
	header    http.Header
	body      *execute.Buffer
	done      chan struct{} // nil while nobody follows; guarded by flights.mu
	ended     bool          // guarded by flights.mu
	followers int           // that wait; guarded by flights.mu
	// running is what the query is sent with. It ends at the leader's deadline, or when the leader has
	// left and nobody follows.
	running lazycontext.Context
	leader  context.Context
	left    bool // the leader has; guarded by flights.mu

	response *execute.SubgraphResponse
	err      error
	// abandoned is set if the leader had no more time. A follower, which may have some, must then send
	// the query. unsent is set if the leader was not allowed to send it.
	abandoned, unsent bool
}

// do sends a query with send, or waits for the response of an identical query in flight and then calls
// shared. The query goes on while somebody waits for it, until the deadline of the one that sends it.
func (f *flights) do(ctx context.Context, r *execute.SubgraphRequest, header http.Header, send func(context.Context) (*execute.SubgraphResponse, error), shared func()) (*execute.SubgraphResponse, error) {
	f.once.Do(func() { f.seed, f.by = maphash.MakeSeed(), make(map[uint64][]*flight) })
	hash := maphash.Bytes(f.seed, r.Body.B)
	for {
		one, leads := f.join(hash, r, header)
		if leads {
			return one.lead(ctx, r, send)
		}
		select {
		case <-one.done:
		case <-ctx.Done():
			one.leave()
			r.Unsent = true
			return nil, ctx.Err()
		}
		if one.abandoned {
			continue
		}
		shared()
		r.Unsent = one.unsent
		if one.response == nil {
			return nil, one.err
		}
		response := *one.response
		return &response, one.err
	}
}

// join joins the flight of an identical query, or starts a flight that the caller leads.
func (f *flights) join(hash uint64, r *execute.SubgraphRequest, header http.Header) (one *flight, leads bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.by[hash] {
		if one.partition == r.Partition && bytes.Equal(one.body.B, r.Body.B) && maps.EqualFunc(one.header, header, slices.Equal) {
			if one.done == nil {
				one.done = make(chan struct{})
			}
			one.followers++
			return one, false
		}
	}
	one = &flight{flights: f, hash: hash, partition: r.Partition, header: header, body: r.Body}
	f.by[hash] = append(f.by[hash], one)
	return one, true
}

// forget makes later queries join none of the flights.
func (f *flights) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.by)
}

// leave removes a follower that has stopped waiting.
func (one *flight) leave() {
	one.flights.mu.Lock()
	switch {
	case !one.ended:
		one.followers--
	case one.response != nil: // the leader has already retained the body for this follower
		one.response.Body.Release()
	}
	one.unlock()
}

// Cancelled implements lazycontext.Waiter: the leader has left, or its time is over, and then that of
// the query, too.
func (one *flight) Cancelled() {
	one.flights.mu.Lock()
	one.left = !errors.Is(one.leader.Err(), context.DeadlineExceeded)
	one.unlock()
}

// unlock unlocks the flights. It ends the query if nobody waits for it any more.
func (one *flight) unlock() {
	deserted := one.left && one.followers == 0 && !one.ended
	if deserted {
		one.close()
	}
	one.flights.mu.Unlock()
	if deserted {
		one.running.CancelCause(context.Cause(one.leader))
	}
}

// close lets no more queries join. The caller holds the lock of the flights.
func (one *flight) close() {
	by := one.flights.by
	rest := slices.DeleteFunc(by[one.hash], func(other *flight) bool { return other == one })
	if len(rest) == 0 {
		delete(by, one.hash)
	} else {
		by[one.hash] = rest
	}
}

// lead sends the query of a flight and hands the response to the followers.
func (one *flight) lead(ctx context.Context, r *execute.SubgraphRequest, send func(context.Context) (*execute.SubgraphResponse, error)) (*execute.SubgraphResponse, error) {
	one.leader = ctx
	deadline, _ := ctx.Deadline()
	one.running.InitDetached(ctx, deadline)
	defer one.running.Cancel()
	leaves := lazycontext.Notify(ctx, one)
	defer leaves.Stop()
	response, err := send(&one.running)
	one.flights.mu.Lock()
	defer one.flights.mu.Unlock()
	one.close()
	one.ended = true
	one.body = nil
	one.response, one.err = response, err
	// A connection may notice the deadline before the context does.
	over := one.running.Err() != nil || !deadline.IsZero() && !time.Now().Before(deadline)
	one.abandoned, one.unsent = err != nil && over, r.Unsent
	if response != nil {
		for range one.followers {
			response.Body.Retain()
		}
	}
	if one.done != nil {
		close(one.done)
	}
	return response, err
}
