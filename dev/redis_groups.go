package dev

import (
	"bufio"
	"bytes"
	"sort"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// describeGroups answers XINFO GROUPS as Redis does: with what each consumer group has been given
// and what is left. miniredis does not know; the services would count the entries of the stream
// that a group has not read, which takes a large part of the processor time of a store whose
// consumers lag behind. It reports whether it has answered.
func (s *streamReads) describeGroups(c *server.Peer, args []string) bool {
	if len(args) != 2 || !strings.EqualFold(args[0], "GROUPS") || c.ClientName == ownClient {
		return false
	}
	groups, ok := s.groups(args)
	if !ok {
		return false // miniredis says why
	}
	entries, err := s.server.Stream(args[1])
	if err != nil {
		return false
	}
	c.Block(func(w *server.Writer) {
		w.WriteLen(len(groups))
		for _, group := range groups {
			group.write(w, entries)
		}
	})
	return true
}

// ownClient is the name of the clients with which streamReads itself asks miniredis.
const ownClient = "souk dev"

// A consumerGroup is what miniredis knows of a group: names and values in turn.
type consumerGroup []any

// groups asks miniredis for the groups of a stream.
func (s *streamReads) groups(args []string) (groups []consumerGroup, ok bool) {
	var text bytes.Buffer
	out := bufio.NewWriter(&text)
	peer := server.NewPeer(out)
	peer.ClientName = ownClient
	s.server.Server().Dispatch(peer, append([]string{"XINFO"}, args...))
	peer.Flush()
	reply, err := server.ParseReply(bufio.NewReader(&text))
	list, isList := reply.([]any)
	if err != nil || !isList {
		return nil, err == nil && reply == nil // no group
	}
	for _, item := range list {
		group, isList := item.([]any)
		if !isList {
			return nil, false
		}
		groups = append(groups, group)
	}
	return groups, true
}

// write writes a group with its position among the entries of the stream.
func (g consumerGroup) write(w *server.Writer, entries []miniredis.StreamEntry) {
	last := "0-0"
	for i := 0; i+1 < len(g); i += 2 {
		if id, ok := g[i+1].(string); ok && g[i] == "last-delivered-id" {
			last = id
		}
	}
	read := sort.Search(len(entries), func(n int) bool { return laterID(entries[n].ID, last) })
	w.WriteMapLen(len(g) / 2)
	for i := 0; i+1 < len(g); i += 2 {
		name, _ := g[i].(string)
		w.WriteBulk(name)
		switch value := g[i+1].(type) {
		case int:
			if name == "lag" {
				value = len(entries) - read
			}
			w.WriteInt(value)
		case string:
			w.WriteBulk(value)
		default: // entries-read
			w.WriteInt(read)
		}
	}
}
