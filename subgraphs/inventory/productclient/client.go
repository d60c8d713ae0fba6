// Package productclient is the inventory service's client of the product
// service: GraphQL over HTTP, with types that genqlient generates from the
// product schema, sent through package peer. It tells which products exist.
package productclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/schema"
)

// Client calls the product service.
type Client struct{ peer *peer.Client }

// New returns a client that sends through p, a peer for the product service.
func New(p *peer.Client) *Client { return &Client{p} }

// Exists reports whether a product exists, on sale or retired. It returns a
// schema.Unavailable if the product service does not respond.
func (c *Client) Exists(ctx context.Context, product int64) (bool, error) {
	response, err := FindProduct(ctx, c.peer, strconv.FormatInt(product, 10))
	if failure := (*peer.Error)(nil); errors.As(err, &failure) && failure.Temporary() && ctx.Err() == nil {
		unavailable := schema.NewUnavailable("The product service is unavailable, so it is unknown whether the product exists. The stock was not changed. Try again.", failure.RetryAfter)
		return false, fmt.Errorf("%w (%w)", unavailable, err)
	}
	if err != nil {
		return false, err
	}
	return response.Product != nil, nil
}
