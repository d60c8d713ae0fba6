package product

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/sample"
	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/product/catalogue"
)

// Generate adds the products of a generated shop to a migrated database.
func Generate(ctx context.Context, db *pgxpool.Pool, s *shop.Shop) error {
	err := database.Fill(ctx, db, []string{"products"}, func(tx pgx.Tx) error {
		if err := catalogue.AddCategories(ctx, tx, categories(s.Categories)); err != nil {
			return err
		}
		return catalogue.Copy(ctx, tx, func(yield func(catalogue.Product) bool) {
			for i := range s.Products {
				p := s.Product(i)
				made := sold(p.Product)
				made.CreatedAt, made.UpdatedAt, made.Retired = p.CreatedAt, p.CreatedAt, p.Retired
				if !yield(made) {
					return
				}
			}
		})
	})
	if err != nil {
		return fmt.Errorf("generating products: %w", err)
	}
	return nil
}

func categories(from []sample.Category) []catalogue.Category {
	categories := make([]catalogue.Category, len(from))
	for i, c := range from {
		categories[i] = catalogue.Category(c)
	}
	return categories
}

// sold returns a product of the catalogue without its times.
func sold(p sample.Product) catalogue.Product {
	image := "/images/" + p.SKU + ".svg"
	return catalogue.Product{
		ID: p.ID, SKU: p.SKU, Name: p.Name, Description: p.Description,
		Category: catalogue.Category{Slug: p.Category},
		Price:    schema.Money{MinorUnits: p.Cents, Currency: sample.Currency},
		Weight:   p.Weight, ImageURL: &image, Tags: p.Tags, Version: 1,
	}
}
