// Package inventoryclient is how the product service speaks to the inventory
// service: GraphQL over HTTP, typed by genqlient from the inventory's schema.
package inventoryclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
)

const (
	// patience is how long a call may take, its retries among it.
	patience = 3 * time.Second
	retries  = 2
)

// Client calls the inventory service.
type Client struct {
	graphql graphql.Client
	retry   failsafe.Executor[*SetStockResponse]
}

// New makes a client of the service at a base URL, which shows it the token
// that services show each other. The transport is http.DefaultTransport if nil.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	policy := retrypolicy.NewBuilder[*SetStockResponse]().
		WithMaxRetries(retries).
		WithBackoff(50*time.Millisecond, 500*time.Millisecond).
		WithJitterFactor(0.5).
		Build()
	return &Client{
		graphql: graphql.NewClient(baseURL+"/graphql", service{token, &http.Client{Transport: transport}}),
		retry:   failsafe.With[*SetStockResponse](policy),
	}
}

// service sends requests as a service of the store.
type service struct {
	token  string
	client *http.Client
}

// Do implements graphql.Doer.
func (s service) Do(r *http.Request) (*http.Response, error) {
	if s.token != "" {
		r.Header.Set(identity.ServiceTokenHeader, s.token)
	}
	return s.client.Do(r)
}

// SetStock sets the units on hand of a product. An inventory that does not
// answer in time, tried repeatedly since repeating it changes nothing, is a
// schema.Unavailable.
func (c *Client) SetStock(ctx context.Context, product int64, units int) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := c.retry.WithContext(limited).Get(func() (*SetStockResponse, error) {
		return SetStock(limited, c.graphql, strconv.FormatInt(product, 10), units)
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		unavailable := schema.NewUnavailable("The inventory is out of reach, so the stock cannot be set. Nothing was changed.", patience)
		return fmt.Errorf("%w (%w)", unavailable, err)
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
