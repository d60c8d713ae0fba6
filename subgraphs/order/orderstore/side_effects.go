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

// applySideEffects writes what must commit together with an event: outbox
// events, tasks and the notification of subscriptions.
func (s *Store) applySideEffects(ctx context.Context, tx pgx.Tx, o Order, at time.Time, event Event) error {
	err := s.tellOthers(ctx, tx, o, event)
	if err != nil {
		return err
	}
	switch e := event.(type) {
	case PaymentAuthorized:
		err = deleteToken(ctx, tx, o.ID)
	case Rejected:
		err = applyRejection(ctx, tx, o, at, e)
	case Cancelled:
		err = enqueue(ctx, tx, StockReleases, o.ID, at, at)
	case PersonalDataErased:
		err = redact(ctx, tx, o.ID)
	}
	if err != nil {
		return err
	}
	if o.DuePayment() != NoAction && o.Status != StatusRejected {
		if err := enqueue(ctx, tx, PaymentTasks, o.ID, at, at); err != nil {
			return err
		}
	}
	return notify(ctx, tx, o.ID)
}

// tellOthers publishes what other services hear of an event.
func (s *Store) tellOthers(ctx context.Context, tx pgx.Tx, o Order, event Event) error {
	switch e := event.(type) {
	case Confirmed:
		return publish(ctx, tx, events.OrderCreated, o, "")
	case Cancelled:
		return publish(ctx, tx, events.OrderCancelled, o, e.Reason)
	case Shipped:
		return publish(ctx, tx, events.OrderShipped, o, "")
	case Delivered:
		return publish(ctx, tx, events.OrderDelivered, o, "")
	case PaymentCaptured:
		return publish(ctx, tx, events.OrderPaid, o, "")
	case PaymentFailed:
		return publish(ctx, tx, events.PaymentFailed, o, e.Reason)
	case PaymentRefunded:
		return publish(ctx, tx, events.OrderRefunded, o, "")
	}
	return nil
}

// applyRejection makes sure that a rejected order keeps no stock and no money.
// For OutOfStock, inventory reserved nothing; only a concurrent call for the
// same order can have reserved and authorised since, so the compensation can
// wait.
func applyRejection(ctx context.Context, tx pgx.Tx, o Order, at time.Time, e Rejected) error {
	due := at
	if e.Reason == OutOfStock {
		due = at.Add(ReservationGracePeriod)
	}
	if err := deleteToken(ctx, tx, o.ID); err != nil {
		return err
	}
	if o.DuePayment() != NoAction {
		if err := enqueue(ctx, tx, PaymentTasks, o.ID, at, due); err != nil {
			return err
		}
	}
	return enqueue(ctx, tx, StockReleases, o.ID, at, due)
}

// deleteToken deletes the payment token of an order that does not need it any
// more.
func deleteToken(ctx context.Context, tx pgx.Tx, order int64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM payment_tokens WHERE order_id = $1`, order); err != nil {
		return fmt.Errorf("deleting the payment token of order %d: %w", order, err)
	}
	return nil
}

func publish(ctx context.Context, tx pgx.Tx, kind string, o Order, reason string) error {
	err := events.Append(ctx, tx, events.Event{
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
