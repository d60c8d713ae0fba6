// Package session knows the state of callers' sessions, which only the user
// service knows: an access token does not tell that its session has ended (by
// log-out or a new password) or that the user has lost a role. rights.go checks
// it before administrators change anything, client.go asks the user service.
//
// session.go ends long-lived operations, such as subscriptions, when the
// caller's rights or the access token end. Resolvers call Watcher.Follow. A
// Watcher polls the states of all followed sessions. While the user service is
// unavailable, sessions count as active, but no longer than their tokens are
// valid.
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

// The causes of the end of a context that [Watcher.Follow] returns.
var (
	ErrExpired = errors.New("the access token has expired")
	ErrEnded   = errors.New("the session has ended")
	ErrRoles   = errors.New("the user has lost a role that the token names")
)

// State is the state of a session.
type State struct {
	Active bool
	Roles  []string // the user's current roles
}

// States returns the states of sessions by ID, without entries for unknown
// sessions.
type States func(ctx context.Context, ids []string) (map[string]State, error)

const (
	// pollInterval is how often sessions are polled, and so how long a
	// subscription may outlive its session.
	pollInterval = 5 * time.Second
	// batchSize is the number of sessions in one request.
	batchSize = 1000
	// requestTimeout bounds such a request.
	requestTimeout = 3 * time.Second
	// clockSkew is the tolerated difference between clocks. The router
	// tolerates less, so it usually tells clients first.
	clockSkew = 30 * time.Second
)

// A Watcher follows sessions. Create it with New.
type Watcher struct {
	states States
	logger *slog.Logger

	mu       sync.Mutex
	followed map[string]map[*follower]struct{} // by session
}

type follower struct {
	roles []string
	end   context.CancelCauseFunc
}

// New returns a Watcher. It ends no session until Run is called.
func New(states States, logger *slog.Logger) *Watcher {
	return &Watcher{states: states, logger: logger, followed: map[string]map[*follower]struct{}{}}
}

// Follow returns a context that ends, with one of this package's causes, when
// the caller's rights end. Call the returned function when the context is no
// longer needed.
func (w *Watcher) Follow(ctx context.Context, caller identity.Caller) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	release := func() { end(nil) }
	if !caller.Expires.IsZero() {
		timer := time.AfterFunc(time.Until(caller.Expires.Add(clockSkew)), func() { end(ErrExpired) })
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

// Run polls the followed sessions until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := w.poll(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.logger.WarnContext(ctx, "could not read session states from the user service; subscriptions continue until their tokens expire", "error", err)
		}
		failing = err != nil
	}
}

func (w *Watcher) poll(ctx context.Context) error {
	w.mu.Lock()
	ids := make([]string, 0, len(w.followed))
	for id := range w.followed {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for some := range slices.Chunk(ids, batchSize) {
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
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

// apply ends the followers of a session whose rights have ended.
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
