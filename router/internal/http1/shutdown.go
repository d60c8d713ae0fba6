package http1

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Shutdown closes the listeners and idle connections, and waits until the requests in progress have
// ended or ctx is done. Hijacked connections are not waited for. Connections without a request so far
// are, but whoever has opened them may close them: see netlimit.Listener.Shutdown.
func (s *Server) Shutdown(ctx context.Context) error {
	var all sync.WaitGroup
	var own, others, later error
	all.Go(func() { own = s.shutdown(ctx) })
	all.Go(func() { others = s.standard.Shutdown(ctx) })
	all.Go(func() { later = s.later.Shutdown(ctx) })
	all.Wait()
	if ctx.Err() != nil && errors.Is(errors.Join(own, others, later), ctx.Err()) {
		return ctx.Err() // once, though it may be the reason of all
	}
	return errors.Join(own, others, later)
}

func (s *Server) shutdown(ctx context.Context) error {
	err := s.end()
	s.mu.Lock()
	if len(s.conns) == 0 {
		s.mu.Unlock()
		return err
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	for c := range s.conns {
		c.closeIdle()
	}
	s.mu.Unlock()
	select {
	case <-empty:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end stops accepting connections.
func (s *Server) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.Store(true)
	var failed []error
	for l := range s.listeners {
		if err := (*l).Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = append(failed, err)
		}
	}
	s.settle()
	return errors.Join(failed...)
}

// Close closes the listeners and all connections but hijacked ones.
func (s *Server) Close() error {
	err := s.end()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.rwc.Close()
		c.context.Cancel() // nobody watches a closed socket
	}
	s.mu.Unlock()
	return errors.Join(err, s.standard.Close(), s.later.Close())
}
