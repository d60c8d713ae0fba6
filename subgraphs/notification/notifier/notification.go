package notifier

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// Channel is the medium of a notification.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Status is the state of a notification.
type Status string

// A notification starts as Pending and becomes Sent or Dead. Retry makes a Dead
// notification Pending again.
const (
	Pending Status = "PENDING"
	Sent    Status = "SENT"
	Dead    Status = "DEAD"
)

// Notification is one message to one person through one channel.
type Notification struct {
	ID        int64
	EventID   string // of the event that caused it
	Channel   Channel
	UserID    int64
	OrderID   *int64
	Template  string
	Recipient string
	Subject   string
	Body      string
	HTML      string
	Status    Status
	Attempts  int
	LastError *string
	CreatedAt time.Time
	SentAt    *time.Time

	attemptLimit int
	traceparent  string
	// mailID is the ID that the user service gave an e-mail that needs a token.
	mailID *string
}

const columns = `id, event_id, channel, user_id, order_id, template, recipient, subject, body, html,
	status, attempts, last_error, created_at, sent_at, allowed, traceparent, mail_id::text`

func scan(row pgx.CollectableRow) (n Notification, err error) {
	err = row.Scan(&n.ID, &n.EventID, &n.Channel, &n.UserID, &n.OrderID, &n.Template, &n.Recipient, &n.Subject, &n.Body, &n.HTML,
		&n.Status, &n.Attempts, &n.LastError, &n.CreatedAt, &n.SentAt, &n.attemptLimit, &n.traceparent, &n.mailID)
	return n, err
}
