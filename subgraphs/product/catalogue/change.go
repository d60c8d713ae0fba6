package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/schema"
)

// updatedEvent is the data of product.updated: the product after it was
// created, changed or retired. The event's subject is the product ID.
type updatedEvent struct {
	ProductID string     `json:"productId"`
	SKU       string     `json:"sku"`
	Name      string     `json:"name"`
	Category  string     `json:"category"`
	Price     eventPrice `json:"price"`
	Retired   bool       `json:"retired"`
	Version   int        `json:"version"` // 1 for a new product
}

// eventPrice is an amount of money in an event.
type eventPrice struct {
	MinorUnits int64  `json:"minorUnits"`
	Currency   string `json:"currency"`
}

func publish(ctx context.Context, tx pgx.Tx, p Product) error {
	id := strconv.FormatInt(p.ID, 10)
	return events.Append(ctx, tx, events.Event{
		Type:    events.ProductUpdated,
		Subject: id,
		Data: updatedEvent{
			ProductID: id, SKU: p.SKU, Name: p.Name, Category: p.Category.Slug,
			Price:   eventPrice{p.Price.MinorUnits, p.Price.Currency},
			Retired: p.Retired, Version: p.Version,
		},
	})
}

// Draft is a product to create. Nil fields take their defaults.
type Draft struct {
	Name        string
	Price       schema.MoneyInput
	SKU         *string // default: generated from the name
	Description *string
	Category    *string // default: general
	Weight      *int    // grams; default: 0
	ImageURL    *string
	Tags        []string
	Stock       *int // units on hand; nil leaves the stock unset
}

const defaultCategory = "general"

// Create adds a product. It sets the product's stock within the transaction,
// before anyone can see the product: if the inventory service fails, there is
// no product. With a key, a repeated call returns the product of the first one.
func (c *Catalogue) Create(ctx context.Context, d Draft, key *Key) (Product, error) {
	var p Product
	if err := key.check(); err != nil {
		return p, err
	}
	err := pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		if earlier, ok, err := c.byKey(ctx, tx, key, d); ok || err != nil {
			p = earlier
			return err
		}
		var err error
		if p, err = c.read(ctx, tx, d); err != nil {
			return err
		}
		if err := insert(ctx, tx, &p, d.SKU == nil); err != nil {
			return err
		}
		if err := c.setKeyProduct(ctx, tx, key, p.ID); err != nil {
			return err
		}
		if err := publish(ctx, tx, p); err != nil {
			return err
		}
		if d.Stock == nil {
			return nil
		}
		return c.setStock(ctx, p.ID, *d.Stock)
	})
	if err != nil {
		return Product{}, wrapInternal(err, "creating the product")
	}
	return p, nil
}

// read validates a draft and returns the product it describes, without ID.
func (c *Catalogue) read(ctx context.Context, q querier, d Draft) (p Product, err error) {
	var check validator
	now := c.now()
	p = Product{Name: check.name(d.Name), Price: check.price("price", d.Price, defaultCurrency), Tags: check.tags(d.Tags), Version: 1, CreatedAt: now, UpdatedAt: now}
	if d.SKU != nil {
		p.SKU = check.sku(*d.SKU)
	}
	if d.Description != nil {
		p.Description = check.description(*d.Description)
	}
	if d.Weight != nil {
		p.Weight = check.weight(*d.Weight)
	}
	if d.ImageURL != nil {
		url := check.imageURL(*d.ImageURL)
		p.ImageURL = &url
	}
	if d.Stock != nil {
		check.stock(*d.Stock)
	}
	slug := defaultCategory
	if d.Category != nil {
		slug = *d.Category
	}
	if p.Category, err = check.category(ctx, q, slug); err != nil {
		return p, err
	}
	return p, check.Err()
}

// insert writes a new product and sets its ID. With makeSKU, it also generates
// the SKU.
func insert(ctx context.Context, tx pgx.Tx, p *Product, makeSKU bool) error {
	err := tx.QueryRow(ctx, `SELECT nextval(pg_get_serial_sequence('products', 'id'))`).Scan(&p.ID)
	if err != nil {
		return fmt.Errorf("allocating a product ID: %w", err)
	}
	if makeSKU {
		p.SKU = generateSKU(p.Name, p.ID)
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO products (id, sku, name, sort_name, description, category, price_minor, currency,
			weight, image_url, tags, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
		RETURNING created_at, updated_at`,
		p.ID, p.SKU, p.Name, sortName(p.Name), p.Description, p.Category.Slug, p.Price.MinorUnits, p.Price.Currency,
		p.Weight, p.ImageURL, p.Tags, p.Version, p.CreatedAt).Scan(&p.CreatedAt, &p.UpdatedAt)
	if failure := (*pgconn.PgError)(nil); errors.As(err, &failure) && failure.ConstraintName == "products_sku_key" {
		return schema.NewConflict("The SKU %q is already in use.", p.SKU)
	}
	if err != nil {
		return fmt.Errorf("writing the product: %w", err)
	}
	return nil
}

// Patch is a change of a product. Nil fields stay unchanged.
type Patch struct {
	ID              int64
	Name            *string
	Price           *schema.MoneyInput
	Description     *string
	Category        *string
	Weight          *int
	ImageURL        *string
	RemoveImage     bool     // removes the image
	Tags            []string // an empty list removes all tags
	ExpectedVersion *int     // nil accepts any version
}

// Update changes a product. A patch that changes nothing leaves the version
// unchanged.
func (c *Catalogue) Update(ctx context.Context, patch Patch) (Product, error) {
	return c.change(ctx, patch.ID, patch.ExpectedVersion, func(tx pgx.Tx, p *Product) (err error) {
		var check validator
		if patch.Name != nil {
			p.Name = check.name(*patch.Name)
		}
		if patch.Price != nil {
			p.Price = check.price("price", *patch.Price, p.Price.Currency)
		}
		if patch.Description != nil {
			p.Description = check.description(*patch.Description)
		}
		if patch.Weight != nil {
			p.Weight = check.weight(*patch.Weight)
		}
		if patch.RemoveImage {
			p.ImageURL = nil
		}
		if patch.ImageURL != nil {
			url := check.imageURL(*patch.ImageURL)
			p.ImageURL = &url
		}
		if patch.Tags != nil {
			p.Tags = check.tags(patch.Tags)
		}
		if patch.Category != nil {
			if p.Category, err = check.category(ctx, tx, *patch.Category); err != nil {
				return err
			}
		}
		return check.Err()
	})
}

// Retire takes a product off sale. It is idempotent.
func (c *Catalogue) Retire(ctx context.Context, id int64, expected *int) (Product, error) {
	return c.change(ctx, id, expected, func(_ pgx.Tx, p *Product) error {
		p.Retired = true
		return nil
	})
}

// change locks a product and edits it. If that changes the product, it writes
// and publishes it.
func (c *Catalogue) change(ctx context.Context, id int64, expected *int, edit func(pgx.Tx, *Product) error) (p Product, err error) {
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		if p, err = lock(ctx, tx, id, expected); err != nil {
			return err
		}
		before := p
		if err := edit(tx, &p); err != nil {
			return err
		}
		if equal(before, p) {
			return nil
		}
		p.Version++
		if err := c.update(ctx, tx, &p); err != nil {
			return err
		}
		return publish(ctx, tx, p)
	})
	if err != nil {
		return Product{}, wrapInternal(err, "changing the product")
	}
	return p, nil
}

func (c *Catalogue) update(ctx context.Context, tx pgx.Tx, p *Product) error {
	err := tx.QueryRow(ctx, `
		UPDATE products SET name = $2, sort_name = $3, description = $4, category = $5, price_minor = $6, currency = $7,
			weight = $8, image_url = $9, tags = $10, retired = $11, version = $12, updated_at = $13
		WHERE id = $1 RETURNING updated_at`,
		p.ID, p.Name, sortName(p.Name), p.Description, p.Category.Slug, p.Price.MinorUnits, p.Price.Currency,
		p.Weight, p.ImageURL, p.Tags, p.Retired, p.Version, c.now()).Scan(&p.UpdatedAt)
	if err != nil {
		return fmt.Errorf("writing the product: %w", err)
	}
	return nil
}

// equal reports whether two states of a product are the same.
func equal(a, b Product) bool {
	image := func(p Product) string {
		if p.ImageURL == nil {
			return ""
		}
		return *p.ImageURL
	}
	return a.Name == b.Name && a.Description == b.Description && a.Category == b.Category && a.Price == b.Price &&
		a.Weight == b.Weight && image(a) == image(b) && slices.Equal(a.Tags, b.Tags) && a.Retired == b.Retired
}

// wrapInternal adds context to an internal error. Typed errors of package
// schema are for the client and stay unchanged.
func wrapInternal(err error, doing string) error {
	var answer schema.Error
	if errors.As(err, &answer) {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}
