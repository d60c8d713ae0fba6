package catalogue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/schema"
)

// Product is something that the store sells.
type Product struct {
	ID          int64
	SKU         string
	Name        string
	Description string
	Category    Category
	Price       schema.Money
	Weight      int // grams
	ImageURL    *string
	Tags        []string
	Retired     bool // can be read, but neither found nor ordered
	Version     int  // incremented by every change
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Category groups products.
type Category struct {
	Slug string
	Name string
}

// StockSetter sets the units on hand of a new product. It returns a
// schema.Error if the client should know the reason of a failure.
type StockSetter func(ctx context.Context, product int64, units int) error

// Catalogue stores products and categories in Postgres.
type Catalogue struct {
	db       *pgxpool.Pool
	setStock StockSetter
	now      func() time.Time
	// maxRanked is how many matches of a search are ranked.
	maxRanked int
}

// New returns the catalogue in a migrated database.
func New(db *pgxpool.Pool, stock StockSetter, now func() time.Time) *Catalogue {
	return &Catalogue{db: db, setStock: stock, now: now, maxRanked: maxRanked}
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const productColumns = `p.id, p.sku, p.name, p.description, c.slug, c.name, p.price_minor, p.currency,
	p.weight, p.image_url, p.tags, p.retired, p.version, p.created_at, p.updated_at`

const productTables = `products p JOIN categories c ON c.slug = p.category`

// targets returns the scan targets of productColumns.
func (p *Product) targets() []any {
	return []any{
		&p.ID, &p.SKU, &p.Name, &p.Description, &p.Category.Slug, &p.Category.Name, &p.Price.MinorUnits, &p.Price.Currency,
		&p.Weight, &p.ImageURL, &p.Tags, &p.Retired, &p.Version, &p.CreatedAt, &p.UpdatedAt,
	}
}

func scanProduct(row pgx.CollectableRow) (Product, error) {
	var p Product
	err := row.Scan(p.targets()...)
	return p, err
}

// Found holds the products that Find returns, by each of their keys.
type Found struct {
	ByID  map[int64]Product
	BySKU map[string]Product
}

// Find returns the products that have one of the IDs or one of the SKUs, in
// one query. It omits products that do not exist.
func (c *Catalogue) Find(ctx context.Context, ids []int64, skus []string) (Found, error) {
	rows, err := c.db.Query(ctx, `SELECT `+productColumns+` FROM `+productTables+`
		WHERE p.id = ANY($1) OR p.sku = ANY($2)`, ids, skus)
	if err != nil {
		return Found{}, fmt.Errorf("reading products: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanProduct)
	if err != nil {
		return Found{}, fmt.Errorf("reading products: %w", err)
	}
	found := Found{ByID: make(map[int64]Product, len(list)), BySKU: make(map[string]Product, len(list))}
	for _, p := range list {
		found.ByID[p.ID] = p
		found.BySKU[p.SKU] = p
	}
	return found, nil
}

// Categories returns the named categories, or all for nil, in order of name.
func (c *Catalogue) Categories(ctx context.Context, slugs []string) ([]Category, error) {
	return categories(ctx, c.db, slugs)
}

func categories(ctx context.Context, q querier, slugs []string) ([]Category, error) {
	rows, err := q.Query(ctx, `SELECT slug, name FROM categories
		WHERE $1::text[] IS NULL OR slug = ANY($1) ORDER BY name`, slugs)
	if err != nil {
		return nil, fmt.Errorf("reading categories: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Category])
	if err != nil {
		return nil, fmt.Errorf("reading categories: %w", err)
	}
	return list, nil
}

// lock reads a product and locks it until the transaction ends. If expected is
// not nil and not the product's version, it returns a Conflict.
func lock(ctx context.Context, tx pgx.Tx, id int64, expected *int) (Product, error) {
	rows, err := tx.Query(ctx, `SELECT `+productColumns+` FROM `+productTables+`
		WHERE p.id = $1 FOR UPDATE OF p`, id)
	if err != nil {
		return Product{}, fmt.Errorf("reading the product: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanProduct)
	if err != nil {
		return Product{}, fmt.Errorf("reading the product: %w", err)
	}
	name := strconv.FormatInt(id, 10)
	if len(list) == 0 {
		return Product{}, schema.NewNotFound("product", name)
	}
	if p := list[0]; expected != nil && *expected != p.Version {
		return Product{}, schema.StaleVersion("product", name, *expected, p.Version)
	}
	return list[0], nil
}
