// Package graph holds the resolvers of the order subgraph. They parse IDs and
// inputs, decide what the caller may see, and call packages checkout and
// orderstore. souk/subgraphs/internal/generate generates the rest of the
// package.
package graph

import (
	"context"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"souk/subgraphs/internal/batch"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/internal/session"
	"souk/subgraphs/order/checkout"
	"souk/subgraphs/order/orderstore"
)

// Resolver is the root of the resolvers.
type Resolver struct {
	OrderStore *orderstore.Store
	Checkout   *checkout.Service
	Watcher    *orderstore.Watcher
	// Sessions ends subscriptions when the caller's session ends.
	Sessions *session.Watcher
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// visible returns those of the orders that exist and that the caller may see,
// by ID.
func (r *Resolver) visible(ctx context.Context, ids []string) (map[string]*Order, error) {
	caller := identity.From(ctx)
	numbers := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := checkout.ParseID(id); ok {
			numbers = append(numbers, n)
		}
	}
	orders, err := r.OrderStore.Orders(ctx, numbers)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]*Order, len(orders))
	for id, o := range orders {
		if caller.MaySee(formatID(o.UserID)) {
			shown[formatID(id)] = newOrder(o)
		}
	}
	return shown, nil
}

func newOrder(o orderstore.Order) *Order {
	shown := &Order{
		ID:           formatID(o.ID),
		User:         &User{ID: formatID(o.UserID)},
		Status:       OrderStatus(o.Status),
		Lines:        make([]*OrderLine, len(o.Lines)),
		Total:        &schema.Money{MinorUnits: o.Total, Currency: o.Currency},
		PlacedAt:     o.PlacedAt,
		CancelledAt:  o.CancelledAt,
		CancelReason: o.CancelReason,
		Version:      o.Version,

		ShippingAddress: newAddress(o.ShippingAddress),
		Payment:         newPayment(o),
		Shipment:        newShipment(o.Shipment),
	}
	for i, line := range o.Lines {
		shown.Lines[i] = &OrderLine{
			Product:   &Product{ID: formatID(line.ProductID), Name: line.Name},
			Quantity:  line.Quantity,
			UnitPrice: &schema.Money{MinorUnits: line.UnitPrice, Currency: o.Currency},
			Total:     &schema.Money{MinorUnits: line.UnitPrice * int64(line.Quantity), Currency: o.Currency},
		}
	}
	return shown
}

func newAddress(a *orderstore.Address) *ShippingAddress {
	if a == nil {
		return nil
	}
	return &ShippingAddress{
		Name: a.Name, Line1: a.Line1, Line2: optional(a.Line2), City: a.City,
		PostalCode: optional(a.PostalCode), Region: optional(a.Region), Country: a.Country,
	}
}

// idempotencyHeader returns the key in the Idempotency-Key header of the request, or nil. The key
// can be a string of structured fields.
func idempotencyHeader(ctx context.Context) *string {
	key := graphql.GetOperationContext(ctx).Headers.Get("Idempotency-Key")
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		key = strings.TrimSuffix(inner, `"`)
	}
	if key == "" {
		return nil
	}
	return &key
}

// address converts an input to an address; nil for none. Package checkout
// validates it.
func address(a *ShippingAddressInput) *orderstore.Address {
	if a == nil {
		return nil
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return &orderstore.Address{
		Name: a.Name, Line1: a.Line1, Line2: text(a.Line2), City: a.City,
		PostalCode: text(a.PostalCode), Region: text(a.Region), Country: a.Country,
	}
}

// newPayment returns nil for a payment of which the provider has not heard.
func newPayment(o orderstore.Order) *Payment {
	if o.Payment == nil || o.Payment.Status == orderstore.StatusUnpaid {
		return nil
	}
	return &Payment{Status: PaymentStatus(o.Payment.Status), At: o.Payment.At}
}

func newShipment(s *orderstore.Shipment) *Shipment {
	if s == nil {
		return nil
	}
	return &Shipment{
		Carrier: optional(s.Carrier), TrackingNumber: optional(s.TrackingNumber),
		ShippedAt: s.ShippedAt, DeliveredAt: s.DeliveredAt,
	}
}

// optional returns nil for empty text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func newHistory(records []orderstore.StoredEvent) []*OrderEvent {
	history := make([]*OrderEvent, len(records))
	for i, record := range records {
		history[i] = &OrderEvent{Version: record.Version, Type: record.Type, At: record.At, Actor: record.Actor, Data: record.Data}
	}
	return history
}

func newConnection(page connection.Page[int64], orders []orderstore.Order, total int) (*OrderConnection, error) {
	cut, err := connection.NewSlice(page, orders, func(o orderstore.Order) int64 { return o.ID })
	if err != nil {
		return nil, err
	}
	c := &OrderConnection{
		Edges:      make([]*OrderEdge, len(cut.Nodes)),
		Nodes:      make([]*Order, len(cut.Nodes)),
		PageInfo:   cut.Info,
		TotalCount: total,
	}
	for i, o := range cut.Nodes {
		c.Nodes[i] = newOrder(o)
		c.Edges[i] = &OrderEdge{Cursor: cut.Cursors[i], Node: c.Nodes[i]}
	}
	return c, nil
}

// emptyPage is the result for a caller who may see no orders.
func emptyPage() *OrderConnection {
	return &OrderConnection{Edges: []*OrderEdge{}, Nodes: []*Order{}, PageInfo: &schema.PageInfo{}}
}

// filter returns the filter for the orders that the caller may list. ok is
// false if that is none.
func filter(ctx context.Context, userID *string, status *OrderStatus) (f orderstore.Filter, ok bool) {
	caller := identity.From(ctx)
	if userID == nil && !caller.IsAdmin() {
		userID = &caller.UserID
	}
	if userID != nil {
		id, valid := checkout.ParseID(*userID)
		if !valid || !caller.MaySee(*userID) {
			return f, false
		}
		f.UserID = &id
	}
	f.Status = (*orderstore.Status)(status)
	return f, true
}

// historyRead identifies reads of orders' histories.
type historyRead struct{}

// histories returns the histories of orders, which are never nil.
func (r *Resolver) histories(ctx context.Context, ids []int64) ([][]*OrderEvent, error) {
	return batch.Load(ctx, historyRead{}, ids, func(ctx context.Context, ids []int64) (map[int64][]*OrderEvent, error) {
		records, err := r.OrderStore.History(ctx, ids)
		if err != nil {
			return nil, err
		}
		histories := make(map[int64][]*OrderEvent, len(ids))
		for _, id := range ids {
			histories[id] = newHistory(records[id])
		}
		return histories, nil
	})
}

// userRead identifies reads of the same page of users' orders.
type userRead struct {
	page   connection.Key
	status orderstore.Status // or "" for all
	count  bool
}

// userOrders returns the same page of the orders of several users. It reads
// them in one query, and their totals in a second one if the operation selects
// them.
func (r *Resolver) userOrders(ctx context.Context, users []*User, a connection.Arguments, status *orderstore.Status) ([]*OrderConnection, error) {
	page, err := connection.Parse[int64](orderstore.SortOrder, a)
	if err != nil {
		return nil, err
	}
	caller := identity.From(ctx)
	numbers := make([]int64, len(users)) // 0, which has no orders, if the caller may see none
	for i, user := range users {
		if id, ok := checkout.ParseID(user.ID); ok && caller.MaySee(user.ID) {
			numbers[i] = id
		}
	}
	read := userRead{page: a.Key(), count: connection.Requested(ctx, "totalCount")}
	if status != nil {
		read.status = *status
	}
	return batch.Load(ctx, read, numbers, func(ctx context.Context, ids []int64) (map[int64]*OrderConnection, error) {
		pages, err := r.OrderStore.UserPages(ctx, ids, status, page)
		if err != nil {
			return nil, err
		}
		var counts map[int64]int
		if read.count {
			if counts, err = r.OrderStore.UserCounts(ctx, ids, status); err != nil {
				return nil, err
			}
		}
		connections := make(map[int64]*OrderConnection, len(ids))
		for _, id := range ids {
			if connections[id], err = newConnection(page, pages[id], counts[id]); err != nil {
				return nil, err
			}
		}
		return connections, nil
	})
}
