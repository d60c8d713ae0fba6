package session_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/session"
)

func TestFollowedSessionEnds(t *testing.T) {
	active := session.State{Active: true, Roles: []string{"CUSTOMER", "ADMIN"}}
	for name, c := range map[string]struct {
		caller identity.Caller
		state  map[string]session.State
		asked  error
		after  time.Duration // at which it still runs; a little later it has ended
		want   error
	}{
		"goes on":      {caller: identity.Caller{Session: "s", Roles: []string{"ADMIN"}}, state: map[string]session.State{"s": active}},
		"no session":   {caller: identity.Caller{}},
		"logged out":   {caller: identity.Caller{Session: "s"}, state: map[string]session.State{"s": {}}, after: 4 * time.Second, want: session.ErrEnded},
		"unknown":      {caller: identity.Caller{Session: "s"}, after: 4 * time.Second, want: session.ErrEnded},
		"demoted":      {caller: identity.Caller{Session: "s", Roles: []string{"ADMIN"}}, state: map[string]session.State{"s": {Active: true, Roles: []string{"CUSTOMER"}}}, after: 4 * time.Second, want: session.ErrRoles},
		"promoted":     {caller: identity.Caller{Session: "s", Roles: []string{"CUSTOMER"}}, state: map[string]session.State{"s": active}},
		"out of reach": {caller: identity.Caller{Session: "s"}, asked: errors.New("away")},
		"expired":      {caller: identity.Caller{Expires: time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC)}, after: 89 * time.Second, want: session.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // its clock starts at 2000-01-01
				ctx, stop := context.WithCancel(t.Context())
				w := session.New(func(context.Context, []string) (map[string]session.State, error) { return c.state, c.asked }, slog.New(slog.DiscardHandler))
				ended := make(chan error)
				go func() { ended <- w.Run(ctx) }()
				following, release := w.Follow(ctx, c.caller)
				time.Sleep(c.after)
				synctest.Wait()
				if following.Err() != nil {
					t.Error("the session ended too early:", context.Cause(following))
				}
				time.Sleep(2 * time.Second)
				if c.want == nil {
					time.Sleep(time.Hour)
				}
				synctest.Wait()
				if got := context.Cause(following); !errors.Is(got, c.want) {
					t.Errorf("got cause %v, want %v", got, c.want)
				}
				release()
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
