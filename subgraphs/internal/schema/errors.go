package schema

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is what every typed error of a mutation is.
type Error interface{ IsError() }

// InvalidInput says which values of the input are not acceptable.
type InvalidInput struct {
	Message string
	Fields  []*InvalidField
}

// InvalidField is one value that is not acceptable.
type InvalidField struct {
	Path    string // into the input, such as price.decimal
	Message string
	Hint    *string // what would be acceptable
}

// Add notes a value that is not acceptable; an empty hint is none.
func (e *InvalidInput) Add(path, message, hint string) {
	field := &InvalidField{Path: path, Message: message}
	if hint != "" {
		field.Hint = &hint
	}
	e.Fields = append(e.Fields, field)
}

// Err is the error once something was added, else nil.
func (e *InvalidInput) Err() error {
	if e == nil || len(e.Fields) == 0 {
		return nil
	}
	if e.Message == "" {
		e.Message = "The input is not acceptable: " + e.list() + "."
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

// Invalid makes an InvalidInput of one field.
func Invalid(path, message, hint string) *InvalidInput {
	e := &InvalidInput{}
	e.Add(path, message, hint)
	e.Message = "The input is not acceptable: " + e.list() + "."
	return e
}

// NotFound says that the thing named does not exist, or may not be seen.
type NotFound struct{ Message string }

// NewNotFound names the kind of thing and the id that was asked for.
func NewNotFound(kind, id string) *NotFound {
	return &NotFound{Message: fmt.Sprintf("There is no %s %q.", kind, id)}
}

// Conflict says that the change does not fit the present state.
type Conflict struct{ Message string }

// NewConflict makes a Conflict.
func NewConflict(format string, args ...any) *Conflict {
	return &Conflict{Message: fmt.Sprintf(format, args...)}
}

// StaleVersion is the Conflict of a change that expected another version.
func StaleVersion(kind, id string, expected, found int) *Conflict {
	return NewConflict("The %s %q is at version %d by now, not %d. Read it again and repeat the change.", kind, id, found, expected)
}

// Forbidden says that the caller may not do this.
type Forbidden struct{ Message string }

// NewForbidden makes a Forbidden.
func NewForbidden(format string, args ...any) *Forbidden {
	return &Forbidden{Message: fmt.Sprintf(format, args...)}
}

// Unavailable says that something needed is out of reach for now.
type Unavailable struct {
	Message    string
	RetryAfter int // seconds
}

// NewUnavailable makes an Unavailable; the wait is rounded up to seconds.
func NewUnavailable(message string, wait time.Duration) *Unavailable {
	return &Unavailable{Message: message, RetryAfter: max(1, int((wait+time.Second-1)/time.Second))}
}

// OutOfStock says of which products there is not enough.
type OutOfStock struct {
	Message   string
	Shortages []*Shortage
}

// Shortage is one product of which there is not enough.
type Shortage struct {
	ProductID string
	Requested int
	Available int
}

// The error texts are the messages, for logs and for %w.
func (e *InvalidInput) Error() string { return e.Message }
func (e *NotFound) Error() string     { return e.Message }
func (e *Conflict) Error() string     { return e.Message }
func (e *Forbidden) Error() string    { return e.Message }
func (e *Unavailable) Error() string  { return e.Message }
func (e *OutOfStock) Error() string   { return e.Message }

// The codes are for programs; a type has one code.
func (*InvalidInput) Code() string { return "INVALID_INPUT" }
func (*NotFound) Code() string     { return "NOT_FOUND" }
func (*Conflict) Code() string     { return "CONFLICT" }
func (*Forbidden) Code() string    { return "FORBIDDEN" }
func (*Unavailable) Code() string  { return "UNAVAILABLE" }
func (*OutOfStock) Code() string   { return "OUT_OF_STOCK" }

func (*InvalidInput) IsError() {}
func (*NotFound) IsError()     {}
func (*Conflict) IsError()     {}
func (*Forbidden) IsError()    {}
func (*Unavailable) IsError()  {}
func (*OutOfStock) IsError()   {}

// Result turns an error into a member of the union U, if it is one of those;
// any other error stays an error. Mutations end with it:
//
//	return schema.Result[PlaceOrderResult](err)
func Result[U any](err error) (U, error) {
	var result U
	if errors.As(err, &result) {
		return result, nil
	}
	return result, err
}
