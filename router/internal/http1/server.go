package http1

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Server serves HTTP/1.1 on a listener. Create one with New.
type Server struct {
	standard *http.Server
	handler  http.Handler
	feed     *feed
	// later serves what is left of connections whose first requests this server has served, from
	// laterFeed. It is the standard server without HTTP/2, which only begins a connection.
	later     *http.Server
	laterFeed *feed
	date      dateCache
	watch     *watcher // nil before Serve

	ending atomic.Bool // Shutdown or Close has been called

	mu        sync.Mutex
	listeners map[*net.Listener]struct{}
	conns     map[*conn]struct{}
	empty     chan struct{} // closed when the last connection ends after ending is set; nil before
}

// New returns a server for the settings of a standard one, which serves what this one does not.
// These apply to both: Handler, BaseContext, ConnContext, ConnState, ErrorLog, ReadHeaderTimeout,
// IdleTimeout and MaxHeaderBytes. New adds to Handler and ConnContext what closeAmbiguous does. If
// others are set that net/http applies to single requests, the standard server serves everything.
func New(standard *http.Server) *Server {
	s := &Server{standard: standard, handler: standard.Handler, listeners: map[*net.Listener]struct{}{}, conns: map[*conn]struct{}{}}
	if s.handler == nil {
		s.handler = http.DefaultServeMux
	}
	standard.Handler = s.handler
	closeAmbiguous(standard)
	s.later = &http.Server{
		Handler: standard.Handler, BaseContext: standard.BaseContext, ConnContext: standard.ConnContext, ConnState: standard.ConnState, ErrorLog: standard.ErrorLog,
		ReadHeaderTimeout: standard.ReadHeaderTimeout, IdleTimeout: standard.IdleTimeout, MaxHeaderBytes: standard.MaxHeaderBytes, Protocols: new(http.Protocols),
	}
	s.later.Protocols.SetHTTP1(true)
	return s
}

// serves reports whether this server can serve connections, instead of the standard one.
func (s *Server) serves() bool {
	o := s.standard
	return watches && o.TLSConfig == nil && o.ReadTimeout == 0 && o.WriteTimeout == 0
}

// Serve accepts connections until the server is shut down, and returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	if !s.serves() {
		return s.standard.Serve(guarded{l})
	}
	watch, err := newWatcher()
	if err != nil { // too many open files; net/http needs none
		s.logf("http1: net/http serves all requests: %v", err)
		return s.standard.Serve(guarded{l})
	}
	base := context.Background()
	if s.standard.BaseContext != nil {
		base = s.standard.BaseContext(l)
	}
	base = context.WithValue(base, http.ServerContextKey, s.standard)
	s.mu.Lock()
	if s.ending.Load() {
		s.mu.Unlock()
		watch.close()
		return http.ErrServerClosed
	}
	s.watch, s.feed, s.laterFeed = watch, newFeed(l.Addr()), newFeed(l.Addr())
	s.listeners[&l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, &l)
		s.settle()
		s.mu.Unlock()
		_ = l.Close()
	}()
	// Both end with http.ErrServerClosed.
	go func() { _ = s.standard.Serve(s.feed) }()
	go func() { _ = s.later.Serve(s.laterFeed) }()
	return s.accept(base, l)
}

// The delays before the next attempt to accept a connection after a temporary error.
const (
	firstDelay = 5 * time.Millisecond
	lastDelay  = time.Second
)

func (s *Server) accept(base context.Context, l net.Listener) error {
	delay := firstDelay
	for {
		rwc, err := l.Accept()
		if s.ending.Load() {
			if err == nil {
				_ = rwc.Close()
			}
			return http.ErrServerClosed
		}
		if err == nil {
			delay = firstDelay
			if c := s.open(base, rwc); c != nil {
				go c.serve()
			}
			continue
		}
		var failed net.Error
		//lint:ignore SA1019 net/http uses it for the same purpose
		if !errors.As(err, &failed) || !failed.Temporary() { //nolint:staticcheck // as above
			return err
		}
		s.logf("http1: accepting a connection: %v; trying again in %v", err, delay)
		time.Sleep(delay)
		delay = min(2*delay, lastDelay)
	}
}

// open registers a connection. It returns nil if the server is ending.
func (s *Server) open(base context.Context, rwc net.Conn) *conn {
	c := newConn(base, s, rwc)
	s.mu.Lock()
	ending := s.ending.Load()
	if !ending {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if ending {
		_ = rwc.Close()
		return nil
	}
	c.report(http.StateNew)
	return c
}

// forget removes a connection that has ended or that belongs to somebody else now.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.settle()
}

// settle ends what the server needs for connections when it has ended. The caller holds s.mu.
func (s *Server) settle() {
	if !s.ending.Load() || len(s.conns) > 0 {
		return
	}
	if s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
	if s.watch != nil {
		s.watch.close()
	}
}

func (s *Server) idleTimeout() time.Duration {
	if s.standard.IdleTimeout != 0 {
		return s.standard.IdleTimeout
	}
	return s.standard.ReadTimeout
}

func (s *Server) logf(format string, arguments ...any) {
	if s.standard.ErrorLog != nil {
		s.standard.ErrorLog.Printf(format, arguments...)
		return
	}
	log.Printf(format, arguments...)
}

// A dateCache has the value of Date, which changes once a second.
type dateCache struct{ last atomic.Pointer[date] }

type date struct {
	second int64
	text   string
}

func (d *dateCache) at(now time.Time) string {
	second := now.Unix()
	last := d.last.Load()
	if last == nil || last.second != second {
		last = &date{second, now.UTC().Format(http.TimeFormat)}
		d.last.Store(last)
	}
	return last.text
}
