package catalogue

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
)

// Import writes categories and products, with their IDs, into a catalogue
// without products, and reports whether it did. It publishes no events, because
// no other service has an older state. Replicas may call it concurrently.
func Import(ctx context.Context, db *pgxpool.Pool, categories []Category, products []Product) (done bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var empty bool
		if err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM products)`).Scan(&empty); err != nil || !empty {
			return err
		}
		done = true
		if err := AddCategories(ctx, tx, categories); err != nil {
			return err
		}
		return Copy(ctx, tx, slices.Values(products))
	})
	if err != nil {
		return false, fmt.Errorf("importing products: %w", err)
	}
	return done, nil
}

// AddCategories adds those of the categories that do not exist.
func AddCategories(ctx context.Context, tx pgx.Tx, categories []Category) error {
	for _, c := range categories {
		if _, err := tx.Exec(ctx, `INSERT INTO categories (slug, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, c.Slug, c.Name); err != nil {
			return fmt.Errorf("adding the category %s: %w", c.Slug, err)
		}
	}
	return nil
}

// Copy writes products with their IDs, which must be unused, in one COPY.
// Later products take the IDs after these.
func Copy(ctx context.Context, tx pgx.Tx, products iter.Seq[Product]) error {
	err := database.Copy(ctx, tx, "products", []string{
		"id", "sku", "name", "sort_name", "description", "category", "price_minor", "currency",
		"weight", "image_url", "tags", "retired", "version", "created_at", "updated_at",
	}, func(yield func([]any) bool) {
		for p := range products {
			if !yield([]any{
				p.ID, p.SKU, p.Name, sortName(p.Name), p.Description, p.Category.Slug, p.Price.MinorUnits, p.Price.Currency,
				p.Weight, p.ImageURL, p.Tags, p.Retired, p.Version, p.CreatedAt, p.UpdatedAt,
			}) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence('products', 'id'), max(id)) FROM products`); err != nil {
		return fmt.Errorf("setting the next product ID: %w", err)
	}
	return nil
}
