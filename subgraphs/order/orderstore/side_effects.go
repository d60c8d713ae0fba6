package orderstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
)

// integrationEvent is the data of order.created and order.cancelled, as other
// services receive it.
type integrationEvent struct {
	OrderID  int64     `json:"orderId,string"`
	UserID   int64     `json:"userId,string"`
	Currency string    `json:"currency"`
	Total    int64     `json:"total"` // minor units
	Lines    []Line    `json:"lines"`
	PlacedAt time.Time `json:"placedAt"`
	Reason   string    `json:"reason,omitempty"` // of the cancellation
}

// ReservationGracePeriod is how long after an order's rejection a reservation
// for it may still arrive at inventory. Until then, "inventory knows no
// reservation" does not end a release.
const ReservationGracePeriod = time.Minute

// applySideEffects writes what must commit together with an event: outbox
// events, stock releases and the notification of subscriptions.
func (s *Store) applySideEffects(ctx context.Context, tx pgx.Tx, o Order, at time.Time, event Event) error {
	var err error
	switch e := event.(type) {
	case Confirmed:
		err = publish(ctx, tx, events.OrderCreated, o, "")
	case Cancelled:
		if err = publish(ctx, tx, events.OrderCancelled, o, e.Reason); err == nil {
			err = enqueueRelease(ctx, tx, o.ID, at, at)
		}
	case Rejected:
		err = applyRejection(ctx, tx, o.ID, at, e)
	}
	if err != nil {
		return err
	}
	return notify(ctx, tx, o.ID)
}

// applyRejection makes sure that a rejected order keeps no stock. For
// OutOfStock, inventory reserved nothing; only a concurrent call for the same
// order can have reserved since, so the release can wait.
func applyRejection(ctx context.Context, tx pgx.Tx, id int64, at time.Time, e Rejected) error {
	if e.Reason == OutOfStock {
		return enqueueRelease(ctx, tx, id, at, at.Add(ReservationGracePeriod))
	}
	// The caller is asked to try again, so the key must not return this order.
	if _, err := tx.Exec(ctx, `DELETE FROM order_keys WHERE order_id = $1`, id); err != nil {
		return fmt.Errorf("freeing the idempotency key of order %d: %w", id, err)
	}
	return enqueueRelease(ctx, tx, id, at, at)
}

func publish(ctx context.Context, tx pgx.Tx, kind string, o Order, reason string) error {
	err := events.Append(ctx, tx, events.Event{
		Type:    kind,
		Subject: strconv.FormatInt(o.ID, 10),
		Data: integrationEvent{
			OrderID: o.ID, UserID: o.UserID, Currency: o.Currency, Total: o.Total,
			Lines: o.Lines, PlacedAt: o.PlacedAt, Reason: reason,
		},
	})
	if err != nil {
		return fmt.Errorf("publishing %s of order %d: %w", kind, o.ID, err)
	}
	return nil
}
