package notification

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/sample"
	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/notification/message"
	"souk/subgraphs/notification/notifier"
)

// Generate adds the notifications of a generated shop to a migrated database:
// those about orders that were placed since a time, all of them sent.
func Generate(ctx context.Context, db *pgxpool.Pool, s *shop.Shop, since time.Time) error {
	writer, err := message.NewWriter()
	if err != nil {
		return err
	}
	g := generator{shop: s, writer: writer}
	err = database.Fill(ctx, db, []string{"notifications"}, func(tx pgx.Tx) error {
		err := notifier.Copy(ctx, tx, func(yield func(notifier.Notification) bool) {
			// Later orders have higher indexes.
			for i := s.Orders - 1; i >= 0; i-- {
				o := s.Order(i)
				if o.PlacedAt.Before(since) {
					break
				}
				if !g.about(o, yield) {
					return
				}
			}
		})
		if err == nil {
			err = g.failed
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("generating notifications: %w", err)
	}
	return nil
}

type generator struct {
	shop   *shop.Shop
	writer *message.Writer
	failed error
}

// about yields the notifications about an order, and reports whether to go on.
func (g *generator) about(o shop.Order, yield func(notifier.Notification) bool) bool {
	if o.Outcome == shop.OutOfStock || o.Outcome == shop.Declined {
		return true
	}
	order := message.Order{
		OrderID: o.ID, UserID: g.shop.LastUser + 1 + int64(o.User), Currency: sample.Currency, PlacedAt: o.PlacedAt,
		Lines: make([]message.Line, len(o.Lines)),
	}
	for i, line := range o.Lines {
		p := g.shop.Product(line.Product)
		order.Lines[i] = message.Line{Name: p.Name, Quantity: line.Quantity, UnitPrice: p.Cents}
		order.Total += p.Cents * int64(line.Quantity)
	}
	tell := func(template string, at time.Time) bool { return at.IsZero() || g.tell(o, order, template, at, yield) }
	if !tell(message.OrderCreated, o.ConfirmedAt()) {
		return false
	}
	if !o.CancelledAt.IsZero() {
		order.Reason = o.Reason
		return tell(message.OrderCancelled, o.CancelledAt)
	}
	if !o.ShippedAt.IsZero() {
		order.Shipment = &message.Shipment{Carrier: o.Carrier, TrackingNumber: o.Tracking}
	}
	return tell(message.OrderShipped, o.ShippedAt) && tell(message.OrderPaid, o.ShippedAt) &&
		tell(message.OrderDelivered, o.DeliveredAt) && tell(message.OrderRefunded, o.RefundedAt)
}

// sendDelay is the time between an event and the notification.
const sendDelay = 700 * time.Millisecond

// tell yields a notification for each channel of the user.
func (g *generator) tell(o shop.Order, order message.Order, template string, at time.Time, yield func(notifier.Notification) bool) bool {
	user := g.shop.User(o.User)
	sent := at.Add(sendDelay)
	n := notifier.Notification{
		EventID: eventID(o.ID, template), UserID: order.UserID, OrderID: &order.OrderID, Template: template, CreatedAt: at, SentAt: &sent,
	}
	write := func(channel notifier.Channel, recipient string, text message.Text, err error) bool {
		if err != nil {
			g.failed = err
			return false
		}
		n.Channel, n.Recipient, n.Subject, n.Body, n.HTML = channel, recipient, text.Subject, text.Body, text.HTML
		return yield(n)
	}
	text, err := g.writer.Email(template, user.DisplayName, order)
	if !write(notifier.Email, user.Email, text, err) {
		return false
	}
	if user.Phone == nil {
		return true
	}
	text, err = g.writer.SMS(template, order)
	return write(notifier.SMS, *user.Phone, text, err)
}

// eventID returns a UUID for the event that a notification is about.
func eventID(order int64, template string) string {
	h := fnv.New128a()
	fmt.Fprintf(h, "%d %s", order, template)
	id := h.Sum(nil)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8, RFC 9562
	text := hex.EncodeToString(id)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
