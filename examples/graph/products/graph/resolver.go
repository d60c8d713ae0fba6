package graph

import "context"

// Resolver resolves the fields of the schema.
type Resolver struct{}

// products are the products of the shop.
var products = []*Product{
	{ID: "1", Name: "Lamp", Price: 4900},
	{ID: "2", Name: "Chair", Price: 12900},
	{ID: "3", Name: "Table", Price: 34900},
}

func find(id string) *Product {
	for _, p := range products {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// FindManyProductByIDs returns the entities of a request, all at once.
func (r *entityResolver) FindManyProductByIDs(ctx context.Context, reps []*ProductByIDsInput) ([]*Product, error) {
	found := make([]*Product, len(reps))
	for i, rep := range reps {
		found[i] = find(rep.ID)
	}
	return found, nil
}

// Products is the resolver for the products field.
func (r *queryResolver) Products(ctx context.Context) ([]*Product, error) { return products, nil }

// Product is the resolver for the product field.
func (r *queryResolver) Product(ctx context.Context, id string) (*Product, error) {
	return find(id), nil
}

// Entity returns EntityResolver implementation.
func (r *Resolver) Entity() EntityResolver { return &entityResolver{r} }

// Query returns QueryResolver implementation.
func (r *Resolver) Query() QueryResolver { return &queryResolver{r} }

type (
	entityResolver struct{ *Resolver }
	queryResolver  struct{ *Resolver }
)
