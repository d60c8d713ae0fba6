// Package userclient is how the order service speaks to the user service:
// GraphQL over HTTP, typed by genqlient from the user's schema, as package
// peer calls.
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

// New makes a client of the service at a base URL.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{peer.New("user", baseURL, token, transport)}
}

// Exists says whether there is a user.
func (c *Client) Exists(ctx context.Context, id int64) (bool, error) {
	response, err := FindUser(ctx, c.peer, strconv.FormatInt(id, 10))
	if err != nil {
		return false, err
	}
	return response.User != nil, nil
}

// SessionStates gives the states of those of the sessions that are known, by
// their ids.
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
