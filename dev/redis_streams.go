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

// streamReads answers two commands in the place of miniredis: blocking reads of
// streams (XREAD with BLOCK), and looking for one entry (XRANGE with the same ID
// twice), which the relays of events do in a script. miniredis compares every
// entry of the stream with the ID, for a blocked read again after every command
// of anyone. That would take most of the processor time of a store under load.
type streamReads struct {
	ctx    context.Context
	server *miniredis.Miniredis

	mu      sync.Mutex
	written chan struct{} // closed when a command may write to a stream
	// entries are those of the stream of events when a script began last. In a
	// script, the server is locked, so that they cannot be read.
	entries []miniredis.StreamEntry
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
	case "EVAL", "EVALSHA":
		entries, err := s.server.Stream(eventStream)
		s.mu.Lock()
		if err == nil {
			s.entries = entries
		}
		s.mu.Unlock()
		s.wake()
	case "XADD", "EXEC":
		s.wake()
	case "XRANGE":
		return s.find(c, args)
	case "XINFO":
		return s.describeGroups(c, args)
	case "XREAD":
		if r, ok := parseStreamRead(args); ok {
			s.await(c, r)
			return true
		}
	}
	return false
}

// wake makes blocked reads look for entries.
func (s *streamReads) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.written)
	s.written = make(chan struct{})
}

// find answers XRANGE for one entry of the stream of events that was there when a
// script began last. It reports whether it has.
func (s *streamReads) find(c *server.Peer, args []string) bool {
	if len(args) < 3 || args[0] != eventStream || args[1] != args[2] || !isEntryID(args[1]) {
		return false
	}
	s.mu.Lock()
	entries := s.entries
	s.mu.Unlock()
	n := sort.Search(len(entries), func(n int) bool { return !laterID(args[1], entries[n].ID) })
	if n == len(entries) || entries[n].ID != args[1] {
		return false
	}
	c.Block(func(w *server.Writer) {
		w.WriteLen(1)
		writeEntry(w, entries[n])
	})
	return true
}

func writeEntry(w *server.Writer, entry miniredis.StreamEntry) {
	w.WriteLen(2)
	w.WriteBulk(entry.ID)
	w.WriteStrings(entry.Values)
}

// isEntryID reports whether an ID is that of one entry.
func isEntryID(id string) bool {
	time, sequence, complete := strings.Cut(id, "-")
	return complete && time != "" && sequence != ""
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
				if !isEntryID(id) {
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
				writeEntry(w, entry)
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
