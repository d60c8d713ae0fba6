package checkout

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// Cancel cancels a confirmed order and returns it. It is idempotent. Its errors
// are those of package schema: NotFound (also if the caller may not see the
// order), Conflict and InvalidInput.
func (s *Service) Cancel(ctx context.Context, caller identity.Caller, c Cancellation) (orderstore.Order, error) {
	if err := checkReason(c.Reason); err != nil {
		return orderstore.Order{}, err
	}
	return s.change(ctx, caller, c.ID, func(o orderstore.Order) (orderstore.Event, error) { return decideCancel(o, c) })
}

func checkReason(reason string) error {
	if n := utf8.RuneCountInString(reason); n > maxReasonLength {
		return schema.Invalid("reason", fmt.Sprintf("has %d characters", n), fmt.Sprintf("at most %d", maxReasonLength))
	}
	if strings.ContainsRune(reason, 0) {
		return schema.Invalid("reason", "contains a NUL character", "text without it")
	}
	return nil
}

// change appends the event that decide returns, if the caller may see the
// order, and starts what follows from it.
func (s *Service) change(ctx context.Context, caller identity.Caller, orderID string, decide orderstore.Decision) (orderstore.Order, error) {
	id, ok := ParseID(orderID)
	if !ok {
		return orderstore.Order{}, schema.NewNotFound("order", orderID)
	}
	changed := false
	o, err := s.Orders.Change(ctx, id, caller.Actor(), func(o orderstore.Order) (orderstore.Event, error) {
		if !caller.MaySee(formatID(o.UserID)) {
			return nil, schema.NewNotFound("order", orderID)
		}
		event, err := decide(o)
		changed = event != nil
		return event, err
	})
	if errors.Is(err, orderstore.ErrNotFound) {
		return o, schema.NewNotFound("order", orderID)
	}
	if err != nil || !changed {
		return o, err
	}
	return s.followUp(ctx, o), nil
}

func decideCancel(o orderstore.Order, c Cancellation) (orderstore.Event, error) {
	switch o.Status {
	case orderstore.StatusCancelled:
		return nil, checkRepeated(o, c.ExpectedVersion)
	case orderstore.StatusRejected:
		return nil, refuse(o, c.ExpectedVersion, "Order %s was rejected, so there is nothing to cancel.", c.ID)
	case orderstore.StatusPending:
		return nil, refuse(o, c.ExpectedVersion, "Order %s is still being placed. Try again in a moment.", c.ID)
	case orderstore.StatusShipped, orderstore.StatusDelivered:
		return nil, refuse(o, c.ExpectedVersion, "Order %s has been shipped, so it can no longer be cancelled.", c.ID)
	}
	if err := checkVersion(o, c.ExpectedVersion); err != nil {
		return nil, err
	}
	return orderstore.Cancelled{Reason: c.Reason}, nil
}

// checkVersion returns a Conflict unless the order has the expected version.
func checkVersion(o orderstore.Order, expected *int) error {
	if expected != nil && *expected != o.Version {
		return schema.StaleVersion("order", formatID(o.ID), *expected, o.Version)
	}
	return nil
}

// refuse returns the Conflict of a call that the order's state does not allow. One
// that expects another version gets that Conflict: it may not know the state.
func refuse(o orderstore.Order, expected *int, format string, args ...any) error {
	if err := checkVersion(o, expected); err != nil {
		return err
	}
	return schema.NewConflict(format, args...)
}

// checkRepeated is checkVersion for a call that changes the status, on an order
// that has the status already. A retry names the version that the first call
// changed.
func checkRepeated(o orderstore.Order, expected *int) error {
	if expected != nil && *expected == o.StatusVersion-1 {
		return nil
	}
	return checkVersion(o, expected)
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// release attempts one due release, of the given order or (nil) of any order.
// It reports whether one was due.
func (s *Service) release(ctx context.Context, order *int64) (bool, error) {
	r, ok, err := s.Orders.ClaimTask(ctx, orderstore.StockReleases, order, releaseLease)
	if err != nil || !ok {
		return false, err
	}
	err = s.Inventory.Release(ctx, r.OrderID)
	var unknown *schema.NotFound
	if errors.As(err, &unknown) && s.Now().Sub(r.CreatedAt) >= orderstore.ReservationGracePeriod {
		err = nil // nothing is reserved, and no reservation can arrive any more
	}
	if err == nil {
		return true, s.Orders.CompleteTask(ctx, r)
	}
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if later := s.Orders.RescheduleTask(write, r, s.Now().Add(backoff(r.Attempts)), err); later != nil {
		return true, later
	}
	if unknown != nil {
		return true, nil
	}
	return true, fmt.Errorf("releasing the stock of order %d: %w", r.OrderID, err)
}
