package order

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/sample"
	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/order/checkout"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/payment/simulator"
)

// Generate adds the orders of a generated shop to a migrated database. Nothing
// is left to do for them: no payment is due and no stock to be released.
func Generate(ctx context.Context, db *pgxpool.Pool, s *shop.Shop) error {
	err := database.Fill(ctx, db, []string{"order_events", "orders"}, func(tx pgx.Tx) error {
		return orderstore.Copy(ctx, tx, func(yield func(orderstore.PastOrder) bool) {
			for i := range s.Orders {
				if !yield(history(s, s.Order(i))) {
					return
				}
			}
		})
	})
	if err != nil {
		return fmt.Errorf("generating orders: %w", err)
	}
	return nil
}

// GeneratePayments adds the payments of the same orders to the database of the
// simulated payment provider.
func GeneratePayments(ctx context.Context, db *pgxpool.Pool, s *shop.Shop) error {
	if err := simulator.Create(ctx, db); err != nil {
		return err
	}
	err := database.Fill(ctx, db, []string{"payments"}, func(tx pgx.Tx) error {
		return simulator.Copy(ctx, tx, func(yield func(payment.State) bool) {
			for i := range s.Orders {
				if !yield(paymentOf(s, s.Order(i))) {
					return
				}
			}
		})
	})
	if err != nil {
		return fmt.Errorf("generating payments: %w", err)
	}
	return nil
}

// system is the actor of what nobody asked for.
const system = "system"

// paymentDelay is the time between an event and what the payment provider then
// does.
const paymentDelay = 400 * time.Millisecond

// history returns an order with its events.
func history(s *shop.Shop, o shop.Order) orderstore.PastOrder {
	past := orderstore.PastOrder{ID: o.ID}
	user := s.LastUser + 1 + int64(o.User)
	customer := strconv.FormatInt(user, 10)
	add := func(e orderstore.Event, at time.Time, actor string) {
		past.Events = append(past.Events, orderstore.PastEvent{Event: e, At: at, Actor: actor})
	}
	add(placed(s, o, user), o.PlacedAt, customer)
	switch o.Outcome {
	case shop.OutOfStock:
		add(outOfStock(s, o), o.RejectedAt(), customer)
		add(orderstore.PaymentVoided{}, o.RejectedAt().Add(paymentDelay), system)
		return past
	case shop.Declined:
		add(orderstore.Rejected{
			Reason: orderstore.Declined, DeclineReason: "insufficient_funds",
			Message: "The payment was declined. Use another means of payment.",
		}, o.RejectedAt(), customer)
		return past
	}
	add(orderstore.PaymentAuthorized{}, o.RejectedAt(), customer)
	add(orderstore.Confirmed{}, o.ConfirmedAt(), customer)
	switch o.Outcome {
	case shop.Cancelled:
		add(orderstore.Cancelled{Reason: o.Reason}, o.CancelledAt, customer)
		add(orderstore.PaymentVoided{}, o.CancelledAt.Add(paymentDelay), system)
	case shop.Shipped, shop.Delivered, shop.Refunded:
		add(orderstore.Shipped{Carrier: o.Carrier, TrackingNumber: o.Tracking}, o.ShippedAt, system)
		add(orderstore.PaymentCaptured{}, o.ShippedAt.Add(paymentDelay), system)
	}
	if !o.DeliveredAt.IsZero() {
		add(orderstore.Delivered{}, o.DeliveredAt, system)
	}
	if o.Outcome == shop.Refunded {
		add(orderstore.RefundRequested{Reason: o.Reason}, o.RefundedAt, system)
		add(orderstore.PaymentRefunded{}, o.RefundedAt.Add(paymentDelay), system)
	}
	return past
}

func placed(s *shop.Shop, o shop.Order, user int64) orderstore.Placed {
	p := orderstore.Placed{UserID: user, Currency: sample.Currency, PaymentRequired: true, Lines: make([]orderstore.Line, len(o.Lines))}
	p.ShippingAddress = &orderstore.Address{
		Name: o.Address.Name, Line1: o.Address.Line1, City: o.Address.City,
		PostalCode: o.Address.PostalCode, Region: o.Address.Region, Country: o.Address.Country,
	}
	for i, line := range o.Lines {
		product := s.Product(line.Product)
		p.Lines[i] = orderstore.Line{ProductID: product.ID, Name: product.Name, Quantity: line.Quantity, UnitPrice: product.Cents}
	}
	return p
}

func outOfStock(s *shop.Shop, o shop.Order) orderstore.Rejected {
	id := strconv.FormatInt(s.LastProduct+1+int64(o.Lines[0].Product), 10)
	return orderstore.Rejected{
		Reason:    orderstore.OutOfStock,
		Message:   fmt.Sprintf("Product %q is out of stock.", id),
		Shortages: []orderstore.Shortage{{ProductID: id, Requested: o.Lines[0].Quantity}},
	}
}

// paymentOf returns an order's payment as the provider knows it.
func paymentOf(s *shop.Shop, o shop.Order) payment.State {
	p := payment.State{
		Key:       checkout.PaymentKey(orderstore.Order{ID: o.ID, PlacedAt: o.PlacedAt}),
		Reference: strconv.FormatInt(o.ID, 10), Currency: sample.Currency,
		CreatedAt: o.PlacedAt, UpdatedAt: o.PlacedAt,
	}
	for _, line := range o.Lines {
		p.Amount += s.Product(line.Product).Cents * int64(line.Quantity)
	}
	switch o.Outcome {
	case shop.OutOfStock: // voided before it was authorised
		p.Status, p.Reference, p.Amount, p.Currency = payment.Voided, "", 0, ""
	case shop.Declined:
		p.Status, p.DeclineReason, p.DeclineMessage = payment.DeclinedState, "insufficient_funds", "The account has insufficient funds."
	case shop.Cancelled:
		p.Status, p.UpdatedAt = payment.Voided, o.CancelledAt.Add(paymentDelay)
	case shop.Confirmed:
		p.Status = payment.Authorized
	case shop.Shipped, shop.Delivered:
		p.Status, p.UpdatedAt = payment.Captured, o.ShippedAt.Add(paymentDelay)
	case shop.Refunded:
		p.Status, p.UpdatedAt = payment.Refunded, o.RefundedAt.Add(paymentDelay)
	}
	return p
}
