// Package graph holds the resolvers of the inventory subgraph. They check what
// the caller may do, parse IDs, and call package stock.
// souk/subgraphs/internal/generate generates the rest of the package.
package graph

import (
	"context"
	"strconv"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/inventory/shipping"
	"souk/subgraphs/inventory/stock"
)

// Resolver is the root of the resolvers.
type Resolver struct {
	StockStore *stock.Store
	// ProductExists asks the product service whether a product exists.
	ProductExists func(ctx context.Context, product int64) (bool, error)
}

// adjustable returns the ID of a product whose stock the caller may set and add
// to. A product that has a stock level exists, because products are never
// deleted; whether another one exists, only the product service knows. The
// product service itself may set the stock of a product that it is creating.
func (r *Resolver) adjustable(ctx context.Context, productID string) (int64, error) {
	if err := requireAdmin(ctx); err != nil {
		return 0, err
	}
	id, ok := parseID(productID)
	if !ok {
		return 0, schema.NewNotFound("product", productID)
	}
	if identity.From(ctx).Service {
		return id, nil
	}
	levels, err := r.StockStore.Levels(ctx, []int64{id})
	if _, known := levels[id]; known || err != nil {
		return id, err
	}
	exists, err := r.ProductExists(ctx, id)
	if err == nil && !exists {
		err = schema.NewNotFound("product", productID)
	}
	return id, err
}

// requireAdmin returns a Forbidden error unless the caller may set and add
// stock.
func requireAdmin(ctx context.Context) error {
	if identity.From(ctx).IsAdmin() {
		return nil
	}
	return schema.NewForbidden("Only administrators may change stock.")
}

// requireService returns a Forbidden error unless the caller may reserve stock
// for orders.
func requireService(ctx context.Context) error {
	if caller := identity.From(ctx); caller.Service || caller.Tutorial {
		return nil
	}
	return schema.NewForbidden("Only the store's services may reserve stock.")
}

// parseProductID parses a product ID. The error names path, its position in
// the input.
func parseProductID(path, id string) (int64, error) {
	n, ok := parseID(id)
	if !ok {
		return 0, schema.Invalid(path, "is not a product ID", "a positive integer such as 17")
	}
	return n, nil
}

func parseID(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// levels returns the levels of those IDs that are valid, by product ID.
func (r *Resolver) levels(ctx context.Context, ids []string) (map[int64]stock.Level, error) {
	products := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := parseID(id); ok {
			products = append(products, n)
		}
	}
	return r.StockStore.Levels(ctx, products)
}

// stockLevels returns the level, or nil, of each of the IDs.
func (r *Resolver) stockLevels(ctx context.Context, ids []string) ([]*StockLevel, error) {
	levels, err := r.levels(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]*StockLevel, len(ids))
	for i, id := range ids {
		if n, ok := parseID(id); ok {
			list[i] = newStockLevel(levels, n)
		}
	}
	return list, nil
}

func newStockLevel(levels map[int64]stock.Level, product int64) *StockLevel {
	l, ok := levels[product]
	if !ok {
		return nil
	}
	return &StockLevel{
		ProductID: strconv.FormatInt(l.ProductID, 10),
		OnHand:    l.OnHand,
		Reserved:  l.Reserved,
		Available: l.Available(),
		Sold:      l.Sold,
		UpdatedAt: l.UpdatedAt,
		Version:   l.Version,
	}
}

// newProduct returns the inventory's fields of a product. The router sends the
// weight if the operation selects shippingEstimate.
func newProduct(levels map[int64]stock.Level, id int64, weight *int) *Product {
	available := levels[id].Available()
	inStock := available > 0
	p := &Product{
		ID:        strconv.FormatInt(id, 10),
		Available: &available,
		InStock:   &inStock,
		Stock:     newStockLevel(levels, id),
	}
	if weight != nil {
		p.Weight = *weight
		cost := shipping.Estimate(*weight)
		p.ShippingEstimate = &cost
	}
	return p
}

// stockResult converts a changed level or an error to a result.
func stockResult(l stock.Level, err error) (SetStockResult, error) {
	if err != nil {
		return schema.Result[SetStockResult](err)
	}
	return &StockPayload{newStockLevel(map[int64]stock.Level{l.ProductID: l}, l.ProductID)}, nil
}

func newReservation(r stock.Reservation) *Reservation {
	lines := make([]*ReservationLine, len(r.Lines))
	for i, line := range r.Lines {
		lines[i] = &ReservationLine{ProductID: strconv.FormatInt(line.ProductID, 10), Quantity: line.Quantity}
	}
	return &Reservation{
		ID:        strconv.FormatInt(r.ID, 10),
		OrderID:   r.OrderID,
		Status:    ReservationStatus(r.Status),
		Lines:     lines,
		ExpiresAt: r.ExpiresAt,
	}
}

// reservationResult converts a changed reservation or an error to a result.
func reservationResult(r stock.Reservation, err error) (SettleReservationResult, error) {
	if err != nil {
		return schema.Result[SettleReservationResult](err)
	}
	return newReservation(r), nil
}
