package inventory

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/sample"
	"souk/subgraphs/inventory/stock"
)

// Seed fills an empty, migrated database with the stock of the sample
// products. A database that has stock levels stays unchanged.
func Seed(ctx context.Context, db *pgxpool.Pool) error {
	store, err := sample.Load()
	if err != nil {
		return err
	}
	now := time.Now()
	levels := make([]stock.Level, len(store.Products))
	for i, p := range store.Products {
		levels[i] = stock.Level{ProductID: p.ID, OnHand: p.Stock, Version: 1, UpdatedAt: now}
	}
	_, err = stock.Import(ctx, db, levels)
	return err
}
