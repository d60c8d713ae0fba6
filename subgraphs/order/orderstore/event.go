package orderstore

import (
	"encoding/json"
	"fmt"
	"time"

	"souk/subgraphs/internal/schema"
)

// Event is something that happened to an order: Placed, Confirmed, Rejected or
// Cancelled. Events are stored as JSON forever, so fields may only be added.
type Event interface {
	// Type returns the event's type name, as it is stored.
	Type() string
	// apply changes the order to the state after the event.
	apply(o *Order, at time.Time) error
}

// Placed is the first event of every order.
type Placed struct {
	UserID   int64  `json:"userId,string"`
	Currency string `json:"currency"` // ISO 4217, for all prices
	Lines    []Line `json:"lines"`
}

// Line is a quantity of a product, with its name and price at the time of the
// order.
type Line struct {
	ProductID int64  `json:"productId,string"`
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice int64  `json:"unitPrice"` // minor units
}

// Confirmed says that inventory sold the units to the order.
type Confirmed struct{}

// Rejected says that the order could not be completed.
type Rejected struct {
	Reason    Reason     `json:"reason"`
	Message   string     `json:"message"`
	Shortages []Shortage `json:"shortages,omitempty"`
}

// Reason is why an order was rejected.
type Reason string

// The reasons. Only OutOfStock is final for an idempotency key: a retry with
// the same key gets the same rejection. The others free the key.
const (
	OutOfStock  Reason = "OUT_OF_STOCK"
	Unavailable Reason = "UNAVAILABLE" // inventory did not answer
	Abandoned   Reason = "ABANDONED"   // the process that placed it died
)

// Shortage is a product that is not available in the requested quantity.
type Shortage struct {
	ProductID string `json:"productId"`
	Requested int    `json:"requested"`
	Available int    `json:"available"`
}

// Cancelled says that a confirmed order was cancelled.
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

// StoredEvent is an event with its position in the order's history.
type StoredEvent struct {
	OrderID int64
	Version int // 1 for the first
	At      time.Time
	Actor   string // a user's ID, "system" or "anonymous"
	Type    string
	Data    schema.JSON
}

// event decodes the stored event.
func (r StoredEvent) event() (Event, error) {
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
	return nil, fmt.Errorf("event %d of order %d has the unknown type %q", r.Version, r.OrderID, r.Type)
}

func decode[E Event](r StoredEvent) (Event, error) {
	var e E
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return nil, fmt.Errorf("decoding event %d (%s) of order %d: %w", r.Version, r.Type, r.OrderID, err)
	}
	return e, nil
}
