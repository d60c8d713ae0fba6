package identity

import (
	"context"
	"slices"
	"time"
)

// RoleAdmin is the role of those who may see and change everything.
const RoleAdmin = "ADMIN"

// Caller is who makes a request. The zero Caller is somebody unknown, who may
// do only what everybody may.
type Caller struct {
	UserID    string // empty unless a person's token was valid
	Roles     []string
	Session   string    // id of the session that the token belongs to; empty for none
	Expires   time.Time // when the token does; zero without one
	Service   bool      // another service of the store
	Anonymous bool      // no valid token
	Tutorial  bool      // no token at all, in tutorial mode
}

// System is the Caller of what a service does on its own account.
func System() Caller { return Caller{Service: true} }

// IsAdmin says whether the caller may see and change everything.
func (c Caller) IsAdmin() bool {
	return c.Service || c.Tutorial || slices.Contains(c.Roles, RoleAdmin)
}

// MaySee says whether the caller may see what is private to a user.
func (c Caller) MaySee(userID string) bool {
	return c.IsAdmin() || (c.UserID != "" && c.UserID == userID)
}

// Actor names the caller in an audit trail: the user's id, or system.
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

// With puts a caller into a context.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From is the caller that a request's context carries. Without one it is
// somebody unknown.
func From(ctx context.Context) Caller {
	if c, ok := ctx.Value(contextKey{}).(Caller); ok {
		return c
	}
	return Caller{Anonymous: true}
}
