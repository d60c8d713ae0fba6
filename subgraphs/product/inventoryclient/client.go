// Package inventoryclient is how the product service sets the stock of what it
// adds: the inventory's GraphQL, typed by genqlient from its schema, sent by
// package peer.
package inventoryclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/schema"
)

// Client calls the inventory service.
type Client struct{ peer *peer.Client }

// New makes a client that speaks through a peer, which must be the inventory.
func New(p *peer.Client) *Client { return &Client{p} }

// SetStock sets the units on hand of a product. An inventory that gives no
// answer is a schema.Unavailable; whether the stock is set is unknown then.
func (c *Client) SetStock(ctx context.Context, product int64, units int) error {
	response, err := SetStock(ctx, c.peer, strconv.FormatInt(product, 10), units)
	if failure := (*peer.Error)(nil); errors.As(err, &failure) && ctx.Err() == nil {
		unavailable := schema.NewUnavailable("The inventory is out of reach, so the stock cannot be set. No product was made.", failure.RetryAfter)
		return fmt.Errorf("%w (%w)", unavailable, err)
	}
	if err != nil {
		return err
	}
	switch answer := response.SetStock.(type) {
	case *SetStockSetStockStockPayload:
		return nil
	case interface{ GetMessage() string }:
		return fmt.Errorf("the inventory refused the stock: %s: %s", response.SetStock.GetTypename(), answer.GetMessage())
	default:
		return fmt.Errorf("the inventory answered setStock with %q", response.SetStock.GetTypename())
	}
}
