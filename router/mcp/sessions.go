package mcp

import (
	"sync"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// sessions bounds the sessions of a server, in all and by caller. Where a bound is reached, a new
// session ends the oldest idle one: of the same caller, or of the caller with the most sessions,
// so that a caller with many of them does not end those of others.
type sessions struct {
	most, mostPerCaller int // 0 means no bound
	server              *sdk.Server

	mu sync.Mutex
	// starting counts the requests in progress that may begin sessions, by caller.
	starting map[string]int
	open     map[string]*session // by ID
	// tick orders the uses of sessions.
	tick uint64
}

// A session is one that a caller has begun.
type session struct {
	*sdk.ServerSession
	caller string
	// used is the tick of the last use, and inUse the number of messages in progress.
	used  uint64
	inUse int
}

func newSessions(most, mostPerCaller int, server *sdk.Server) sessions {
	return sessions{most: most, mostPerCaller: mostPerCaller, server: server, starting: map[string]int{}, open: map[string]*session{}}
}

// begin counts a request that may begin a session. It reports false if there are most already, and
// none is idle. After the request, the caller must call began.
func (s *sessions) begin(caller string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	counts, total := map[string]int{}, 0
	for of, n := range s.starting {
		counts[of], total = n, total+n
	}
	for _, o := range s.open {
		counts[o.caller]++
		total++
	}
	if s.mostPerCaller > 0 && counts[caller] >= s.mostPerCaller {
		if !s.endIdle(func(of string) bool { return of == caller }) {
			return false
		}
		counts[caller]--
		total--
	}
	if s.most > 0 && total >= s.most && !s.endIdleOfMost(counts) {
		return false
	}
	s.starting[caller]++
	return true
}

// endIdleOfMost ends the oldest idle session of the callers that have the most sessions among those
// with an idle one.
func (s *sessions) endIdleOfMost(counts map[string]int) bool {
	most := 0
	for _, o := range s.open {
		if o.inUse == 0 {
			most = max(most, counts[o.caller])
		}
	}
	return s.endIdle(func(of string) bool { return counts[of] == most })
}

// endIdle ends the oldest idle session of certain callers. It reports false if there is none.
func (s *sessions) endIdle(of func(caller string) bool) bool {
	oldest := ""
	for id, o := range s.open {
		if o.inUse == 0 && of(o.caller) && (oldest == "" || o.used < s.open[oldest].used) {
			oldest = id
		}
	}
	if oldest == "" {
		return false
	}
	ended := s.open[oldest]
	delete(s.open, oldest)
	// Ending waits for the streams of the session, and must not keep others waiting.
	go func() { _ = ended.Close() }() // an error means that the client has ended it, too
	return true
}

// forget removes the sessions that have ended.
func (s *sessions) forget() {
	if len(s.open) == 0 {
		return
	}
	alive := make(map[string]bool, len(s.open))
	for each := range s.server.Sessions() {
		alive[each.ID()] = true
	}
	for id := range s.open {
		if !alive[id] {
			delete(s.open, id)
		}
	}
}

// began notes that a request has ended that might have begun a session, with the ID of the session,
// which is empty if it has not.
func (s *sessions) began(caller, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starting[caller]--; s.starting[caller] == 0 {
		delete(s.starting, caller)
	}
	if id == "" {
		return
	}
	for each := range s.server.Sessions() {
		if each.ID() == id {
			s.tick++
			s.open[id] = &session{ServerSession: each, caller: caller, used: s.tick}
			return
		}
	}
}

// use notes that a message of a session is in progress, until the returned function is called.
func (s *sessions) use(id string) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.open[id]
	if used == nil {
		return func() {}
	}
	s.tick++
	used.used = s.tick
	used.inUse++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tick++
		used.used = s.tick
		used.inUse--
	}
}
