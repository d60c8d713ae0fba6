// Package userclient is the order service's client of the user service:
// GraphQL over HTTP, with types that genqlient generates from the user schema,
// sent through package peer.
package userclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"net/http"
	"strconv"

	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/session"
)

// Client calls the user service.
type Client struct{ peer *peer.Client }

// New returns a client of the service at a base URL.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{peer.New("user", baseURL, token, transport)}
}

// Exists reports whether a user exists whose account was not erased.
func (c *Client) Exists(ctx context.Context, id int64) (bool, error) {
	response, err := FindUser(ctx, c.peer, strconv.FormatInt(id, 10))
	if err != nil {
		return false, err
	}
	return response.User != nil && response.User.ErasedAt == nil, nil
}

// SessionStates returns the states of those of the sessions that exist, by ID.
func (c *Client) SessionStates(ctx context.Context, ids []string) (map[string]session.State, error) {
	response, err := SessionStates(ctx, c.peer, ids)
	if err != nil {
		return nil, err
	}
	states := make(map[string]session.State, len(ids))
	for _, s := range response.SessionStates {
		if s == nil {
			continue
		}
		state := session.State{Active: s.Active}
		for _, role := range s.Roles {
			state.Roles = append(state.Roles, string(role))
		}
		states[s.Id] = state
	}
	return states, nil
}
