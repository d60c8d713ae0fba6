package orderstore

import (
	"encoding/json"
	"fmt"
	"time"

	"souk/subgraphs/internal/schema"
)

// Event is something that happened to an order: Placed, Confirmed, Rejected or
// Cancelled. Their JSON is kept for ever, so fields may only be added.
type Event interface {
	// Type is the event's name in the audit trail.
	Type() string
	// apply brings an order into the state after the event.
	apply(o *Order, at time.Time) error
}

// Placed is always the first: somebody wants these lines at these prices.
type Placed struct {
	UserID   int64  `json:"userId,string"`
	Currency string `json:"currency"` // ISO 4217; of all the prices
	Lines    []Line `json:"lines"`
}

// Line is so many units of a product, with the name and the price it had.
type Line struct {
	ProductID int64  `json:"productId,string"`
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice int64  `json:"unitPrice"` // minor units
}

// Confirmed says that the units were sold to the order.
type Confirmed struct{}

// Rejected says that the order could not be completed.
type Rejected struct {
	Reason    Reason     `json:"reason"`
	Message   string     `json:"message"`
	Shortages []Shortage `json:"shortages,omitempty"`
}

// Reason is why an order was rejected.
type Reason string

// The reasons. Only OutOfStock is an answer about the order itself, which a
// repeated call with the same idempotency key gets again.
const (
	OutOfStock  Reason = "OUT_OF_STOCK"
	Unavailable Reason = "UNAVAILABLE" // stock could not be reserved just then
	Abandoned   Reason = "ABANDONED"   // the process that placed it died on the way
)

// Shortage is a product of which there was not enough.
type Shortage struct {
	ProductID string `json:"productId"`
	Requested int    `json:"requested"`
	Available int    `json:"available"`
}

// Cancelled says that a confirmed order was taken back.
type Cancelled struct {
	Reason string `json:"reason,omitempty"`
}

// Type implements Event.
func (Placed) Type() string { return "OrderPlaced" }

// Type implements Event.
func (Confirmed) Type() string { return "OrderConfirmed" }

// Type implements Event.
func (Rejected) Type() string { return "OrderRejected" }

// Type implements Event.
func (Cancelled) Type() string { return "OrderCancelled" }

// Record is an event with its place in an order's history.
type StoredEvent struct {
	OrderID int64
	Version int // 1 for the first
	At      time.Time
	Actor   string // a user's id, system, or anonymous
	Type    string
	Data    schema.JSON
}

// Event reads the record's event.
func (r StoredEvent) Event() (Event, error) {
	switch r.Type {
	case Placed{}.Type():
		return decode[Placed](r)
	case Confirmed{}.Type():
		return decode[Confirmed](r)
	case Rejected{}.Type():
		return decode[Rejected](r)
	case Cancelled{}.Type():
		return decode[Cancelled](r)
	}
	return nil, fmt.Errorf("event %d of order %d is of the unknown type %q", r.Version, r.OrderID, r.Type)
}

func decode[E Event](r StoredEvent) (Event, error) {
	var e E
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return nil, fmt.Errorf("reading event %d (%s) of order %d: %w", r.Version, r.Type, r.OrderID, err)
	}
	return e, nil
}
