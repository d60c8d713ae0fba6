package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"souk/internal/lazydeadline"
	"souk/internal/linger"
	"souk/router/internal/lazycontext"
)

const (
	// firstBuffer is the size of the buffer that a connection has while it is idle. A request
	// that fits in takes one system call.
	firstBuffer = 4 << 10
	// maxHead bounds the head of a request in bytes. net/http serves longer ones.
	maxHead = 16 << 10
	// maxLeft bounds the part of a body in bytes that is read to keep a connection when no handler
	// has read it. net/http has the same bound.
	maxLeft = 256 << 10
)

// The states of a connection.
const (
	fresh  int32 = iota // without a request so far
	idle                // between two requests; a shutdown closes it
	active              // with a request in progress
	ended               // closed, hijacked or given to net/http
)

// A conn serves the requests of one connection, one after another.
type conn struct {
	server *Server
	rwc    net.Conn
	// raw is the socket and watched its number in the watcher. watched is 0 before the first
	// request.
	raw     syscall.RawConn
	watched uint64
	remote  string
	// context is the parent of the contexts of all requests.
	context lazycontext.Context
	state   atomic.Int32
	// in is rwc for reading.
	in lazydeadline.Conn

	// buffer[start:end] are bytes that have been read and not used.
	buffer     []byte
	start, end int
	known      knownLines

	// hungUp is set once the client has closed its side or the connection has failed.
	hungUp atomic.Bool
	// request is the request in progress, for the watcher.
	request struct {
		sync.Mutex
		x *exchange // nil if there is none
	}
	// writeDeadline is set if the handler has set one, which ends with the request.
	writeDeadline bool
	// taken is set once a handler has hijacked the connection.
	taken bool
	// served is set once a request has been served, and posted if the last one was a POST.
	served, posted bool
}

func newConn(base context.Context, s *Server, rwc net.Conn) *conn {
	c := &conn{server: s, rwc: rwc, in: lazydeadline.Conn{Conn: rwc}}
	if address := rwc.RemoteAddr(); address != nil {
		c.remote = address.String()
	}
	ctx := context.WithValue(base, http.LocalAddrContextKey, rwc.LocalAddr())
	if adapt := s.standard.ConnContext; adapt != nil {
		ctx = adapt(ctx, rwc)
	}
	c.context.Init(ctx, time.Time{})
	return c
}

// report calls the ConnState hook.
func (c *conn) report(state http.ConnState) {
	if hook := c.server.standard.ConnState; hook != nil {
		hook(c.rwc, state)
	}
}

// closeIdle closes the connection if it is idle.
func (c *conn) closeIdle() {
	if c.state.CompareAndSwap(idle, ended) {
		_ = c.rwc.Close()
	}
}

// release lets go of a connection that remains open.
func (c *conn) release() {
	c.state.Store(ended)
	c.server.watch.remove(c)
	c.server.forget(c)
	c.context.Cancel()
}

// close closes the connection; once the client has had time to see the last response, if there is one.
func (c *conn) close(answered bool) {
	c.state.Store(ended)
	if answered {
		_ = linger.Close(c.rwc)
	} else {
		_ = c.rwc.Close() // also ends watching it
	}
	c.server.watch.drop(c)
	c.server.forget(c)
	c.context.Cancel()
	c.report(http.StateClosed)
}

// An outcome is what happens to a connection after a request.
type outcome int

const (
	broken  outcome = iota // close it
	keep                   // serve the next request
	foreign                // give it to net/http
	final                  // close it when the client has had time to see the response
	taken                  // the handler has it
)

// serve serves requests until the connection is closed or given away.
func (c *conn) serve() {
	result := broken
	defer func() {
		if problem := recover(); problem != nil && problem != http.ErrAbortHandler { //nolint:errorlint // net/http compares, too
			c.server.logf("http: panic serving %v: %v\n%s", c.remote, problem, debug.Stack())
		}
		switch {
		case result == foreign:
			c.handOver()
		case c.taken:
			c.context.Cancel()
		default:
			c.close(result == final)
		}
	}()
	for result = keep; result == keep; {
		result = broken // if the handler panics
		head, next := c.await()
		if next != keep {
			result = next
			return
		}
		result = c.exchange(head)
	}
}

// await reads the head of the next request.
func (c *conn) await() (head, outcome) {
	s := scanner{}
	breaks := c.skipBreaks(0)
	found := s.scan(c.buffer[c.start:c.end])
	from := c.state.Load()
	// The time for a head begins with the connection or with the first byte.
	begun := from == fresh || c.start < c.end
	if begun {
		c.wantWithin(c.headerTimeout())
	} else {
		c.wantWithin(c.server.idleTimeout())
	}
	for found == incomplete && s.total < min(maxHead, c.maxHeader()) || !answered(from, s.total, breaks) {
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) && answered(from, s.total, breaks) {
				return head{}, foreign
			}
			return head{}, broken
		}
		if breaks = c.skipBreaks(breaks); c.start == c.end {
			continue
		}
		if found = s.scan(c.buffer[c.start:c.end]); found != complete && !begun {
			begun = true
			c.wantWithin(c.headerTimeout())
		}
	}
	if found != complete {
		return head{}, foreign
	}
	h, ok := parse(c.buffer[c.start:c.start+s.at], s.lines, &c.known)
	if !ok {
		return h, foreign
	}
	if !c.state.CompareAndSwap(from, active) {
		return h, broken
	}
	c.report(http.StateActive)
	c.start += s.at
	return h, keep
}

// maxBreaks is how many bytes of line breaks behind a POST are ignored. Old clients send them there
// (RFC 9112, section 2.2), and net/http ignores as many.
const maxBreaks = 4

// skipBreaks skips line breaks between a POST and the next request, of which so many bytes have been
// skipped. It returns how many have been now.
func (c *conn) skipBreaks(skipped int) int {
	for c.posted && c.start < c.end && skipped < maxBreaks {
		if b := c.buffer[c.start]; b != '\r' && b != '\n' {
			break
		}
		c.start++
		skipped++
	}
	return skipped
}

// answered reports whether net/http answers so many bytes of a head, behind line breaks, if nothing
// follows. It ignores fewer than 4 behind another request.
func answered(state int32, head, breaks int) bool {
	return head > 0 && (state == fresh || head+breaks >= 4)
}

// fill reads at least one byte.
func (c *conn) fill() error {
	switch {
	case c.buffer == nil:
		c.buffer = make([]byte, firstBuffer)
	case c.start == c.end:
		c.start, c.end = 0, 0
	case c.end == len(c.buffer):
		c.end = copy(c.buffer, c.buffer[c.start:c.end])
		c.start = 0
		if c.end == len(c.buffer) {
			larger := make([]byte, 2*len(c.buffer))
			copy(larger, c.buffer)
			c.buffer = larger
		}
	}
	n, err := c.in.Read(c.buffer[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// wantWithin sets the read deadline, or none if limit is 0.
func (c *conn) wantWithin(limit time.Duration) {
	var t time.Time
	if limit > 0 {
		t = time.Now().Add(limit)
	}
	_ = c.in.SetReadDeadline(t) // the read fails then, too
}

func (c *conn) headerTimeout() time.Duration {
	if d := c.server.standard.ReadHeaderTimeout; d != 0 {
		return d
	}
	return c.server.standard.ReadTimeout
}

func (c *conn) maxHeader() int {
	if n := c.server.standard.MaxHeaderBytes; n > 0 {
		return n
	}
	return http.DefaultMaxHeaderBytes
}

// exchange calls the handler for a request and completes its response.
func (c *conn) exchange(h head) outcome {
	if c.watched == 0 && !c.server.watch.add(c) {
		c.start -= h.size
		return foreign
	}
	_ = c.in.SetReadDeadline(time.Time{}) // removes one only when it strikes
	x := &exchange{conn: c, url: h.url, header: http.Header{}, length: unknown, head: h.method == http.MethodHead}
	x.context.Init(&c.context, time.Time{})
	defer x.context.Cancel()
	r := h.request(x, c.remote)
	c.begin(x)
	defer c.finish()
	c.served, c.posted = true, h.method == http.MethodPost
	c.server.handler.ServeHTTP(x, r)
	if x.hijacked {
		return taken
	}
	result := x.finish(r)
	if c.writeDeadline {
		c.writeDeadline = false
		_ = c.rwc.SetWriteDeadline(time.Time{})
	}
	if result == keep && !c.rest() {
		return final
	}
	return result
}

// rest makes the connection idle. It reports false if a shutdown has begun.
func (c *conn) rest() bool {
	if len(c.buffer) > firstBuffer && c.start == c.end {
		c.buffer, c.start, c.end = nil, 0, 0 // that of a large request
	}
	c.report(http.StateIdle)
	c.state.Store(idle)
	return !c.server.ending.Load() // after state is set, so that shutdown or this sees the other
}

// begin lets the watcher cancel a request when the client disconnects.
func (c *conn) begin(x *exchange) {
	c.request.Lock()
	c.request.x = x
	c.request.Unlock()
	if c.hungUp.Load() {
		c.cancelIfGone()
	}
}

func (c *conn) finish() {
	c.request.Lock()
	c.request.x = nil
	c.request.Unlock()
}

// cancelIfGone cancels the request in progress if its body has arrived and the client has
// disconnected.
func (c *conn) cancelIfGone() {
	c.request.Lock()
	x := c.request.x
	c.request.Unlock()
	if x != nil && x.body.left.Load() == 0 && c.disconnected() {
		x.context.Cancel()
	}
}
