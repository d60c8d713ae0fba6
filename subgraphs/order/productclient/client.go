// Package productclient is the order service's client of the product service:
// GraphQL over HTTP, with types that genqlient generates from the product
// schema, sent through package peer.
package productclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"net/http"
	"strconv"

	"souk/subgraphs/internal/peer"
)

// Client calls the product service.
type Client struct{ peer *peer.Client }

// New returns a client of the service at a base URL.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{peer.New("product", baseURL, token, transport)}
}

// Reference is the representation of a product in an _entities query.
type Reference struct {
	Typename string `json:"__typename"`
	ID       string `json:"id"`
}

// Product is what the order service needs to know about a product.
type Product struct {
	Name     string
	Price    int64 // minor units
	Currency string
	Retired  bool
}

// Products returns those of the products that exist, by ID, in one request.
func (c *Client) Products(ctx context.Context, ids []int64) (map[int64]Product, error) {
	references := make([]Reference, len(ids))
	for i, id := range ids {
		references[i] = Reference{"Product", strconv.FormatInt(id, 10)}
	}
	response, err := Products(ctx, c.peer, references)
	if err != nil {
		return nil, err
	}
	products := make(map[int64]Product, len(ids))
	for i, entity := range response.Entities {
		p, ok := entity.(*ProductsEntitiesProduct)
		if !ok || i >= len(ids) {
			continue // null: the product does not exist
		}
		products[ids[i]] = Product{Name: p.Name, Price: p.Price.MinorUnits, Currency: p.Price.Currency, Retired: p.Retired}
	}
	return products, nil
}
