package shop

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Outcome is what became of an order.
type Outcome int

// The outcomes.
const (
	OutOfStock Outcome = iota // rejected
	Declined                  // rejected
	Cancelled                 // before it was shipped
	Confirmed                 // not shipped yet
	Shipped                   // not delivered yet
	Delivered
	Refunded // after it was delivered
)

// Order is an order of the shop. Times that its outcome does not have are zero.
type Order struct {
	ID       int64
	User     int // index
	Lines    []Line
	Address  Address
	Outcome  Outcome
	Reason   string // of a cancellation or refund
	Carrier  string
	Tracking string

	PlacedAt, CancelledAt, ShippedAt, DeliveredAt, RefundedAt time.Time
}

// Line is a quantity of a product.
type Line struct {
	Product  int // index
	Quantity int
}

// From these ages on, orders are shipped and delivered.
const (
	shippedAge   = 2 * 24 * time.Hour
	deliveredAge = 5 * 24 * time.Hour
	refundedAge  = 20 * 24 * time.Hour
)

// Order makes up the i-th order, from 0. Later orders have higher indexes.
func (s *Shop) Order(i int) Order {
	random := s.random(orderStream, i)
	step := float64(Span-newestOrder) / float64(s.Orders)
	age := Span - time.Duration(step*(float64(i)+random.Float64()))
	o := Order{ID: s.LastOrder + 1 + int64(i), PlacedAt: s.Now.Add(-age).Truncate(time.Microsecond)}
	o.User = popular(random, s.present(i, s.Users))
	o.Address = s.address(o.User)
	picked := map[int]bool{}
	for range 1 + random.IntN(2)*random.IntN(4) {
		product := popular(random, s.present(i, s.Products))
		if !picked[product] {
			picked[product] = true
			o.Lines = append(o.Lines, Line{product, 1 + random.IntN(2)*random.IntN(3)})
		}
	}
	o.end(random, age)
	return o
}

// end sets the outcome of an order.
func (o *Order) end(random *rand.Rand, age time.Duration) {
	hours := func(least, most int) time.Duration {
		return time.Duration(least)*time.Hour + time.Duration(random.Int64N(int64(most-least)*int64(time.Hour)))
	}
	switch n := random.IntN(100); {
	case n < 2:
		o.Outcome = OutOfStock
		return
	case n < 4:
		o.Outcome = Declined
		return
	case n < 11:
		o.Outcome, o.Reason = Cancelled, pick(random, cancelReasons)
		o.CancelledAt = o.PlacedAt.Add(min(age/2, hours(1, 24)))
		return
	case n < 14 && age > refundedAge:
		o.Outcome, o.Reason = Refunded, pick(random, refundReasons)
	case age > deliveredAge:
		o.Outcome = Delivered
	case age > shippedAge:
		o.Outcome = Shipped
	default:
		o.Outcome = Confirmed
		return
	}
	o.Carrier = pick(random, carriers)
	o.Tracking = fmt.Sprintf("%c%c%010d", o.Carrier[0], 'A'+rune(random.IntN(26)), o.ID)
	o.ShippedAt = o.PlacedAt.Add(hours(2, 40))
	if o.Outcome != Shipped {
		o.DeliveredAt = o.ShippedAt.Add(hours(20, 70))
	}
	if o.Outcome == Refunded {
		o.RefundedAt = o.DeliveredAt.Add(hours(24, 14*24))
	}
}

// ConfirmedAt is when an order was confirmed that was not rejected.
func (o Order) ConfirmedAt() time.Time { return o.PlacedAt.Add(90 * time.Millisecond) }

// RejectedAt is when an order was rejected.
func (o Order) RejectedAt() time.Time { return o.PlacedAt.Add(80 * time.Millisecond) }
