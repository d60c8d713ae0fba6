package events

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// A Source reports on the events of a store. Its methods are called concurrently.
type Source interface {
	// Report returns the current state. A service that cannot be reached is an
	// [Outbox] with an error. The error of Report means that nothing is known.
	Report(ctx context.Context) (Report, error)
	// Retry publishes the event of a dead letter again, once. It returns
	// [ErrNotFound] or [ErrRetried] if it does not.
	Retry(ctx context.Context, service, id string) error
}

var (
	// ErrNotFound means that there is no such dead letter.
	ErrNotFound = errors.New("there is no such dead letter")
	// ErrRetried means that the dead letter was retried a short time ago.
	ErrRetried = errors.New("the dead letter has already been retried")
)

// Bounds on a report. A report of a service and a joined one have the same bounds, except
// for MaxDeadLetters, which applies to each service.
const (
	// MaxDeadLetters is how many dead letters a service reports, the newest ones.
	MaxDeadLetters = 50
	// MaxPayload is the size in bytes up to which a payload is shown whole.
	MaxPayload = 4 << 10
	// MaxError is the length in bytes at which an error is cut.
	MaxError = 2 << 10
	// MaxOrders is the number up to which orders are counted, for each state.
	MaxOrders = 100_000
)

// A Report is the state of a store's events. The JSON form is the response of a service to
// GET /events. In the report of a store, a list is nil if no service reports it.
type Report struct {
	Outbox  []Outbox     `json:"outbox"`
	Streams []Stream     `json:"streams"`
	Dead    []DeadLetter `json:"dead"` // newest first
	Orders  *Orders      `json:"orders"`
}

// An Outbox holds the events that a service has not published yet.
type Outbox struct {
	Service   string  `json:"service"`
	Pending   int     `json:"pending"`              // at most 10,000
	OldestAge float64 `json:"oldest_age"`           // seconds; 0 if there is none
	Published float64 `json:"published_per_second"` // in the last 10 s
	// Error says that the service did not report, and why; nil if it did. Reason is the cause
	// alone. The figures are unknown then, and null in JSON.
	Error  *string `json:"error"`
	Reason *string `json:"reason"`
}

// MarshalJSON implements json.Marshaler.
func (o Outbox) MarshalJSON() ([]byte, error) {
	type known Outbox
	if o.Error == nil {
		return json.Marshal(known(o))
	}
	return json.Marshal(struct {
		known
		Pending   *int     `json:"pending"`
		OldestAge *float64 `json:"oldest_age"`
		Published *float64 `json:"published_per_second"`
	}{known: known(o)})
}

// reports tells whether any service reports.
func (r *Report) reports() bool {
	return len(r.Outbox) == 0 || slices.ContainsFunc(r.Outbox, func(o Outbox) bool { return o.Error == nil })
}

// A Stream is a log of events that consumer groups read.
type Stream struct {
	Name   string  `json:"name"`
	Length int64   `json:"length"`
	Groups []Group `json:"groups"`
}

// A Group is a consumer group of a stream.
type Group struct {
	Name      string `json:"name"`
	Lag       int64  `json:"lag"`     // entries not read yet
	Pending   int64  `json:"pending"` // entries read and not finished
	Consumers int64  `json:"consumers"`
}

// A DeadLetter is an event that a service could not handle.
type DeadLetter struct {
	Service  string    `json:"service"` // the one that could not handle it
	Stream   string    `json:"stream"`  // where a retry publishes it
	ID       string    `json:"id"`      // of the dead letter
	Group    string    `json:"group"`   // the consumer group that failed
	Type     string    `json:"type"`    // of the event
	EventID  string    `json:"event_id"`
	Subject  string    `json:"subject"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"` // of the last attempt
	Time     time.Time `json:"time"`  // of the last attempt
	// Payload is the data of the event. If it is longer than MaxPayload, it is
	// a string with the beginning of the data. It is null if the event cannot be read.
	Payload json.RawMessage `json:"payload"`
}

// Orders counts a shop's orders.
type Orders struct {
	// ByState counts the orders in each state. A count of Max means that many or more.
	ByState map[string]int64 `json:"by_state"`
	Max     int64            `json:"max"`
}
