package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/orderstore"
)

const (
	// erasureGracePeriod is how long after an erasure a placement may still
	// commit that found the user before it.
	erasureGracePeriod = time.Minute
	// erasureLease is how long a claimed erasure is hidden from other replicas,
	// and the wait before orders that could not be erased are tried again.
	erasureLease     = 30 * time.Second
	erasureBatchSize = 100
)

// HandleErasure records a user.erased event. Erase does the work.
func (s *Service) HandleErasure(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var data struct {
		UserID int64 `json:"userId,string"`
	}
	if err := e.Decode(&data); err != nil {
		return events.Permanent(err)
	}
	return s.Orders.RequestErasure(ctx, tx, data.UserID)
}

// Erase erases personal data from the orders of users whose accounts were
// erased. It cancels orders that are not shipped yet; what they cost is voided
// and their units return to stock. The orders, their totals and their histories
// stay.
func (s *Service) Erase(ctx context.Context) error {
	for {
		e, ok, err := s.Orders.ClaimErasure(ctx, erasureLease)
		if err != nil || !ok {
			return err
		}
		done, err := s.eraseOrders(ctx, e.UserID)
		if err == nil && done && s.Now().Sub(e.CreatedAt) >= erasureGracePeriod {
			err = s.Orders.CompleteErasure(ctx, e)
		}
		if err != nil {
			return fmt.Errorf("erasing the personal data in the orders of user %d: %w", e.UserID, err)
		}
	}
}

// eraseOrders reports whether no personal data is left.
func (s *Service) eraseOrders(ctx context.Context, user int64) (done bool, err error) {
	done = true
	for after := int64(0); ; {
		orders, err := s.Orders.WithPersonalData(ctx, user, after, erasureBatchSize)
		if err != nil || len(orders) == 0 {
			return done, err
		}
		for _, o := range orders {
			after = o.ID
			erased, err := s.eraseOrder(ctx, o)
			if err != nil {
				return false, fmt.Errorf("order %d: %w", o.ID, err)
			}
			done = done && erased
		}
	}
}

// eraseOrder reports whether the order was erased. A pending order is left
// until it is settled.
func (s *Service) eraseOrder(ctx context.Context, o orderstore.Order) (bool, error) {
	if o.Status == orderstore.StatusConfirmed {
		_, err := s.Cancel(ctx, identity.System(), Cancellation{ID: formatID(o.ID)})
		var conflict *schema.Conflict // it was shipped in the meantime
		if err != nil && !errors.As(err, &conflict) {
			return false, err
		}
	}
	if o.Status == orderstore.StatusPending {
		return false, nil
	}
	return true, s.Orders.Erase(ctx, o.ID, systemActor)
}
