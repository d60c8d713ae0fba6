package identity

import (
	"context"
	"slices"
	"time"
)

// RoleAdmin is the role of callers who may see and change everything.
const RoleAdmin = "ADMIN"

// Caller is the sender of a request. The zero Caller is unknown and has only
// public rights.
type Caller struct {
	UserID    string // empty unless the request had a user's valid token
	Roles     []string
	Session   string    // ID of the token's session; empty for none
	Expires   time.Time // expiry of the token; zero without a token
	Service   bool      // another service of the store
	Anonymous bool      // no valid token
	Tutorial  bool      // no token at all, in tutorial mode
	// Client is the address of the client, for limits: an IPv4 address or the
	// /64 network of an IPv6 address. It is empty if the caller was not put into
	// the context by [Authenticator.Middleware].
	Client string
}

// System returns the Caller of what a service does on its own behalf.
func System() Caller { return Caller{Service: true} }

// IsAdmin reports whether the caller may see and change everything.
func (c Caller) IsAdmin() bool {
	return c.Service || c.Tutorial || slices.Contains(c.Roles, RoleAdmin)
}

// MaySee reports whether the caller may see a user's private data.
func (c Caller) MaySee(userID string) bool {
	return c.IsAdmin() || (c.UserID != "" && c.UserID == userID)
}

// Actor returns the caller's name in an audit trail: the user ID, "system" or
// "anonymous".
func (c Caller) Actor() string {
	switch {
	case c.UserID != "":
		return c.UserID
	case c.Service:
		return "system"
	}
	return "anonymous"
}

type contextKey struct{}

// With returns a context that carries a caller.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the caller in a request's context, or an anonymous one.
func From(ctx context.Context) Caller {
	if c, ok := ctx.Value(contextKey{}).(Caller); ok {
		return c
	}
	return Caller{Anonymous: true}
}
