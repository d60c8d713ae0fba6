package orderstore

import (
	"fmt"
	"slices"
	"time"
)

// Payment is the state of an order's payment.
type Payment struct {
	Status PaymentStatus `json:"status"`
	At     time.Time     `json:"at"` // when it took the status
	// Released says that the provider has let the amount of a Failed payment go.
	Released bool `json:"released,omitempty"`
}

// PaymentStatus is the state of a payment.
type PaymentStatus string

// A payment starts as Unpaid. It becomes Declined, or Authorized and then
// Captured when the order is shipped. The payment of an order that is rejected
// or cancelled becomes Voided. A Captured payment can become Refunding and then
// Refunded. Failed means that the provider refused to capture the payment of a
// shipped order.
const (
	StatusUnpaid     PaymentStatus = "UNPAID"
	StatusDeclined   PaymentStatus = "DECLINED"
	StatusAuthorized PaymentStatus = "AUTHORIZED"
	StatusVoided     PaymentStatus = "VOIDED"
	StatusCaptured   PaymentStatus = "CAPTURED"
	StatusFailed     PaymentStatus = "FAILED"
	StatusRefunding  PaymentStatus = "REFUNDING"
	StatusRefunded   PaymentStatus = "REFUNDED"
)

// PaymentAuthorized says that the provider holds the total of a pending order.
type PaymentAuthorized struct{}

// PaymentVoided says that the provider let the total of a rejected or cancelled
// order go, or that of an order whose payment is Failed, which stays Failed.
type PaymentVoided struct{}

// PaymentCaptured says that the provider took the total of a shipped order.
type PaymentCaptured struct{}

// PaymentFailed says that the provider refused to capture the total of a
// shipped order.
type PaymentFailed struct {
	Reason string `json:"reason"` // the provider's
}

// RefundRequested says that an administrator wants the total to be paid back.
type RefundRequested struct {
	Reason string `json:"reason,omitempty"`
}

// PaymentRefunded says that the provider paid the total back.
type PaymentRefunded struct{}

// Type implements Event.
func (PaymentAuthorized) Type() string { return "PaymentAuthorized" }

// Type implements Event.
func (PaymentVoided) Type() string { return "PaymentVoided" }

// Type implements Event.
func (PaymentCaptured) Type() string { return "PaymentCaptured" }

// Type implements Event.
func (PaymentFailed) Type() string { return "PaymentFailed" }

// Type implements Event.
func (RefundRequested) Type() string { return "RefundRequested" }

// Type implements Event.
func (PaymentRefunded) Type() string { return "PaymentRefunded" }

// PaymentAction is what the provider must do with a payment.
type PaymentAction string

// The actions.
const (
	NoAction PaymentAction = ""
	Void     PaymentAction = "void"
	Capture  PaymentAction = "capture"
	Refund   PaymentAction = "refund"
)

// DuePayment returns what the provider must do with the order's payment. It
// follows from the events alone, so no crash can lose it. A rejected order whose
// payment is Unpaid may have been authorised all the same, by a call that never
// returned.
func (o Order) DuePayment() PaymentAction {
	if o.Payment == nil {
		return NoAction
	}
	switch status := o.Payment.Status; o.Status {
	case StatusRejected:
		if status == StatusUnpaid || status == StatusAuthorized {
			return Void
		}
	case StatusCancelled:
		if status == StatusAuthorized {
			return Void
		}
	case StatusShipped, StatusDelivered:
		if status == StatusAuthorized {
			return Capture
		}
		if status == StatusFailed && !o.Payment.Released {
			return Void
		}
		if status == StatusRefunding {
			return Refund
		}
	}
	return NoAction
}

// pay changes the status of the payment to to, from one of the others.
func (o *Order) pay(at time.Time, to PaymentStatus, from ...PaymentStatus) error {
	if o.Payment == nil {
		return fmt.Errorf("%w: the order is not paid through the provider", ErrInvalidTransition)
	}
	if !slices.Contains(from, o.Payment.Status) {
		return fmt.Errorf("%w: the payment is %s, not one of %s", ErrInvalidTransition, o.Payment.Status, from)
	}
	o.Payment = &Payment{Status: to, At: at}
	return nil
}

// require returns an error unless the order has one of the statuses.
func (o *Order) require(statuses ...Status) error {
	if !slices.Contains(statuses, o.Status) {
		return fmt.Errorf("%w: the status is %q, not one of %q", ErrInvalidTransition, o.Status, statuses)
	}
	return nil
}

func (PaymentAuthorized) apply(o *Order, at time.Time) error {
	if err := o.require(StatusPending); err != nil {
		return err
	}
	return o.pay(at, StatusAuthorized, StatusUnpaid)
}

func (PaymentVoided) apply(o *Order, at time.Time) error {
	if o.Payment != nil && o.Payment.Status == StatusFailed && !o.Payment.Released {
		o.Payment = &Payment{Status: StatusFailed, At: o.Payment.At, Released: true}
		return nil
	}
	if err := o.require(StatusRejected, StatusCancelled); err != nil {
		return err
	}
	return o.pay(at, StatusVoided, StatusUnpaid, StatusAuthorized)
}

func (PaymentCaptured) apply(o *Order, at time.Time) error {
	if err := o.require(StatusShipped, StatusDelivered); err != nil {
		return err
	}
	return o.pay(at, StatusCaptured, StatusAuthorized)
}

func (PaymentFailed) apply(o *Order, at time.Time) error {
	if err := o.require(StatusShipped, StatusDelivered); err != nil {
		return err
	}
	return o.pay(at, StatusFailed, StatusAuthorized)
}

func (RefundRequested) apply(o *Order, at time.Time) error {
	return o.pay(at, StatusRefunding, StatusCaptured)
}

func (PaymentRefunded) apply(o *Order, at time.Time) error {
	return o.pay(at, StatusRefunded, StatusRefunding)
}
