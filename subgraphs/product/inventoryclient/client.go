// Package inventoryclient is the product service's client of the inventory
// service: GraphQL over HTTP, with types that genqlient generates from the
// inventory schema, sent through package peer. It sets the stock of new
// products.
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

// New returns a client that sends through p, a peer for the inventory service.
func New(p *peer.Client) *Client { return &Client{p} }

// SetStock sets the units on hand of a product. It returns a
// schema.Unavailable if the inventory service does not answer; the stock may
// or may not be set then.
func (c *Client) SetStock(ctx context.Context, product int64, units int) error {
	response, err := SetStock(ctx, c.peer, strconv.FormatInt(product, 10), units)
	if failure := (*peer.Error)(nil); errors.As(err, &failure) && ctx.Err() == nil {
		unavailable := schema.NewUnavailable("The inventory service is unavailable, so the stock cannot be set. No product was created.", failure.RetryAfter)
		return fmt.Errorf("%w (%w)", unavailable, err)
	}
	if err != nil {
		return err
	}
	switch answer := response.SetStock.(type) {
	case *SetStockSetStockStockPayload:
		return nil
	case interface{ GetMessage() string }:
		return fmt.Errorf("inventory rejected setStock: %s: %s", response.SetStock.GetTypename(), answer.GetMessage())
	default:
		return fmt.Errorf("inventory responded to setStock with the unknown type %q", response.SetStock.GetTypename())
	}
}
