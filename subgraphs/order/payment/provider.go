package payment

import (
	"context"
	"fmt"
)

// Provider authorises, captures, voids and refunds payments.
//
// Every payment has a key that the caller chooses, and every method is
// idempotent: a repeated call returns what the first one did. A method returns
// *Declined or *Refused if the provider said no. Any other error means that the
// outcome is unknown: the call may have had its effect, or may still have it
// later.
type Provider interface {
	// Authorize holds an amount. It returns *Declined if the provider refuses
	// the means of payment, and *Refused if the payment was voided.
	Authorize(ctx context.Context, a Authorization) error
	// Capture takes the amount of an authorised payment.
	Capture(ctx context.Context, key string) error
	// Void lets the amount of an authorised payment go and reports whether
	// there was one. If the key is unknown, an authorisation that arrives later
	// is refused. So after Void, no money is held under the key, whatever calls
	// are still in flight.
	Void(ctx context.Context, key string) (held bool, err error)
	// Refund pays back the amount of a captured payment.
	Refund(ctx context.Context, key string) error
	// Ready returns nil unless a call of one of the operations would fail
	// immediately. Each operation fails by itself.
	Ready(operations ...Operation) error
}

// Operation is a kind of call.
type Operation = string

// The operations of a provider.
const (
	Authorize Operation = "authorize"
	Capture   Operation = "capture"
	Void      Operation = "void"
	Refund    Operation = "refund"
)

// Authorization is a request to hold an amount.
type Authorization struct {
	Key       string // of the payment
	Amount    int64  // minor units, more than 0
	Currency  string // ISO 4217
	Token     string // for the means of payment; empty for the provider's default
	Reference string // for people, such as the order's ID
}

// Status is the state of a payment at the provider.
type Status string

// The states of a payment at the provider.
const (
	Authorized    Status = "AUTHORIZED"
	DeclinedState Status = "DECLINED"
	Captured      Status = "CAPTURED"
	Voided        Status = "VOIDED"
	Refunded      Status = "REFUNDED"
)

// Declined means that the provider refused the means of payment. It is final
// for the key.
type Declined struct {
	Reason  string // for programs, such as insufficient_funds
	Message string // for people
}

func (e *Declined) Error() string {
	return fmt.Sprintf("the payment was declined (%s): %s", e.Reason, e.Message)
}

// Refused means that the payment is in a state that does not allow the call.
type Refused struct {
	Status Status // empty if the payment is unknown
	Reason string // for programs
}

func (e *Refused) Error() string {
	return fmt.Sprintf("the payment provider refused the call (%s): the payment is %q", e.Reason, e.Status)
}
