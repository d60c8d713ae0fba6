package inventory

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/sample"
	"souk/subgraphs/inventory/stock"
)

// Seed fills an empty, migrated database with the stock of the sample
// products; one that has stock levels is left as it is.
func Seed(ctx context.Context, db *pgxpool.Pool) error {
	shop, err := sample.Load()
	if err != nil {
		return err
	}
	now := time.Now()
	levels := make([]stock.Level, len(shop.Products))
	for i, p := range shop.Products {
		levels[i] = stock.Level{ProductID: p.ID, OnHand: p.Stock, Version: 1, UpdatedAt: now}
	}
	_, err = stock.Import(ctx, db, levels)
	return err
}
