package orderstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
)

// Announcement is the data of order.created and order.cancelled.
type IntegrationEvent struct {
	OrderID  int64     `json:"orderId,string"`
	UserID   int64     `json:"userId,string"`
	Currency string    `json:"currency"`
	Total    int64     `json:"total"` // minor units
	Lines    []Line    `json:"lines"`
	PlacedAt time.Time `json:"placedAt"`
	Reason   string    `json:"reason,omitempty"` // of a cancellation
}

// ReleaseGrace is how long a placement may go on after its order was rejected,
// and so how long inventory not knowing an order is no proof that it never will.
const ReservationGracePeriod = time.Minute

// effects are what must become true together with an event.
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

// rejectEffects sees to it that nothing stays reserved. When stock was short
// nothing is; only a second call for the same order could have got it since.
func applyRejection(ctx context.Context, tx pgx.Tx, id int64, at time.Time, e Rejected) error {
	if e.Reason == OutOfStock {
		return enqueueRelease(ctx, tx, id, at, at.Add(ReservationGracePeriod))
	}
	// The caller was told to try again, so the key must not lead here.
	if _, err := tx.Exec(ctx, `DELETE FROM order_keys WHERE order_id = $1`, id); err != nil {
		return fmt.Errorf("giving the idempotency key of order %d free: %w", id, err)
	}
	return enqueueRelease(ctx, tx, id, at, at)
}

func publish(ctx context.Context, tx pgx.Tx, kind string, o Order, reason string) error {
	err := events.Append(ctx, tx, events.Event{
		Type:    kind,
		Subject: strconv.FormatInt(o.ID, 10),
		Data: IntegrationEvent{
			OrderID: o.ID, UserID: o.UserID, Currency: o.Currency, Total: o.Total,
			Lines: o.Lines, PlacedAt: o.PlacedAt, Reason: reason,
		},
	})
	if err != nil {
		return fmt.Errorf("announcing %s of order %d: %w", kind, o.ID, err)
	}
	return nil
}
