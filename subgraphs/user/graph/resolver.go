// Package graph holds the resolvers of the user subgraph. They decide who may
// see and do what, and call package account. souk/subgraphs/internal/generate
// generates the rest of the package.
package graph

import (
	"context"
	"strconv"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/user/account"
)

// Resolver is the root of the resolvers.
type Resolver struct {
	Accounts *account.Service
}

// maxContacts bounds how many users or sessions another service may look up in
// one call.
const maxContacts = 1000

// sortOrder identifies the only sort order in cursors.
const sortOrder = "id"

// visibleIDs returns which accounts a list for the caller has: all, if only is
// nil, or the caller's own. someone is false for strangers, who see nobody.
func visibleIDs(ctx context.Context) (only *int64, someone bool) {
	caller := identity.From(ctx)
	if caller.IsAdmin() {
		return nil, true
	}
	id, err := strconv.ParseInt(caller.UserID, 10, 64)
	return &id, err == nil
}

// visibleUser returns those fields of an account that the caller may see.
func visibleUser(ctx context.Context, u account.User) *User {
	return newUser(u, identity.From(ctx).MaySee(account.FormatID(u.ID)))
}

// newUser converts an account to its GraphQL type. Unless all is set, it
// leaves out the private fields.
func newUser(u account.User, all bool) *User {
	shown := &User{
		ID:          account.FormatID(u.ID),
		Username:    u.Username,
		DisplayName: u.DisplayName,
		Roles:       roles(u.Roles),
		CreatedAt:   u.CreatedAt,
		Version:     u.Version,
		ErasedAt:    u.ErasedAt,
	}
	if all && u.ErasedAt == nil {
		shown.Email, shown.Phone, shown.EmailConfirmedAt = &u.Email, u.Phone, u.EmailConfirmedAt
	}
	return shown
}

func roles(names []string) []Role {
	list := make([]Role, len(names))
	for i, name := range names {
		list[i] = Role(name)
	}
	return list
}

// newSession converts a session to its GraphQL type, for the user who just
// started it.
func newSession(s account.Session) *Session {
	return &Session{
		AccessToken:  s.AccessToken,
		ExpiresAt:    s.ExpiresAt,
		RefreshToken: s.RefreshToken,
		User:         newUser(s.User, true),
	}
}

// page makes a connection of the rows that were read for a page.
func (r *Resolver) page(ctx context.Context, page connection.Page[int64], rows []account.User) (*UserConnection, error) {
	slice, err := connection.NewSlice(page, rows, func(u account.User) int64 { return u.ID })
	if err != nil {
		return nil, err
	}
	result := &UserConnection{
		Edges:    make([]*UserEdge, len(slice.Nodes)),
		Nodes:    make([]*User, len(slice.Nodes)),
		PageInfo: slice.Info,
	}
	for i, u := range slice.Nodes {
		result.Nodes[i] = visibleUser(ctx, u)
		result.Edges[i] = &UserEdge{Cursor: slice.Cursors[i], Node: result.Nodes[i]}
	}
	return result, nil
}

// requireOwner returns a Forbidden error unless the caller is the user or an
// administrator.
func requireOwner(ctx context.Context, id string) error {
	if !identity.From(ctx).MaySee(id) {
		return schema.NewForbidden("Only the user and administrators may do this.")
	}
	return nil
}

// needsNoPassword reports whether the caller may change an account's password,
// or erase it, without the current password: administrators help users who have
// lost theirs. For their own account they need it, like everyone else.
func needsNoPassword(ctx context.Context, id string) bool {
	caller := identity.From(ctx)
	return caller.IsAdmin() && caller.UserID != id
}

// requireService returns a Forbidden error unless the caller is a service.
func requireService(ctx context.Context) error {
	if !identity.From(ctx).Service {
		return schema.NewForbidden("Only the store's services may do this.")
	}
	return nil
}
