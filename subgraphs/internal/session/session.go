// Package session ends what goes on for long, such as a subscription, when the
// one it goes on for may not have it any more: when the access token expires,
// the session ends (by log-out or a new password) or the user loses a role that
// the token names.
//
// A Watcher asks the user service about all sessions that are followed, at
// once and every few seconds. While that service cannot be asked, sessions are
// taken to go on: no longer than their tokens do.
package session

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"souk/subgraphs/internal/identity"
)

// The causes with which the context of [Watcher.Follow] ends.
var (
	ErrExpired = errors.New("the access token has expired")
	ErrEnded   = errors.New("the session has ended")
	ErrRoles   = errors.New("the user has lost a role that the token names")
)

// State is how a session stands.
type State struct {
	Active bool
	Roles  []string // those its user has now
}

const (
	// every is how often sessions are asked about: how long a subscription may
	// outlive its session.
	every = 5 * time.Second
	// atOnce is how many sessions are asked about by one request.
	atOnce = 1000
	// askTimeout is the longest time for such a request.
	askTimeout = 3 * time.Second
	// leeway is how far clocks may be apart: the router, which is stricter,
	// gets to tell clients first.
	leeway = 30 * time.Second
)

// A Watcher follows sessions. Make one with New.
type Watcher struct {
	states func(ctx context.Context, ids []string) (map[string]State, error)
	logger *slog.Logger

	mu       sync.Mutex
	followed map[string]map[*follower]struct{} // by session
}

type follower struct {
	roles []string
	end   context.CancelCauseFunc
}

// New makes a Watcher that learns the states of sessions, by their ids, from a
// function; it gives none for a session that is not known. The Watcher ends no
// session until it Runs.
func New(states func(ctx context.Context, ids []string) (map[string]State, error), logger *slog.Logger) *Watcher {
	return &Watcher{states: states, logger: logger, followed: map[string]map[*follower]struct{}{}}
}

// Follow gives a context that ends, with a cause of this package, when the
// caller may not go on. The function must be called when it is not needed any
// more.
func (w *Watcher) Follow(ctx context.Context, caller identity.Caller) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	release := func() { end(nil) }
	if !caller.Expires.IsZero() {
		timer := time.AfterFunc(time.Until(caller.Expires.Add(leeway)), func() { end(ErrExpired) })
		release = func() { timer.Stop(); end(nil) }
	}
	if caller.Session == "" {
		return ctx, release
	}
	f := &follower{roles: caller.Roles, end: end}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.followed[caller.Session] == nil {
		w.followed[caller.Session] = map[*follower]struct{}{}
	}
	w.followed[caller.Session][f] = struct{}{}
	return ctx, func() {
		release()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.followed[caller.Session], f)
		if len(w.followed[caller.Session]) == 0 {
			delete(w.followed, caller.Session)
		}
	}
}

// Run asks about the followed sessions until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := w.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.logger.WarnContext(ctx, "cannot ask the user service about sessions; subscriptions go on until their tokens expire", "error", err)
		}
		failing = err != nil
	}
}

func (w *Watcher) look(ctx context.Context) error {
	w.mu.Lock()
	ids := make([]string, 0, len(w.followed))
	for id := range w.followed {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for some := range slices.Chunk(ids, atOnce) {
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		states, err := w.states(asking, some)
		cancel()
		if err != nil {
			return err
		}
		for _, id := range some {
			w.apply(id, states[id])
		}
	}
	return nil
}

// apply ends the followers of a session that may not go on.
func (w *Watcher) apply(id string, s State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f := range w.followed[id] {
		switch {
		case !s.Active:
			f.end(ErrEnded)
		case slices.ContainsFunc(f.roles, func(role string) bool { return !slices.Contains(s.Roles, role) }):
			f.end(ErrRoles)
		}
	}
}
