package catalogue

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
		for _, c := range categories {
			if _, err := tx.Exec(ctx, `INSERT INTO categories (slug, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, c.Slug, c.Name); err != nil {
				return err
			}
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"products"}, []string{
			"id", "sku", "name", "sort_name", "description", "category", "price_minor", "currency",
			"weight", "image_url", "tags", "retired", "version", "created_at", "updated_at",
		}, pgx.CopyFromSlice(len(products), func(i int) ([]any, error) {
			p := products[i]
			return []any{
				p.ID, p.SKU, p.Name, sortName(p.Name), p.Description, p.Category.Slug, p.Price.MinorUnits, p.Price.Currency,
				p.Weight, p.ImageURL, p.Tags, p.Retired, p.Version, p.CreatedAt, p.UpdatedAt,
			}, nil
		}))
		if err != nil {
			return err
		}
		// New products take the IDs after these.
		_, err = tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence('products', 'id'), max(id)) FROM products`)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("importing products: %w", err)
	}
	return done, nil
}
