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
