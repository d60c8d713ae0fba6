package netlimit

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

const (
	// headerGrace is the time for a new connection to send a request. During it,
	// idle connections are closed first.
	headerGrace = time.Second
	// stalled is the time after which a write without progress makes its
	// connection a candidate for closing.
	stalled = time.Second
	// chosen is the number of victims selected at once, because each selection
	// looks at all connections.
	chosen = 64
	// lookEvery is the minimum time before another selection after one that found
	// no victims.
	lookEvery = time.Millisecond
)

// victims are the connections to close next to make room for new ones. The listener's
// mutex guards them.
type victims struct {
	list   []victim  // the next one last
	looked time.Time // last selection that found no victims
}

// A victim is a connection with its state at the time of the selection.
type victim struct {
	*conn
	entered, writing int64
	rank             int
	since            int64 // in microseconds
}

// The ranks of victims, in the order in which they are closed.
const (
	silent  = iota // new and without a request for longer than headerGrace
	waiting        // waiting for the next request
	opened         // new
	stuck          // the client does not accept its response
	busy           // not a victim
)

// victim determines the rank of a connection.
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

// next returns the connection to close and the reason, or nil if all are busy. Within a
// rank, the oldest comes first. A connection that has been active since the selection
// is skipped. The selection stays in order, because no other connection can have
// become older than those selected.
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

// choose selects up to chosen victims. It returns false without a selection if the last
// one, less than lookEvery ago, found none.
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
