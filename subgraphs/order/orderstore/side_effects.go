package orderstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
)

// integrationEvent is the data of the events of orders, as other services
// receive it.
type integrationEvent struct {
	OrderID  int64     `json:"orderId,string"`
	UserID   int64     `json:"userId,string"`
	Currency string    `json:"currency"`
	Total    int64     `json:"total"` // minor units
	Lines    []Line    `json:"lines"`
	PlacedAt time.Time `json:"placedAt"`
	Reason   string    `json:"reason,omitempty"` // of the cancellation, or of the provider's refusal
	// Shipment is set once the order is shipped.
	Shipment *Shipment `json:"shipment,omitempty"`
}

// ReservationGracePeriod is how long after an order's rejection a reservation
// for it may still arrive at inventory. Until then, "inventory knows no
// reservation" does not end a release.
const ReservationGracePeriod = time.Minute

// queueSideEffects adds to a batch what must commit together with an event:
// outbox events and tasks.
func queueSideEffects(ctx context.Context, b *pgx.Batch, o Order, at time.Time, event Event) error {
	if err := tellOthers(ctx, b, o, event); err != nil {
		return err
	}
	switch e := event.(type) {
	case PaymentAuthorized:
		deleteToken(b, o.ID)
	case Rejected:
		applyRejection(b, o, at, e)
	case Cancelled:
		enqueue(b, StockReleases, o.ID, at, at)
	case PersonalDataErased:
		redact(b, o.ID)
	}
	if o.DuePayment() != NoAction && o.Status != StatusRejected {
		enqueue(b, PaymentTasks, o.ID, at, at)
	}
	return nil
}

// tellOthers publishes what other services hear of an event.
func tellOthers(ctx context.Context, b *pgx.Batch, o Order, event Event) error {
	switch e := event.(type) {
	case Confirmed:
		return publish(ctx, b, events.OrderCreated, o, "")
	case Cancelled:
		return publish(ctx, b, events.OrderCancelled, o, e.Reason)
	case Shipped:
		return publish(ctx, b, events.OrderShipped, o, "")
	case Delivered:
		return publish(ctx, b, events.OrderDelivered, o, "")
	case PaymentCaptured:
		return publish(ctx, b, events.OrderPaid, o, "")
	case PaymentFailed:
		return publish(ctx, b, events.PaymentFailed, o, e.Reason)
	case PaymentRefunded:
		return publish(ctx, b, events.OrderRefunded, o, "")
	}
	return nil
}

// applyRejection makes sure that a rejected order keeps no stock and no money.
// For OutOfStock, inventory reserved nothing; only a concurrent call for the
// same order can have reserved and authorised since, so the compensation can
// wait.
func applyRejection(b *pgx.Batch, o Order, at time.Time, e Rejected) {
	due := at
	if e.Reason == OutOfStock {
		due = at.Add(ReservationGracePeriod)
	}
	deleteToken(b, o.ID)
	if o.DuePayment() != NoAction {
		enqueue(b, PaymentTasks, o.ID, at, due)
	}
	enqueue(b, StockReleases, o.ID, at, due)
}

// deleteToken deletes the payment token of an order that does not need it any
// more.
func deleteToken(b *pgx.Batch, order int64) {
	b.Queue(`DELETE FROM payment_tokens WHERE order_id = $1`, order)
}

func publish(ctx context.Context, b *pgx.Batch, kind string, o Order, reason string) error {
	err := events.Queue(ctx, b, events.Event{
		Type:    kind,
		Subject: strconv.FormatInt(o.ID, 10),
		Data: integrationEvent{
			OrderID: o.ID, UserID: o.UserID, Currency: o.Currency, Total: o.Total,
			Lines: o.Lines, PlacedAt: o.PlacedAt, Reason: reason, Shipment: o.Shipment,
		},
	})
	if err != nil {
		return fmt.Errorf("publishing %s of order %d: %w", kind, o.ID, err)
	}
	return nil
}
