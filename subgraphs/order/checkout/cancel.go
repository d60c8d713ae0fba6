package checkout

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/orderstore"
)

// Cancellation is a request to cancel an order.
type Cancellation struct {
	ID              string
	Reason          string
	ExpectedVersion *int // nil accepts any version
}

const maxReasonLength = 500 // characters

// immediateReleaseTimeout is how long Cancel waits for inventory to take the
// units back. The order is cancelled even if that takes longer.
const immediateReleaseTimeout = time.Second

// Cancel cancels a confirmed order and returns it. It is idempotent. Its errors
// are those of package schema: NotFound (also if the caller may not see the
// order), Conflict and InvalidInput.
func (s *Service) Cancel(ctx context.Context, caller identity.Caller, c Cancellation) (orderstore.Order, error) {
	id, ok := ParseID(c.ID)
	if !ok {
		return orderstore.Order{}, schema.NewNotFound("order", c.ID)
	}
	if n := utf8.RuneCountInString(c.Reason); n > maxReasonLength {
		return orderstore.Order{}, schema.Invalid("reason", fmt.Sprintf("has %d characters", n), fmt.Sprintf("at most %d", maxReasonLength))
	}
	changed := false
	o, err := s.Orders.Change(ctx, id, caller.Actor(), func(o orderstore.Order) (orderstore.Event, error) {
		event, err := decideCancel(caller, o, c)
		changed = event != nil
		return event, err
	})
	if errors.Is(err, orderstore.ErrNotFound) {
		return o, schema.NewNotFound("order", c.ID)
	}
	if err != nil {
		return o, err
	}
	if changed {
		s.releaseImmediately(ctx, o.ID)
	}
	return o, nil
}

func decideCancel(caller identity.Caller, o orderstore.Order, c Cancellation) (orderstore.Event, error) {
	if !caller.MaySee(formatID(o.UserID)) {
		return nil, schema.NewNotFound("order", c.ID)
	}
	stale := c.ExpectedVersion != nil && *c.ExpectedVersion != o.Version
	switch o.Status {
	case orderstore.StatusCancelled:
		// A retry names the version that the first call cancelled.
		if stale && *c.ExpectedVersion != o.Version-1 {
			return nil, schema.StaleVersion("order", c.ID, *c.ExpectedVersion, o.Version)
		}
		return nil, nil
	case orderstore.StatusRejected:
		return nil, schema.NewConflict("Order %s was rejected, so there is nothing to cancel.", c.ID)
	case orderstore.StatusPending:
		return nil, schema.NewConflict("Order %s is still being placed. Try again in a moment.", c.ID)
	}
	if stale {
		return nil, schema.StaleVersion("order", c.ID, *c.ExpectedVersion, o.Version)
	}
	return orderstore.Cancelled{Reason: c.Reason}, nil
}

// releaseImmediately tries to return an order's units before the caller gets
// its response, so that the caller sees them in stock. If it fails, the worker
// releases them later.
func (s *Service) releaseImmediately(ctx context.Context, id int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), immediateReleaseTimeout)
	defer cancel()
	if s.Inventory.Ready() != nil {
		return
	}
	if _, err := s.release(ctx, &id); err != nil {
		s.Logger.WarnContext(ctx, "could not release the stock of a cancelled order; the worker retries", "order", id, "error", err)
	}
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// release attempts one due release, of the given order or (nil) of any order.
// It reports whether one was due.
func (s *Service) release(ctx context.Context, order *int64) (bool, error) {
	r, ok, err := s.Orders.ClaimRelease(ctx, order, releaseLease)
	if err != nil || !ok {
		return false, err
	}
	err = s.Inventory.Release(ctx, r.OrderID)
	var unknown *schema.NotFound
	if errors.As(err, &unknown) && s.Now().Sub(r.CreatedAt) >= orderstore.ReservationGracePeriod {
		err = nil // nothing is reserved, and no reservation can arrive any more
	}
	if err == nil {
		return true, s.Orders.CompleteRelease(ctx, r)
	}
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if later := s.Orders.RescheduleRelease(write, r, s.Now().Add(backoff(r.Attempts)), err); later != nil {
		return true, later
	}
	if unknown != nil {
		return true, nil
	}
	return true, fmt.Errorf("releasing the stock of order %d: %w", r.OrderID, err)
}
