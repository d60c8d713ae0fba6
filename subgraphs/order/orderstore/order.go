package orderstore

import (
	"errors"
	"fmt"
	"time"
)

// Status is the state of an order.
type Status string

// An order starts as Pending and becomes Confirmed or Rejected. A Confirmed
// order becomes Shipped and then Delivered, or Cancelled.
const (
	StatusPending   Status = "PENDING"
	StatusConfirmed Status = "CONFIRMED"
	StatusShipped   Status = "SHIPPED"
	StatusDelivered Status = "DELIVERED"
	StatusCancelled Status = "CANCELLED"
	StatusRejected  Status = "REJECTED"
)

// Statuses returns every status.
func Statuses() []Status {
	return []Status{StatusPending, StatusConfirmed, StatusShipped, StatusDelivered, StatusCancelled, StatusRejected}
}

// Order is the state of an order after all its events.
type Order struct {
	ID              int64
	UserID          int64
	Status          Status
	Currency        string // ISO 4217
	Total           int64  // minor units
	Lines           []Line
	ShippingAddress *Address  // nil if none was given, or if it was erased
	Payment         *Payment  // nil if the order is not paid through the provider
	Shipment        *Shipment // nil until it is shipped
	PlacedAt        time.Time
	CancelledAt     *time.Time
	CancelReason    *string
	Rejection       *Rejected // nil unless the status is Rejected
	Version         int       // the number of events

	// StatusVersion is the version of the event that set the status. Only a
	// Decision gets it; it is 0 in an order that was read from the table.
	StatusVersion int
	// erased says that personal data was erased. The table does not have it.
	erased bool
}

// Retryable reports whether the order was rejected for a reason that is not final,
// so that its idempotency key can place another order.
func (o Order) Retryable() bool { return o.Rejection != nil && !o.Rejection.Reason.Final() }

// Shipment is how an order travels.
type Shipment struct {
	Carrier        string     `json:"carrier,omitempty"`
	TrackingNumber string     `json:"trackingNumber,omitempty"`
	ShippedAt      time.Time  `json:"shippedAt"`
	DeliveredAt    *time.Time `json:"deliveredAt,omitempty"`
}

// ErrInvalidTransition is returned for an event that cannot follow the order's
// current state.
var ErrInvalidTransition = errors.New("invalid event for the order's state")

// fold computes an order's state from its events, which must be complete and
// in order of their versions.
func fold(records []StoredEvent) (Order, error) {
	var o Order
	for _, r := range records {
		event, err := r.event()
		if err != nil {
			return o, err
		}
		if o.Version == 0 {
			o.ID = r.OrderID
		}
		if err := o.applyNext(event, r.OrderID, r.Version, r.At); err != nil {
			return o, err
		}
	}
	return o, nil
}

// maxEvents is how many events an order can have. Each type is there at most
// once, and no life has all of them. Retries append nothing, so that folding an order
// stays cheap without snapshots.
const maxEvents = 9

// applyNext applies the event that follows the order's version.
func (o *Order) applyNext(event Event, id int64, version int, at time.Time) error {
	if id != o.ID || version != o.Version+1 {
		return fmt.Errorf("event %d of order %d cannot follow version %d of order %d: %w", version, id, o.Version, o.ID, ErrInvalidTransition)
	}
	if version > maxEvents {
		return fmt.Errorf("%w: order %d has %d events already", ErrInvalidTransition, id, o.Version)
	}
	before := o.Status
	if err := event.apply(o, at); err != nil {
		return fmt.Errorf("event %d (%s) of order %d: %w", version, event.Type(), id, err)
	}
	if o.Version = version; o.Status != before {
		o.StatusVersion = version
	}
	return nil
}

// transition changes the status from want to to.
func (o *Order) transition(want, to Status) error {
	if o.Status != want {
		return fmt.Errorf("%w: the status is %q, not %q", ErrInvalidTransition, o.Status, want)
	}
	o.Status = to
	return nil
}

func (e Placed) apply(o *Order, at time.Time) error {
	if err := o.transition("", StatusPending); err != nil {
		return err
	}
	o.UserID, o.Currency, o.Lines, o.PlacedAt, o.ShippingAddress = e.UserID, e.Currency, e.Lines, at, e.ShippingAddress
	if e.PaymentRequired {
		o.Payment = &Payment{Status: StatusUnpaid, At: at}
	}
	for _, line := range e.Lines {
		o.Total += line.UnitPrice * int64(line.Quantity)
	}
	if e.ExpectedTotal != nil && *e.ExpectedTotal != o.Total {
		return fmt.Errorf("%w: the total is %d, not the expected %d", ErrInvalidTransition, o.Total, *e.ExpectedTotal)
	}
	return nil
}

// An order that must be paid is never confirmed without its money.
func (Confirmed) apply(o *Order, _ time.Time) error {
	if o.Payment != nil && o.Payment.Status != StatusAuthorized {
		return fmt.Errorf("%w: the payment is %s", ErrInvalidTransition, o.Payment.Status)
	}
	return o.transition(StatusPending, StatusConfirmed)
}

func (e Rejected) apply(o *Order, at time.Time) error {
	if e.Reason == Declined {
		if err := o.pay(at, StatusDeclined, StatusUnpaid); err != nil {
			return err
		}
	}
	o.Rejection = &e
	return o.transition(StatusPending, StatusRejected)
}

func (e Cancelled) apply(o *Order, at time.Time) error {
	o.CancelledAt = &at
	if e.Reason != "" {
		o.CancelReason = &e.Reason
	}
	return o.transition(StatusConfirmed, StatusCancelled)
}

func (e Shipped) apply(o *Order, at time.Time) error {
	o.Shipment = &Shipment{Carrier: e.Carrier, TrackingNumber: e.TrackingNumber, ShippedAt: at}
	return o.transition(StatusConfirmed, StatusShipped)
}

func (Delivered) apply(o *Order, at time.Time) error {
	if err := o.transition(StatusShipped, StatusDelivered); err != nil {
		return err
	}
	shipment := *o.Shipment
	shipment.DeliveredAt = &at
	o.Shipment = &shipment
	return nil
}

// apply leaves the order's contents and its history: they are in the books.
func (PersonalDataErased) apply(o *Order, _ time.Time) error {
	if o.erased || o.Status == "" || o.Status == StatusPending || o.Status == StatusConfirmed {
		return fmt.Errorf("%w: personal data cannot be erased from an order that is %q or erased already", ErrInvalidTransition, o.Status)
	}
	o.erased, o.ShippingAddress, o.CancelReason = true, nil, nil
	if o.Shipment != nil {
		shipment := *o.Shipment
		shipment.TrackingNumber = ""
		o.Shipment = &shipment
	}
	return nil
}
