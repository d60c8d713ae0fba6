package dev

import (
	"context"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// streamReads answers the blocking reads of streams (XREAD with BLOCK) in the
// place of miniredis. That compares every entry of a stream with the ID of each
// blocked read, after every command of anyone, which would take most of the
// processor time of a store under load. Every other command, and a read in a
// transaction or a script, is left to miniredis.
type streamReads struct {
	ctx    context.Context
	server *miniredis.Miniredis

	mu      sync.Mutex
	written chan struct{} // closed when a command may write to a stream
}

// A blocked read looks for entries after minStreamWait, and then after twice as
// long each time, up to maxStreamWait. A command that may write begins that anew.
const (
	minStreamWait = time.Millisecond
	maxStreamWait = 256 * time.Millisecond
)

func newStreamReads(ctx context.Context, of *miniredis.Miniredis) *streamReads {
	return &streamReads{ctx: ctx, server: of, written: make(chan struct{})}
}

// hook is called before each command. It reports whether it has answered.
func (s *streamReads) hook(c *server.Peer, command string, args ...string) bool {
	switch command {
	case "XADD", "EVAL", "EVALSHA", "EXEC":
		s.mu.Lock()
		close(s.written)
		s.written = make(chan struct{})
		s.mu.Unlock()
	case "XREAD":
		if r, ok := parseStreamRead(args); ok {
			s.await(c, r)
			return true
		}
	}
	return false
}

// A streamRead is XREAD COUNT count BLOCK milliseconds STREAMS keys ids.
type streamRead struct {
	count     int
	block     time.Duration
	keys, ids []string
}

// parseStreamRead returns false for a read that miniredis is to answer.
func parseStreamRead(args []string) (r streamRead, ok bool) {
	for len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		switch strings.ToUpper(args[0]) {
		case "COUNT":
			r.count = n
		case "BLOCK":
			r.block = time.Duration(n) * time.Millisecond
		case "STREAMS":
			half := len(args) / 2
			r.keys, r.ids = args[1:1+half], args[1+half:]
			for _, id := range r.ids {
				if time, sequence, complete := strings.Cut(id, "-"); !complete || time == "" || sequence == "" {
					return r, false
				}
			}
			return r, r.block > 0 && r.count > 0 && len(r.keys) == len(r.ids)
		default:
			return r, false
		}
		if err != nil {
			return r, false
		}
		args = args[2:]
	}
	return r, false
}

// await answers a read as soon as there are entries, or after its time.
func (s *streamReads) await(c *server.Peer, r streamRead) {
	end := time.NewTimer(r.block)
	defer end.Stop()
	for wait := minStreamWait; ; wait = min(2*wait, maxStreamWait) {
		s.mu.Lock()
		written := s.written
		s.mu.Unlock()
		if s.answer(c, r) {
			return
		}
		select {
		case <-written:
			wait = minStreamWait / 2 // the command has begun, not ended
		case <-time.After(wait):
		case <-end.C:
			c.WriteLen(-1)
			return
		case <-s.ctx.Done():
			c.WriteLen(-1)
			return
		}
	}
}

// answer writes the entries after the IDs, unless there are none.
func (s *streamReads) answer(c *server.Peer, r streamRead) bool {
	found := make([][]miniredis.StreamEntry, len(r.keys))
	streams := 0
	for i, key := range r.keys {
		entries, err := s.server.Stream(key)
		if err != nil {
			c.WriteError(err.Error())
			return true
		}
		first := sort.Search(len(entries), func(n int) bool { return laterID(entries[n].ID, r.ids[i]) })
		if found[i] = entries[first:min(len(entries), first+r.count)]; len(found[i]) > 0 {
			streams++
		}
	}
	if streams == 0 {
		return false
	}
	c.Block(func(w *server.Writer) {
		w.WriteLen(streams)
		for i, entries := range found {
			if len(entries) == 0 {
				continue
			}
			w.WriteLen(2)
			w.WriteBulk(r.keys[i])
			w.WriteLen(len(entries))
			for _, entry := range entries {
				w.WriteLen(2)
				w.WriteBulk(entry.ID)
				w.WriteStrings(entry.Values)
			}
		}
	})
	return true
}

// laterID reports whether an ID of a stream's entry, such as 1700000000000-3,
// comes after another one.
func laterID(a, b string) bool {
	x, y := splitID(a), splitID(b)
	return x[0] > y[0] || x[0] == y[0] && x[1] > y[1]
}

func splitID(id string) (parts [2]uint64) {
	before, after, _ := strings.Cut(id, "-")
	parts[0], _ = strconv.ParseUint(before, 10, 64)
	parts[1], _ = strconv.ParseUint(after, 10, 64)
	return parts
}
