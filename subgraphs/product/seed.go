package product

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/sample"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/product/catalogue"
)

// Seed fills an empty, migrated database with the sample products. A database
// that has products stays unchanged.
func Seed(ctx context.Context, db *pgxpool.Pool) error {
	store, err := sample.Load()
	if err != nil {
		return err
	}
	categories := make([]catalogue.Category, len(store.Categories))
	for i, c := range store.Categories {
		categories[i] = catalogue.Category(c)
	}
	now := time.Now()
	products := make([]catalogue.Product, len(store.Products))
	for i, p := range store.Products {
		image := "/images/" + p.SKU + ".svg"
		products[i] = catalogue.Product{
			ID: p.ID, SKU: p.SKU, Name: p.Name, Description: p.Description,
			Category: catalogue.Category{Slug: p.Category},
			Price:    schema.Money{MinorUnits: p.Cents, Currency: sample.Currency},
			Weight:   p.Weight, ImageURL: &image, Tags: p.Tags, Version: 1,
			CreatedAt: now.Add(-p.Age), UpdatedAt: now.Add(-p.Age),
		}
	}
	_, err = catalogue.Import(ctx, db, categories, products)
	return err
}
