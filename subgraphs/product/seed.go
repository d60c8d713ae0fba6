package product

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/sample"
	"souk/subgraphs/product/catalogue"
)

// Seed fills an empty, migrated database with the sample products. A database
// that has products stays unchanged.
func Seed(ctx context.Context, db *pgxpool.Pool) error {
	store, err := sample.Load()
	if err != nil {
		return err
	}
	now := time.Now()
	products := make([]catalogue.Product, len(store.Products))
	for i, p := range store.Products {
		products[i] = sold(p)
		products[i].CreatedAt, products[i].UpdatedAt = now.Add(-p.Age), now.Add(-p.Age)
	}
	_, err = catalogue.Import(ctx, db, categories(store.Categories), products)
	return err
}
