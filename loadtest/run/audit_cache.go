package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// invalidationTimeout bounds how long the cache may lag behind after the load.
// It is much shorter than the cache's TTL of a minute, so only invalidation
// can keep it.
const invalidationTimeout = 15 * time.Second

// checkInvalidation reads the products of accepted orders with the customers'
// own query, so that they come from the cache. It compares their prices, which
// changed under load, with the database.
func (a *auditor) checkInvalidation(ctx context.Context, orders []int64) (string, error) {
	before, err := readCache(ctx, a.store)
	if err != nil {
		return "", err
	}
	began := time.Now()
	err = poll(ctx, invalidationTimeout, func() error {
		for _, id := range orders {
			if err := a.orderedPrices(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	after, err := readCache(ctx, a.store)
	return fmt.Sprintf("prices in %d orders, after %.1f s; it had %s", len(orders), time.Since(began).Seconds(), strings.TrimSpace(after.since(before))), err
}

// orderedPrices compares the prices of an order's products with the database.
func (a *auditor) orderedPrices(ctx context.Context, order int64) error {
	var data struct {
		Order struct {
			Lines []struct {
				Product struct {
					ID    int64 `json:"id,string"`
					Name  string
					Price struct{ MinorUnits int64 }
				}
			}
		}
	}
	err := a.graphql(ctx, fmt.Sprintf(`{ order(id: %d) { lines { product { id name price { minorUnits } } } } }`, order), &data)
	if err != nil {
		return err
	}
	for _, l := range data.Order.Lines {
		price, err := a.price(ctx, l.Product.ID)
		if err != nil {
			return err
		}
		if l.Product.Price.MinorUnits != price {
			return fmt.Errorf("product %d costs %d according to the router, but %d in the database", l.Product.ID, l.Product.Price.MinorUnits, price)
		}
	}
	return nil
}

// checkRouter reads every product through the router and compares it with the
// databases. It reads twice, so that the second response comes from the cache.
func (a *auditor) checkRouter(ctx context.Context) (string, error) {
	levels, err := a.stock(ctx)
	if err != nil {
		return "", err
	}
	compared := 0
	for id, level := range levels {
		price, err := a.price(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return "", err
		}
		for range 2 {
			var data struct {
				Product struct {
					Price     struct{ MinorUnits int64 }
					Available int64
					Stock     struct{ Sold int64 }
				}
			}
			if err := a.graphql(ctx, fmt.Sprintf(`{ product(id: %d) { price { minorUnits } available stock { sold } } }`, id), &data); err != nil {
				return "", err
			}
			if got := data.Product; got.Price.MinorUnits != price || got.Available != level.OnHand-level.Reserved || got.Stock.Sold != level.Sold {
				return "", fmt.Errorf("product %d: the router returns %+v, but the databases have price %d and %+v", id, got, price, level)
			}
			compared++
		}
	}
	return fmt.Sprintf("compared %d responses", compared), nil
}

func (a *auditor) price(ctx context.Context, product int64) (price int64, err error) {
	if err := a.databases["product"].QueryRow(ctx, `select price_minor from products where id = $1`, product).Scan(&price); err != nil {
		return 0, fmt.Errorf("reading product %d: %w", product, err)
	}
	return price, nil
}

// graphql sends an operation to the router, again if there were too many requests. Errors
// in the response are an error.
func (a *auditor) graphql(ctx context.Context, query string, data any) error {
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return fmt.Errorf("querying the router: %w", err)
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.store.URL("router")+"/graphql", bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("querying the router: %w", err)
		}
		req.Header.Set("Content-Type", "application/json")
		answer := struct {
			Data   any
			Errors json.RawMessage
		}{Data: data}
		if err := fetch(req, &answer); err != nil {
			return err
		}
		switch {
		case answer.Errors == nil:
			return nil
		case !bytes.Contains(answer.Errors, []byte(`"RATE_LIMIT_EXCEEDED"`)):
			return fmt.Errorf("querying the router: %s: %s", query, answer.Errors)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("querying the router: %w", ctx.Err())
		}
	}
}
