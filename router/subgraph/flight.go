package subgraph

import (
	"bytes"
	"context"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"sync"

	"souk/router/execute"
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
	partition string
	header    http.Header
	body      *execute.Buffer
	done      chan struct{}
	// followers is the number of waiting followers. It is guarded by flights.mu until
	// done is closed.
	followers int
	response  *execute.SubgraphResponse
	err       error
	// abandoned is set if the leader was canceled. A follower must then send the query.
	// unsent is set if the leader was not allowed to send it.
	abandoned, unsent bool
}

// do sends a query with send, or waits for the response of an identical query in flight
// and then calls shared.
func (f *flights) do(ctx context.Context, r *execute.SubgraphRequest, header http.Header, send func() (*execute.SubgraphResponse, error), shared func()) (*execute.SubgraphResponse, error) {
	f.once.Do(func() { f.seed, f.by = maphash.MakeSeed(), make(map[uint64][]*flight) })
	hash := maphash.Bytes(f.seed, r.Body.B)
	for {
		one, leads := f.join(hash, r, header)
		if leads {
			return f.lead(ctx, hash, one, r, send)
		}
		select {
		case <-one.done:
		case <-ctx.Done():
			f.leave(one)
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
			one.followers++
			return one, false
		}
	}
	one = &flight{partition: r.Partition, header: header, body: r.Body, done: make(chan struct{})}
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
func (f *flights) leave(one *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-one.done:
		// The leader has already retained the body for this follower.
		if one.response != nil {
			one.response.Body.Release()
		}
	default:
		one.followers--
	}
}

// lead sends the query of a flight and hands the response to the followers.
func (f *flights) lead(ctx context.Context, hash uint64, one *flight, r *execute.SubgraphRequest, send func() (*execute.SubgraphResponse, error)) (*execute.SubgraphResponse, error) {
	response, err := send()
	f.mu.Lock()
	defer f.mu.Unlock()
	rest := slices.DeleteFunc(f.by[hash], func(other *flight) bool { return other == one })
	if len(rest) == 0 {
		delete(f.by, hash)
	} else {
		f.by[hash] = rest
	}
	one.body = nil
	one.response, one.err = response, err
	one.abandoned, one.unsent = err != nil && ctx.Err() != nil, r.Unsent
	if response != nil {
		for range one.followers {
			response.Body.Retain()
		}
	}
	close(one.done)
	return response, err
}
