package orderstore

import (
	"errors"
	"fmt"
	"time"
)

// Status is the state of an order.
type Status string

// An order starts as Pending and becomes Confirmed or Rejected. A Confirmed
// order may become Cancelled.
const (
	StatusPending   Status = "PENDING"
	StatusConfirmed Status = "CONFIRMED"
	StatusCancelled Status = "CANCELLED"
	StatusRejected  Status = "REJECTED"
)

// Order is the state of an order after all its events.
type Order struct {
	ID           int64
	UserID       int64
	Status       Status
	Currency     string // ISO 4217
	Total        int64  // minor units
	Lines        []Line
	PlacedAt     time.Time
	CancelledAt  *time.Time
	CancelReason *string
	Rejection    *Rejected // nil unless the status is Rejected
	Version      int       // the number of events
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

// applyNext applies the event that follows the order's version.
func (o *Order) applyNext(event Event, id int64, version int, at time.Time) error {
	if id != o.ID || version != o.Version+1 {
		return fmt.Errorf("event %d of order %d cannot follow version %d of order %d: %w", version, id, o.Version, o.ID, ErrInvalidTransition)
	}
	if err := event.apply(o, at); err != nil {
		return fmt.Errorf("event %d (%s) of order %d: %w", version, event.Type(), id, err)
	}
	o.Version = version
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
	o.UserID, o.Currency, o.Lines, o.PlacedAt = e.UserID, e.Currency, e.Lines, at
	for _, line := range e.Lines {
		o.Total += line.UnitPrice * int64(line.Quantity)
	}
	return nil
}

func (Confirmed) apply(o *Order, _ time.Time) error {
	return o.transition(StatusPending, StatusConfirmed)
}

func (e Rejected) apply(o *Order, _ time.Time) error {
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
