package subgraph

import (
	"bytes"
	"context"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/internal/jointly"
	"souk/router/internal/lazycontext"
)

// maxFlightAge is how old a query in flight may be that identical ones join, unless their time is short. It is less than
// for queries of clients: one of these that is not to wait for an older one must not find the same request again.
const maxFlightAge = time.Second

// flights holds the queries to one subgraph that are in flight. Two queries are identical
// if their partitions, bodies and headers are byte-for-byte equal.
type flights struct {
	once   sync.Once
	seed   maphash.Seed
	writes *jointly.Writes
	mu     sync.Mutex
	by     map[uint64][]*flight
}

// A flight is one query in flight, for the caller that begins it and those that join. It goes on while one
// of them waits, each as long as it has time.
type flight struct {
	jointly.Work
	flights   *flights
	hash      uint64
	partition string
	header    http.Header
	body      *execute.Buffer
	running   lazycontext.Context // what the query is sent with
	// room is the memory of a query that is sent apart. It belongs to holders: the goroutine that sends it,
	// and its first caller. The last one releases it.
	room    *execute.MemoryReservation
	holders atomic.Int32

	response *execute.SubgraphResponse
	err      error
	retries  int32
	unsent   bool // the subgraph has not got it
}

// A sender sends a query within timeout.
type sender struct {
	timeout time.Duration
	send    func(context.Context, *execute.SubgraphRequest) (*execute.SubgraphResponse, error)
}

// do sends a query, or waits for the response of an identical query in flight and then calls shared.
func (f *flights) do(ctx context.Context, r *execute.SubgraphRequest, header http.Header, s sender, shared func()) (*execute.SubgraphResponse, error) {
	f.once.Do(func() { f.seed, f.by = maphash.MakeSeed(), make(map[uint64][]*flight) })
	left := s.timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	one, leads := f.join(maphash.Bytes(f.seed, r.Body.B), r, header, jointly.MaxAge(maxFlightAge, left))
	if leads {
		if left == s.timeout {
			return one.lead(ctx, r, s)
		}
		one.sendApart(ctx, r, s)
	}
	if !one.Wait(ctx) {
		r.Unsent = !leads
		if leads {
			one.leaveRoom()
		}
		return nil, ctx.Err()
	}
	if leads {
		r.Retries = int(one.retries)
		r.Reservation.Take(one.room)
		one.leaveRoom()
	} else {
		shared()
	}
	r.Unsent = one.unsent
	if one.response == nil {
		return nil, one.err
	}
	response := *one.response
	return &response, one.err
}

// join joins the flight of an identical query that is not older than maxAge, unless a mutation has ended since
// that began: one of any subgraph may have changed what the query reads. Otherwise, it starts one that the
// caller leads.
func (f *flights) join(hash uint64, r *execute.SubgraphRequest, header http.Header, maxAge time.Duration) (one *flight, leads bool) {
	now, writes := time.Now(), f.writes.Count()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.by[hash] {
		if one.IsOpen(now, maxAge, writes) && one.partition == r.Partition && bytes.Equal(one.body.B, r.Body.B) && maps.EqualFunc(one.header, header, slices.Equal) {
			one.Join()
			return one, false
		}
	}
	one = &flight{flights: f, hash: hash, partition: r.Partition, header: header, body: r.Body}
	one.Init(&f.mu, one, now, writes)
	f.by[hash] = append(f.by[hash], one)
	return one, true
}

// Close implements jointly.Result.
func (one *flight) Close() {
	by := one.flights.by
	rest := slices.DeleteFunc(by[one.hash], func(other *flight) bool { return other == one })
	if len(rest) == 0 {
		delete(by, one.hash)
	} else {
		by[one.hash] = rest
	}
}

// Retain implements jointly.Result.
func (one *flight) Retain() {
	if one.response != nil {
		one.response.Body.Retain()
	}
}

// Release implements jointly.Result.
func (one *flight) Release() {
	if one.response != nil {
		one.response.Body.Release()
	}
}

// lead sends the query of a flight, for a caller that has the time for it.
func (one *flight) lead(ctx context.Context, r *execute.SubgraphRequest, s sender) (*execute.SubgraphResponse, error) {
	deadline, _ := ctx.Deadline()
	one.running.InitDetached(ctx, deadline)
	leaves := one.Begin(ctx, &one.running)
	defer leaves.Stop()
	response, err := one.send(r, s)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return response, err
}

// sendApart sends the query of a flight in a goroutine of its own, because the caller may have less time than
// others that join. The query has a body and memory of its own, which last as long as it does.
func (one *flight) sendApart(ctx context.Context, r *execute.SubgraphRequest, s sender) {
	own := *r
	own.Body.Retain()
	one.room = r.Reservation.Apart()
	own.Reservation = one.room
	one.holders.Store(2)
	one.running.InitDetached(ctx, time.Time{})
	one.flights.mu.Lock()
	one.Join()
	one.BeginApart(&one.running)
	one.flights.mu.Unlock()
	go func() {
		response, _ := one.send(&own, s)
		if response != nil {
			response.Body.Release() // each caller has retained it
		}
		own.Body.Release()
		one.leaveRoom()
	}()
}

// leaveRoom lets go of the memory of a query that was sent apart.
func (one *flight) leaveRoom() {
	if one.holders.Add(-1) == 0 {
		one.room.Release()
	}
}

// send sends the query and hands the response to the callers that have joined.
func (one *flight) send(r *execute.SubgraphRequest, s sender) (*execute.SubgraphResponse, error) {
	defer one.running.Cancel()
	one.err = execute.CatchPanic(func() (err error) {
		one.response, err = s.send(&one.running, r)
		return err
	})
	one.retries, one.unsent = int32(r.Retries), r.Unsent
	one.End()
	return one.response, one.err
}
