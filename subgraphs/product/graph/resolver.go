// Package graph holds the resolvers of the product subgraph. They check what
// the caller may do, parse IDs and input, and call package catalogue.
// souk/subgraphs/internal/generate generates the rest of the package.
package graph

import (
	"context"
	"strconv"
	"strings"

	"souk/subgraphs/internal/batch"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/product/catalogue"
)

// Resolver is the root of the resolvers.
type Resolver struct {
	Catalogue *catalogue.Catalogue
	// Images is the base URL for image URLs that are paths.
	Images string
}

// requireAdmin returns a Forbidden error unless the caller may change the
// catalogue.
func requireAdmin(ctx context.Context) error {
	if identity.From(ctx).IsAdmin() {
		return nil
	}
	return schema.NewForbidden("Only administrators may change the catalogue.")
}

func parseID(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// find returns products by ID and by SKU. It omits invalid IDs.
func (r *Resolver) find(ctx context.Context, ids, skus []string) (catalogue.Found, error) {
	numbers := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := parseID(id); ok {
			numbers = append(numbers, n)
		}
	}
	return r.Catalogue.Find(ctx, numbers, skus)
}

func (r *Resolver) newProduct(p catalogue.Product) *Product {
	image := p.ImageURL
	if image != nil && strings.HasPrefix(*image, "/") {
		absolute := r.Images + *image
		image = &absolute
	}
	return &Product{
		ID:          strconv.FormatInt(p.ID, 10),
		Sku:         p.SKU,
		Name:        p.Name,
		Description: p.Description,
		Category:    newCategory(p.Category),
		Price:       &p.Price,
		Weight:      p.Weight,
		ImageURL:    image,
		Tags:        p.Tags,
		Retired:     p.Retired,
		CreatedAt:   p.CreatedAt,
		UpdatedAt:   p.UpdatedAt,
		Version:     p.Version,
	}
}

func newCategory(c catalogue.Category) *Category {
	return &Category{Slug: c.Slug, Name: c.Name}
}

func newCategories(list []catalogue.Category) []*Category {
	categories := make([]*Category, len(list))
	for i, c := range list {
		categories[i] = newCategory(c)
	}
	return categories
}

func (r *Resolver) newConnection(l catalogue.Listing) *ProductConnection {
	c := &ProductConnection{
		Edges:      make([]*ProductEdge, len(l.Nodes)),
		Nodes:      make([]*Product, len(l.Nodes)),
		PageInfo:   l.Info,
		TotalCount: l.Total,
	}
	for i, p := range l.Nodes {
		c.Nodes[i] = r.newProduct(p)
		c.Edges[i] = &ProductEdge{Cursor: l.Cursors[i], Node: c.Nodes[i]}
	}
	return c
}

// categoryRead identifies reads of the same page of categories.
type categoryRead struct {
	page  connection.Key
	count bool
}

// categoryPages returns the same page of each category's products.
func (r *Resolver) categoryPages(ctx context.Context, slugs []string, a connection.Arguments) ([]*ProductConnection, error) {
	count := connection.Requested(ctx, "totalCount")
	return batch.Load(ctx, categoryRead{a.Key(), count}, slugs, func(ctx context.Context, slugs []string) (map[string]*ProductConnection, error) {
		pages, err := r.Catalogue.CategoryPages(ctx, slugs, a, count)
		if err != nil {
			return nil, err
		}
		connections := make(map[string]*ProductConnection, len(pages))
		for slug, page := range pages {
			connections[slug] = r.newConnection(page)
		}
		return connections, nil
	})
}

func newFilter(in *ProductFilter) catalogue.Filter {
	if in == nil {
		return catalogue.Filter{}
	}
	f := catalogue.Filter{
		Category: in.Category, Tag: in.Tag,
		MinPrice: in.MinPrice, MaxPrice: in.MaxPrice,
	}
	if in.Search != nil {
		f.Search = *in.Search
	}
	if in.IncludeRetired != nil {
		f.IncludeRetired = *in.IncludeRetired
	}
	return f
}

func newDraft(in CreateProductInput) catalogue.Draft {
	return catalogue.Draft{
		Name: in.Name, Price: *in.Price, SKU: in.Sku, Description: in.Description, Category: in.Category,
		Weight: in.Weight, ImageURL: in.ImageURL, Tags: in.Tags, Stock: in.Stock,
	}
}

// newKey returns the idempotency key of an input, or nil without one.
func newKey(ctx context.Context, in CreateProductInput) *catalogue.Key {
	if in.IdempotencyKey == nil {
		return nil
	}
	return &catalogue.Key{Caller: identity.From(ctx).Actor(), Value: *in.IdempotencyKey}
}

func newPatch(id int64, in UpdateProductInput) catalogue.Patch {
	image, given := in.ImageURL.ValueOK()
	return catalogue.Patch{
		ID: id, Name: in.Name, Price: in.Price, Description: in.Description, Category: in.Category,
		Weight: in.Weight, ImageURL: image, RemoveImage: given && image == nil, Tags: in.Tags, ExpectedVersion: in.ExpectedVersion,
	}
}

// productResult converts a changed product or an error to a result.
func (r *Resolver) productResult(p catalogue.Product, err error) (UpdateProductResult, error) {
	if err != nil {
		return schema.Result[UpdateProductResult](err)
	}
	return &ProductPayload{r.newProduct(p)}, nil
}

// checkOneKey checks that exactly one of the keys is given.
func checkOneKey(id, sku *string) error {
	if (id == nil) == (sku == nil) {
		return &connection.ArgumentError{Argument: "id and sku", Problem: "need exactly one value; give one of them"}
	}
	return nil
}
