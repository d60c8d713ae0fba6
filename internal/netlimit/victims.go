package netlimit

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

const (
	// headerGrace is how long a new connection is left alone while others are idle.
	headerGrace = time.Second
	// stalled is how long a write may make no progress while others want to connect.
	stalled = time.Second
	// chosen is how many victims are chosen at a time: to find them takes a look at
	// all connections.
	chosen = 64
	// lookEvery is how often that is done in vain.
	lookEvery = time.Millisecond
)

// Victims are the connections to close next for others to have room. They are
// guarded by the listener's mutex.
type victims struct {
	list   []victim // the next one last
	looked time.Time
}

// A victim is a connection as it was when it was chosen.
type victim struct {
	*conn
	entered, writing int64
	rank             int
	since            int64 // in microseconds
}

// The ranks: first those that have not sent a request for a while since they were
// opened, then those that wait for their next request, then other new ones, and
// last those whose clients do not accept their responses.
const (
	silent = iota
	waiting
	opened
	stuck
	busy // no victim
)

func (c *conn) victim(now time.Time) victim {
	v := victim{conn: c, entered: c.entered.Load(), writing: c.writing.Load(), rank: busy}
	state, since := c.state()
	v.since = since.UnixMicro()
	begun := time.Unix(0, v.writing)
	switch {
	case state == http.StateNew && now.Sub(since) > headerGrace:
		v.rank = silent
	case state == http.StateNew:
		v.rank = opened
	case state == http.StateIdle:
		v.rank = waiting
	case v.writing != 0 && now.Sub(begun) > stalled:
		v.rank, v.since = stuck, begun.UnixMicro()
	}
	return v
}

// next gives the connection to close, and why; nil if all are busy. Each rank is
// served in the order of age. Whoever has done something since it was chosen is
// spared, and no other can have become older than those that were.
func (v *victims) next(conns map[*conn]struct{}) (*conn, Reason) {
	for range 2 {
		for len(v.list) > 0 {
			last := v.list[len(v.list)-1]
			v.list = v.list[:len(v.list)-1]
			_, open := conns[last.conn]
			if !open || last.conn.entered.Load() != last.entered || last.conn.writing.Load() != last.writing {
				continue
			}
			if last.rank == stuck {
				return last.conn, Slow
			}
			return last.conn, Idle
		}
		if !v.choose(conns) {
			break
		}
	}
	return nil, ""
}

// choose looks for victims; false if it has done so in vain a moment ago.
func (v *victims) choose(conns map[*conn]struct{}) bool {
	now := time.Now()
	if now.Sub(v.looked) < lookEvery {
		return false
	}
	all := make([]victim, 0, len(conns))
	for c := range conns {
		if one := c.victim(now); one.rank != busy {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b victim) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.since, b.since)) })
	v.list = slices.Clone(all[:min(len(all), chosen)])
	slices.Reverse(v.list)
	if len(all) == 0 {
		v.looked = now
	}
	return true
}
