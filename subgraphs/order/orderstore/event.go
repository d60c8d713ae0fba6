package orderstore

import (
	"encoding/json"
	"fmt"
	"time"

	"souk/subgraphs/internal/schema"
)

// Event is something that happened to an order: one of the types in this file
// and in payment.go. Events are stored as JSON forever, so fields may only be
// added. A field that can identify a person is also listed in the SQL function
// without_personal_data, which removes it when the account is erased.
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
	// ShippingAddress is nil if none was given, or if it was erased.
	ShippingAddress *Address `json:"shippingAddress,omitempty"`
	// PaymentRequired says that the order can be confirmed only with an
	// authorised payment of its total.
	PaymentRequired bool `json:"paymentRequired,omitempty"`
	// ExpectedTotal is the total that the customer agreed to, in minor units,
	// or nil if none was given. An order with another total cannot be placed.
	ExpectedTotal *int64 `json:"expectedTotal,omitempty"`
}

// Address is a postal address. Only Line2, PostalCode and Region may be empty.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	PostalCode string `json:"postalCode,omitempty"`
	Region     string `json:"region,omitempty"`
	Country    string `json:"country"` // ISO 3166-1 alpha-2
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
	// DeclineReason is the payment provider's reason if Reason is Declined.
	DeclineReason string `json:"declineReason,omitempty"`
}

// Reason is why an order was rejected.
type Reason string

// The reasons. OutOfStock and Declined are final for an idempotency key: a retry
// with the same key gets the same rejection. After the others, a retry with the
// same key places another order.
const (
	OutOfStock  Reason = "OUT_OF_STOCK"
	Declined    Reason = "PAYMENT_DECLINED" // the provider refused the payment
	Unavailable Reason = "UNAVAILABLE"      // inventory or the payment provider did not answer
	Abandoned   Reason = "ABANDONED"        // the process that placed it died
)

// Final reports whether a retry with the same idempotency key gets the same
// rejection.
func (r Reason) Final() bool { return r == OutOfStock || r == Declined }

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

// Shipped says that a confirmed order is on its way.
type Shipped struct {
	Carrier        string `json:"carrier,omitempty"`
	TrackingNumber string `json:"trackingNumber,omitempty"`
}

// Delivered says that a shipped order has arrived.
type Delivered struct{}

// PersonalDataErased says that the account of the order's user was erased. The
// transaction that appends it also removes personal data from earlier events.
type PersonalDataErased struct{}

// Type implements Event.
func (Placed) Type() string { return "OrderPlaced" }

// Type implements Event.
func (Confirmed) Type() string { return "OrderConfirmed" }

// Type implements Event.
func (Rejected) Type() string { return "OrderRejected" }

// Type implements Event.
func (Cancelled) Type() string { return "OrderCancelled" }

// Type implements Event.
func (Shipped) Type() string { return "OrderShipped" }

// Type implements Event.
func (Delivered) Type() string { return "OrderDelivered" }

// Type implements Event.
func (PersonalDataErased) Type() string { return "PersonalDataErased" }

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
	if decode, ok := decoders[r.Type]; ok {
		return decode(r)
	}
	return nil, fmt.Errorf("event %d of order %d has the unknown type %q", r.Version, r.OrderID, r.Type)
}

// decoders decode the data of each type of event.
var decoders = map[string]func(StoredEvent) (Event, error){
	Placed{}.Type():             decode[Placed],
	Confirmed{}.Type():          decode[Confirmed],
	Rejected{}.Type():           decode[Rejected],
	Cancelled{}.Type():          decode[Cancelled],
	Shipped{}.Type():            decode[Shipped],
	Delivered{}.Type():          decode[Delivered],
	PaymentAuthorized{}.Type():  decode[PaymentAuthorized],
	PaymentVoided{}.Type():      decode[PaymentVoided],
	PaymentCaptured{}.Type():    decode[PaymentCaptured],
	PaymentFailed{}.Type():      decode[PaymentFailed],
	RefundRequested{}.Type():    decode[RefundRequested],
	PaymentRefunded{}.Type():    decode[PaymentRefunded],
	PersonalDataErased{}.Type(): decode[PersonalDataErased],
}

func decode[E Event](r StoredEvent) (Event, error) {
	var e E
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return nil, fmt.Errorf("decoding event %d (%s) of order %d: %w", r.Version, r.Type, r.OrderID, err)
	}
	return e, nil
}
