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
