package checkout

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/orderstore"
)

// Shipping is a request to mark an order as shipped.
type Shipping struct {
	ID              string
	Carrier         string // may be empty
	TrackingNumber  string // may be empty
	ExpectedVersion *int   // nil accepts any version
}

// Delivery is a request to mark an order as delivered.
type Delivery struct {
	ID              string
	ExpectedVersion *int // nil accepts any version
}

// Refunding is a request to pay an order's total back.
type Refunding struct {
	ID              string
	Reason          string
	ExpectedVersion *int // nil accepts any version
}

const maxShipmentText = 100 // characters of a carrier or a tracking number

// Ship marks a confirmed order as shipped and captures its payment. Only
// administrators may. It is idempotent. Its errors are those of package schema:
// NotFound, Conflict, Forbidden and InvalidInput.
func (s *Service) Ship(ctx context.Context, caller identity.Caller, r Shipping) (orderstore.Order, error) {
	invalid := &schema.InvalidInput{}
	checkLine(invalid, "carrier", r.Carrier, 0, maxShipmentText)
	checkLine(invalid, "trackingNumber", r.TrackingNumber, 0, maxShipmentText)
	if err := invalid.Err(); err != nil {
		return orderstore.Order{}, err
	}
	return s.administer(ctx, caller, r.ID, func(o orderstore.Order) (orderstore.Event, error) {
		switch o.Status {
		case orderstore.StatusShipped:
			err := checkRepeated(o, r.ExpectedVersion)
			if err == nil && (o.Shipment.Carrier != r.Carrier || o.Shipment.TrackingNumber != r.TrackingNumber) {
				err = schema.NewConflict("Order %s has already been shipped, with another carrier or tracking number.", r.ID)
			}
			return nil, err
		case orderstore.StatusConfirmed:
			return orderstore.Shipped{Carrier: r.Carrier, TrackingNumber: r.TrackingNumber}, checkVersion(o, r.ExpectedVersion)
		}
		return nil, refuse(o, r.ExpectedVersion, "Order %s is %s. Only confirmed orders can be shipped.", r.ID, o.Status)
	})
}

// Deliver marks a shipped order as delivered. Only administrators may. It is
// idempotent. Its errors are those of Ship, without InvalidInput.
func (s *Service) Deliver(ctx context.Context, caller identity.Caller, r Delivery) (orderstore.Order, error) {
	return s.administer(ctx, caller, r.ID, func(o orderstore.Order) (orderstore.Event, error) {
		switch o.Status {
		case orderstore.StatusDelivered:
			return nil, checkRepeated(o, r.ExpectedVersion)
		case orderstore.StatusShipped:
			return orderstore.Delivered{}, checkVersion(o, r.ExpectedVersion)
		}
		return nil, refuse(o, r.ExpectedVersion, "Order %s is %s. Only shipped orders can be delivered.", r.ID, o.Status)
	})
}

// Refund has the captured payment of an order paid back. Only administrators
// may. It is idempotent. Its errors are those of Ship.
func (s *Service) Refund(ctx context.Context, caller identity.Caller, r Refunding) (orderstore.Order, error) {
	if err := checkReason(r.Reason); err != nil {
		return orderstore.Order{}, err
	}
	return s.administer(ctx, caller, r.ID, func(o orderstore.Order) (orderstore.Event, error) {
		if o.Payment == nil {
			return nil, refuse(o, r.ExpectedVersion, "Order %s was not paid through the payment provider, so nothing can be refunded.", r.ID)
		}
		switch o.Payment.Status {
		case orderstore.StatusRefunding, orderstore.StatusRefunded:
			// A retry names the version that the refund followed, with at most two events.
			if r.ExpectedVersion != nil && *r.ExpectedVersion < o.Version-2 {
				return nil, checkVersion(o, r.ExpectedVersion)
			}
			return nil, nil
		case orderstore.StatusCaptured:
			return orderstore.RefundRequested{Reason: r.Reason}, checkVersion(o, r.ExpectedVersion)
		}
		return nil, refuse(o, r.ExpectedVersion, "The payment of order %s is %s. Only captured payments can be refunded.", r.ID, o.Payment.Status)
	})
}

// administer is change for administrators.
func (s *Service) administer(ctx context.Context, caller identity.Caller, id string, decide orderstore.Decision) (orderstore.Order, error) {
	return s.change(ctx, caller, id, func(o orderstore.Order) (orderstore.Event, error) {
		if !caller.IsAdmin() {
			return nil, schema.NewForbidden("Only administrators may do this.")
		}
		event, err := decide(o)
		if err != nil {
			return nil, err
		}
		return event, nil
	})
}

// checkLine checks that a value is one line of text with a number of
// characters.
func checkLine(invalid *schema.InvalidInput, path, text string, least, most int) {
	n := utf8.RuneCountInString(text)
	switch {
	case least > 0 && strings.TrimSpace(text) == "":
		invalid.Add(path, "is empty", fmt.Sprintf("from %d to %d characters", least, most))
	case n > most:
		invalid.Add(path, fmt.Sprintf("has %d characters", n), fmt.Sprintf("at most %d", most))
	case strings.ContainsFunc(text, unicode.IsControl):
		invalid.Add(path, "contains control characters", "text on one line")
	}
}
