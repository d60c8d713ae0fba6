package orderstore

import (
	"errors"
	"fmt"
	"time"
)

// Status is where an order stands.
type Status string

// An order begins as Pending, which becomes Confirmed or Rejected; a Confirmed
// one may become Cancelled.
const (
	StatusPending   Status = "PENDING"
	StatusConfirmed Status = "CONFIRMED"
	StatusCancelled Status = "CANCELLED"
	StatusRejected  Status = "REJECTED"
)

// Final says whether nothing can happen to the order any more.
func (s Status) Final() bool { return s == StatusCancelled || s == StatusRejected }

// Order is the state that an order's events add up to.
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
	Rejection    *Rejected // why, when Rejected
	Version      int       // the number of events so far
}

// ErrImpossible is the error of an event that cannot follow those before it.
var ErrInvalidTransition = errors.New("the event cannot happen to the order as it is")

// Fold adds up the records of one order, which must be all of them in order.
func Fold(records []StoredEvent) (Order, error) {
	var o Order
	for _, r := range records {
		event, err := r.Event()
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

func (o *Order) applyNext(event Event, id int64, version int, at time.Time) error {
	if id != o.ID || version != o.Version+1 {
		return fmt.Errorf("event %d of order %d comes after version %d of order %d: %w", version, id, o.Version, o.ID, ErrInvalidTransition)
	}
	if err := event.apply(o, at); err != nil {
		return fmt.Errorf("event %d (%s) of order %d: %w", version, event.Type(), id, err)
	}
	o.Version = version
	return nil
}

func (o *Order) transition(want, to Status) error {
	if o.Status != want {
		return fmt.Errorf("%w: it is %q, not %q", ErrInvalidTransition, o.Status, want)
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
