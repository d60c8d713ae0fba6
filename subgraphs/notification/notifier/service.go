package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/notification/deliver"
	"souk/subgraphs/notification/message"
	"souk/subgraphs/notification/userclient"
)

// attemptLimit is how often a notification is attempted before it is dead.
const attemptLimit = 8

// Service creates, sends and retries notifications.
type Service struct {
	DB     *pgxpool.Pool
	Writer *message.Writer
	Users  *userclient.Client
	// Channels holds the sender of each enabled channel.
	Channels map[Channel]Sender
	Metrics  *Metrics
	Tracer   trace.Tracer
	Now      func() time.Time
	Logger   *slog.Logger

	unrecorded unrecorded
	sent       sentQueue
}

// Sender makes one attempt to deliver a message.
type Sender interface {
	Send(ctx context.Context, m deliver.Message) error
}

// traceContext injects and extracts W3C trace context.
var traceContext propagation.TraceContext

// templates maps the type of an event to the template of its notifications.
var templates = map[string]string{
	events.OrderCreated:   message.OrderCreated,
	events.OrderCancelled: message.OrderCancelled,
	events.OrderPaid:      message.OrderPaid,
	events.OrderShipped:   message.OrderShipped,
	events.OrderDelivered: message.OrderDelivered,
	events.OrderRefunded:  message.OrderRefunded,
	events.PaymentFailed:  message.PaymentFailed,
}

// EventTypes returns the types of the events that Handle expects.
func EventTypes() []string {
	return append(slices.Sorted(maps.Keys(templates)), events.UserErased, events.UserMail)
}

// Handle creates the notifications for an event of an order or of an account, or
// erases those of a user. It fails permanently if the event's user does not exist or its data
// is invalid, and temporarily while the user service is unavailable.
func (s *Service) Handle(ctx context.Context, tx pgx.Tx, e events.Event) error {
	switch e.Type {
	case events.UserErased:
		return s.erase(ctx, tx, e)
	case events.UserMail:
		return s.tellAccount(ctx, tx, e)
	}
	var order message.Order
	if err := e.Decode(&order); err != nil {
		return events.Permanent(err)
	}
	contact, ok, err := s.contact(ctx, order.UserID)
	if err != nil {
		return unavailable(err)
	}
	if !ok {
		return events.Permanent(fmt.Errorf("%s is for user %d, which does not exist", e.Type, order.UserID))
	}
	if contact.Erased {
		return nil // nobody can be reached any more
	}
	template := templates[e.Type]
	n := Notification{EventID: e.ID, UserID: order.UserID, OrderID: &order.OrderID, Template: template, traceparent: traceparent(ctx)}
	if !contact.EmailConfirmed { // who reads the e-mail may not be who wrote these
		contact.Name, order.Reason = "", ""
	}
	if s.Channels[Email] != nil {
		text, err := s.Writer.Email(template, contact.Name, order)
		if err != nil {
			return events.Permanent(err)
		}
		n.Channel, n.Recipient = Email, contact.Email
		if err := s.tell(ctx, tx, n, text, contact.EmailConfirmed); err != nil {
			return err
		}
	}
	if s.Channels[SMS] != nil && contact.Phone != "" {
		text, err := s.Writer.SMS(template, order)
		if err != nil {
			return events.Permanent(err)
		}
		n.Channel, n.Recipient = SMS, contact.Phone
		return s.tell(ctx, tx, n, text, false)
	}
	return nil
}

// tell stores a notification about an order, unless a recipient who has not been
// confirmed has had enough of them.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, n Notification, text message.Text, confirmed bool) error {
	if !confirmed {
		may, err := s.mayTell(ctx, tx, n.Channel, n.Recipient)
		if err != nil {
			return err
		}
		if !may {
			s.Logger.InfoContext(ctx, "dropped a notification: its recipient is not confirmed and has had the most of an hour",
				"user", n.UserID, "order", *n.OrderID, "template", n.Template, "channel", n.Channel)
			return nil
		}
	}
	return s.insert(ctx, tx, n, text)
}

// unavailable marks an error of the user service that does not respond, so that
// the event waits.
func unavailable(err error) error {
	if failure := (*peer.Error)(nil); errors.As(err, &failure) && failure.Temporary() {
		return events.Unavailable(err)
	}
	return err
}

func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	traceContext.Inject(ctx, carrier)
	return carrier["traceparent"]
}

func (s *Service) insert(ctx context.Context, tx pgx.Tx, n Notification, text message.Text) error {
	now := s.Now()
	_, err := tx.Exec(ctx, `
		INSERT INTO notifications (event_id, channel, user_id, order_id, template, recipient, subject, body, html,
			status, allowed, created_at, due_at, traceparent, mail_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING', $10, $11, $11, $12, $13)
		ON CONFLICT (event_id, channel) DO NOTHING`,
		n.EventID, n.Channel, n.UserID, n.OrderID, n.Template, n.Recipient, text.Subject, text.Body, text.HTML,
		attemptLimit, now, n.traceparent, n.mailID)
	if err != nil {
		return fmt.Errorf("storing a notification for channel %s: %w", n.Channel, err)
	}
	return nil
}

// Errors of Retry.
var (
	ErrNotFound = errors.New("notification not found")
	ErrNotDead  = errors.New("the notification is not dead")
	ErrErased   = errors.New("the recipient's account was erased")
)

// Retry makes a dead notification pending again, with as many attempts as a
// new one.
func (s *Service) Retry(ctx context.Context, id int64) (Notification, error) {
	rows, err := s.DB.Query(ctx, `
		UPDATE notifications SET status = 'PENDING', allowed = attempts + $2, due_at = $3
		WHERE id = $1 AND status = 'DEAD' AND recipient <> '' RETURNING `+columns, id, attemptLimit, s.Now())
	if err != nil {
		return Notification{}, fmt.Errorf("retrying a notification: %w", err)
	}
	n, err := pgx.CollectExactlyOneRow(rows, scan)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return n, fmt.Errorf("retrying a notification: %w", err)
	}
	found, err := s.ByID(ctx, []int64{id})
	if err != nil {
		return n, err
	}
	if _, ok := found[id]; !ok {
		return n, ErrNotFound
	}
	if found[id].Recipient == "" {
		return found[id], ErrErased
	}
	return found[id], ErrNotDead
}
