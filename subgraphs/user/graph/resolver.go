package graph

import (
	"context"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/user/account"
)

// Resolver answers the user schema. It decides who may see and do what; the
// rules of accounts are package account's.
type Resolver struct {
	Accounts *account.Service
}

// maxContacts is how many people other services may ask about at once.
const maxContacts = 1000

// order names the sort order in cursors: there is one.
const sortOrder = "id"

// show makes of an account what a caller may see of it.
func visibleUser(ctx context.Context, u account.User) *User {
	return newUser(u, identity.From(ctx).MaySee(account.FormatID(u.ID)))
}

// present makes of an account what GraphQL shows: all of it, or what anybody
// may know.
func newUser(u account.User, all bool) *User {
	shown := &User{
		ID:          account.FormatID(u.ID),
		Username:    u.Username,
		DisplayName: u.DisplayName,
		Roles:       roles(u.Roles),
		CreatedAt:   u.CreatedAt,
		Version:     u.Version,
	}
	if all {
		shown.Email, shown.Phone = &u.Email, u.Phone
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

// session shows a session, to the one who just began it.
func newSession(s account.Session) *Session {
	return &Session{
		AccessToken:  s.AccessToken,
		ExpiresAt:    s.ExpiresAt,
		RefreshToken: s.RefreshToken,
		User:         newUser(s.User, true),
	}
}

// page makes a connection of the rows read for a page.
func (r *Resolver) page(ctx context.Context, page connection.Page[int64], rows []account.User) (*UserConnection, error) {
	slice, err := connection.Cut(page, rows, func(u account.User) int64 { return u.ID })
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

// ownerOnly refuses callers who are neither the user nor an administrator.
func requireOwner(ctx context.Context, id string) error {
	if !identity.From(ctx).MaySee(id) {
		return schema.NewForbidden("Only the user and administrators may do this. Log in and send the access token.")
	}
	return nil
}
