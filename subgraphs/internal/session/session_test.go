package session_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
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

func TestCurrentRightsAreThoseOfTheTokenThatTheSessionHas(t *testing.T) {
	away := errors.New("away")
	states := session.States(func(_ context.Context, ids []string) (map[string]session.State, error) {
		if ids[0] == "away" {
			return nil, away
		}
		return map[string]session.State{
			"customer": {Active: true, Roles: []string{"CUSTOMER"}},
			"admin":    {Active: true, Roles: []string{"ADMIN", "CUSTOMER"}},
			"ended":    {Roles: []string{"ADMIN"}},
		}, nil
	})
	admin := func(session string) identity.Caller {
		return identity.Caller{UserID: "7", Roles: []string{"ADMIN"}, Session: session}
	}
	nobody := identity.Caller{Anonymous: true}
	demoted := identity.Caller{UserID: "7", Roles: []string{}, Session: "customer"}
	promoted := identity.Caller{UserID: "7", Roles: []string{"CUSTOMER"}, Session: "admin"}
	for name, c := range map[string]struct{ caller, want identity.Caller }{
		"unchanged":         {admin("admin"), admin("admin")},
		"demoted":           {admin("customer"), demoted},
		"promoted":          {promoted, promoted},
		"logged out":        {admin("ended"), nobody},
		"unknown session":   {admin("unknown"), nobody},
		"without a session": {admin(""), nobody},
		"a service":         {identity.System(), identity.System()},
	} {
		if got, err := states.Current(t.Context(), c.caller); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	if got, err := states.Current(t.Context(), admin("away")); !errors.Is(err, away) || got.IsAdmin() {
		t.Errorf("unknown rights: got %+v, %v", got, err)
	}
	refused := (*schema.Unavailable)(nil)
	check := states.Administrators(slog.New(slog.DiscardHandler))
	if _, err := check(t.Context(), admin("away"), true); !errors.As(err, &refused) || refused.RetryAfter < 1 {
		t.Errorf("a change with unknown rights: got %v", err)
	}
	for name, c := range map[string]struct {
		caller identity.Caller
		change bool
	}{"a query": {admin("away"), false}, "a customer": {identity.Caller{UserID: "7", Session: "away"}, true}} {
		if got, err := check(t.Context(), c.caller, c.change); err != nil || !reflect.DeepEqual(got, c.caller) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}
