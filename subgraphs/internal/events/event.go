package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Types of the store's events.
const (
	OrderCreated     = "order.created"
	OrderCancelled   = "order.cancelled"
	OrderShipped     = "order.shipped"
	OrderDelivered   = "order.delivered"
	OrderPaid        = "order.paid"
	OrderRefunded    = "order.refunded"
	PaymentFailed    = "payment.failed" // the payment of a shipped order could not be captured
	InventoryUpdated = "inventory.updated"
	ProductUpdated   = "product.updated"
	NotificationSent = "notification.sent"
	UserErased       = "user.erased"
	UserMail         = "user.mail" // an e-mail about an account is to be sent
)

// published are the types of events by the service that publishes them.
var published = map[string][]string{
	"order":        {OrderCreated, OrderCancelled, OrderShipped, OrderDelivered, OrderPaid, OrderRefunded, PaymentFailed},
	"inventory":    {InventoryUpdated},
	"product":      {ProductUpdated},
	"notification": {NotificationSent},
	"user":         {UserErased, UserMail},
}

const (
	// Stream is the Redis stream of all events. There is one stream, so that
	// events of different types about one subject keep their order.
	Stream = "souk:events"
	// deadStream is the Redis stream of events that a consumer could not
	// handle.
	deadStream = "souk:events:dead"

	// fieldEvent is the field of a stream entry that holds the CloudEvent.
	// fieldType repeats its type, so that readers can skip events without
	// parsing them.
	fieldEvent = "event"
	fieldType  = "type"
)

// Event is something that happened in a service.
type Event struct {
	Type    string
	Subject string // the ID of the entity it happened to
	// Data is any value that encodes as JSON when the event is appended, and a
	// json.RawMessage when it is handled.
	Data any
	// Version is the version of the schema of Data, from 1; 0 means 1. A new
	// version is for changes that older consumers would misread: fields that
	// disappear or change their meaning. Fields may be added within a version.
	// Handlers get events in the newest version that they know.
	Version int

	// Append sets these.
	ID     string // UUID; the same in every delivery
	Source string // such as /souk/product
	Time   time.Time
}

// Decode decodes the data of a received event.
func (e Event) Decode(into any) error {
	raw, ok := e.Data.(json.RawMessage)
	if !ok {
		return fmt.Errorf("cannot decode event %s: its data is a %T, not received JSON", e.ID, e.Data)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decoding the data of %s %s: %w", e.Type, e.ID, err)
	}
	return nil
}

// envelope is a CloudEvent 1.0 in JSON format, with the distributed tracing
// extension.
type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	SchemaVersion   int             `json:"schemaversion,omitempty"` // extension attribute; absent for 1
	TraceParent     string          `json:"traceparent,omitempty"`
	TraceState      string          `json:"tracestate,omitempty"`
	Data            json.RawMessage `json:"data"`
}

func parseEnvelope(text string) (envelope, error) {
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return e, fmt.Errorf("decoding a CloudEvent: %w", err)
	}
	if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Type == "" {
		return e, fmt.Errorf("not a CloudEvent 1.0 with ID, source and type: %.200s", text)
	}
	return e, nil
}

func (e envelope) event() Event {
	return Event{Type: e.Type, Subject: e.Subject, Data: e.Data, Version: max(1, e.SchemaVersion), ID: e.ID, Source: e.Source, Time: e.Time}
}
