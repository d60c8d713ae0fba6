package schema

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is implemented by every typed error of a mutation.
type Error interface{ IsError() }

// InvalidInput lists the invalid fields of an input.
type InvalidInput struct {
	Message string
	Fields  []*InvalidField
}

// InvalidField is an invalid field.
type InvalidField struct {
	Path    string // in the input, such as price.decimal
	Message string
	Hint    *string // what would be valid
}

// Add adds an invalid field. An empty hint means none.
func (e *InvalidInput) Add(path, message, hint string) {
	field := &InvalidField{Path: path, Message: message}
	if hint != "" {
		field.Hint = &hint
	}
	e.Fields = append(e.Fields, field)
}

// Err returns e if it has fields, else nil.
func (e *InvalidInput) Err() error {
	if e == nil || len(e.Fields) == 0 {
		return nil
	}
	if e.Message == "" {
		e.Message = "Invalid input: " + e.list() + "."
	}
	return e
}

func (e *InvalidInput) list() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Path + " " + f.Message
	}
	return strings.Join(parts, "; ")
}

// Invalid returns an InvalidInput with one field.
func Invalid(path, message, hint string) *InvalidInput {
	e := &InvalidInput{}
	e.Add(path, message, hint)
	e.Message = "Invalid input: " + e.list() + "."
	return e
}

// NotFound means that the entity does not exist or that the caller may not see
// it.
type NotFound struct{ Message string }

// NewNotFound returns a NotFound for a kind of entity and the ID that was
// requested.
func NewNotFound(kind, id string) *NotFound {
	return &NotFound{Message: fmt.Sprintf("There is no %s %q.", kind, id)}
}

// Conflict means that the change does not fit the current state.
type Conflict struct {
	Message string
	// Reason is the code if it is more specific than CONFLICT.
	Reason string
}

// KeyReused returns the Conflict of an idempotency key that was used for a
// different request. It has the same code as the router's own.
func KeyReused(kind string) *Conflict {
	return &Conflict{
		Message: fmt.Sprintf("The idempotency key was already used for a different %s. Use a new key for each %[1]s.", kind),
		Reason:  "IDEMPOTENCY_KEY_REUSED",
	}
}

// NewConflict returns a Conflict with a formatted message.
func NewConflict(format string, args ...any) *Conflict {
	return &Conflict{Message: fmt.Sprintf(format, args...)}
}

// StaleVersion returns the Conflict of a change that expected another version.
// Its code is that of If-Match in REST.
func StaleVersion(kind, id string, expected, found int) *Conflict {
	return &Conflict{
		Message: fmt.Sprintf("The %s %q has version %d, not the expected %d. Read it again and repeat the change.", kind, id, found, expected),
		Reason:  "PRECONDITION_FAILED",
	}
}

// Forbidden means that the caller may not do this.
type Forbidden struct{ Message string }

// NewForbidden returns a Forbidden with a formatted message.
func NewForbidden(format string, args ...any) *Forbidden {
	return &Forbidden{Message: fmt.Sprintf(format, args...)}
}

// Unavailable means that a service this one depends on is unavailable.
type Unavailable struct {
	Message    string
	RetryAfter int // seconds
}

// NewUnavailable returns an Unavailable. It rounds wait up to seconds.
func NewUnavailable(message string, wait time.Duration) *Unavailable {
	return &Unavailable{Message: message, RetryAfter: max(1, int((wait+time.Second-1)/time.Second))}
}

// OutOfStock lists the products that are not available in the requested
// quantity.
type OutOfStock struct {
	Message   string
	Shortages []*Shortage
}

// Shortage is a product that is not available in the requested quantity.
type Shortage struct {
	ProductID string
	Requested int
	Available int
}

// TotalChanged means that an order costs something else than its customer
// agreed to.
type TotalChanged struct {
	Message string
	Total   *Money
}

// PaymentDeclined means that the payment provider refused a payment.
type PaymentDeclined struct {
	Message string
	Reason  string // the provider's, such as insufficient_funds
}

// The messages double as error texts.
func (e *InvalidInput) Error() string    { return e.Message }
func (e *NotFound) Error() string        { return e.Message }
func (e *Conflict) Error() string        { return e.Message }
func (e *Forbidden) Error() string       { return e.Message }
func (e *Unavailable) Error() string     { return e.Message }
func (e *OutOfStock) Error() string      { return e.Message }
func (e *TotalChanged) Error() string    { return e.Message }
func (e *PaymentDeclined) Error() string { return e.Message }

// The machine-readable codes: one for each type, unless a value has its own.
func (*InvalidInput) Code() string    { return "INVALID_INPUT" }
func (*NotFound) Code() string        { return "NOT_FOUND" }
func (e *Conflict) Code() string      { return cmp.Or(e.Reason, "CONFLICT") }
func (*Forbidden) Code() string       { return "FORBIDDEN" }
func (*Unavailable) Code() string     { return "UNAVAILABLE" }
func (*OutOfStock) Code() string      { return "OUT_OF_STOCK" }
func (*TotalChanged) Code() string    { return "TOTAL_CHANGED" }
func (*PaymentDeclined) Code() string { return "PAYMENT_DECLINED" }

func (*InvalidInput) IsError()    {}
func (*NotFound) IsError()        {}
func (*Conflict) IsError()        {}
func (*Forbidden) IsError()       {}
func (*Unavailable) IsError()     {}
func (*OutOfStock) IsError()      {}
func (*TotalChanged) IsError()    {}
func (*PaymentDeclined) IsError() {}

// Result converts an error to a member of the union U, if it is one. Any other
// error is returned as an error. Resolvers of mutations end with it:
//
//	return schema.Result[PlaceOrderResult](err)
func Result[U any](err error) (U, error) {
	var result U
	if errors.As(err, &result) {
		return result, nil
	}
	return result, err
}
