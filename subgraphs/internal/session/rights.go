package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/schema"
)

// Current returns a caller with those rights of the token that its session
// still has. It is anonymous if the session has ended, or if the token has no
// session.
func (states States) Current(ctx context.Context, c identity.Caller) (identity.Caller, error) {
	if c.UserID == "" {
		return c, nil
	}
	anonymous := identity.Caller{Anonymous: true, Client: c.Client}
	if c.Session == "" {
		return anonymous, nil
	}
	found, err := states(ctx, []string{c.Session})
	if err != nil {
		return identity.Caller{}, fmt.Errorf("reading the state of the caller's session: %w", err)
	}
	state := found[c.Session]
	if !state.Active {
		return anonymous, nil
	}
	c.Roles = slices.DeleteFunc(slices.Clone(c.Roles), func(role string) bool { return !slices.Contains(state.Roles, role) })
	return c, nil
}

// Administrators returns a check of the callers of operations that are about to
// change something. Of administrators it returns the current rights. If they
// are unknown, because the user service does not respond, the change must not
// happen: the error is a [schema.Unavailable]. Everybody else keeps the rights
// of the token, which are over what is theirs.
func (states States) Administrators(logger *slog.Logger) func(context.Context, identity.Caller, bool) (identity.Caller, error) {
	return func(ctx context.Context, c identity.Caller, change bool) (identity.Caller, error) {
		if !change || !slices.Contains(c.Roles, identity.RoleAdmin) {
			return c, nil
		}
		current, err := states.Current(ctx, c)
		if err == nil || ctx.Err() != nil {
			return current, err
		}
		logger.WarnContext(ctx, "refused a change by an administrator whose rights cannot be checked", "user", c.UserID, "error", err)
		wait := time.Second
		if failure := (*peer.Error)(nil); errors.As(err, &failure) {
			wait = failure.RetryAfter
		}
		return identity.Caller{}, schema.NewUnavailable("The user service is unavailable, so your rights cannot be checked. Nothing was changed. Try again.", wait)
	}
}
