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

// Cancellation asks for an order to be taken back.
type Cancellation struct {
	ID              string
	Reason          string
	ExpectedVersion *int // nil: any
}

const maxReasonLength = 500 // characters

// releaseNow is how long a cancellation waits for inventory to have the units
// back. It is cancelled when that takes longer, too.
const immediateReleaseTimeout = time.Second

// Cancel cancels a confirmed order. Repeating it changes nothing.
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
		// The version it was cancelled at is that of a repeated call.
		if stale && *c.ExpectedVersion != o.Version-1 {
			return nil, schema.StaleVersion("order", c.ID, *c.ExpectedVersion, o.Version)
		}
		return nil, nil
	case orderstore.StatusRejected:
		return nil, schema.NewConflict("The order %s was rejected, so there is nothing to cancel.", c.ID)
	case orderstore.StatusPending:
		return nil, schema.NewConflict("The order %s is still being placed. Try again in a moment.", c.ID)
	}
	if stale {
		return nil, schema.StaleVersion("order", c.ID, *c.ExpectedVersion, o.Version)
	}
	return orderstore.Cancelled{Reason: c.Reason}, nil
}

// releaseNow tries to give an order's units back before the answer goes out,
// so that who cancels sees them in stock. The worker does it otherwise.
func (s *Service) releaseImmediately(ctx context.Context, id int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), immediateReleaseTimeout)
	defer cancel()
	if s.Inventory.Ready() != nil {
		return
	}
	if _, err := s.release(ctx, &id); err != nil {
		s.Logger.WarnContext(ctx, "the stock of a cancelled order is released later", "order", id, "error", err)
	}
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// release tries one release that is due, of any order or of the given one, and
// says whether there was one.
func (s *Service) release(ctx context.Context, order *int64) (bool, error) {
	r, ok, err := s.Orders.ClaimRelease(ctx, order, releaseLease)
	if err != nil || !ok {
		return false, err
	}
	err = s.Inventory.Release(ctx, r.OrderID)
	var unknown *schema.NotFound
	if errors.As(err, &unknown) && s.Now().Sub(r.CreatedAt) >= orderstore.ReservationGracePeriod {
		err = nil // nothing was reserved, and nothing will be
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
