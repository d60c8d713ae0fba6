package checkout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/productclient"
	"souk/subgraphs/order/userclient"
)

const (
	// hold is how long inventory keeps units for an order that does not commit.
	reservationTTL = time.Minute
	// placing bounds steps 1 to 4: every call to a peer has its own, shorter time.
	placeTimeout = 6 * time.Second
	// writing bounds what must still be written when placing took too long.
	writeTimeout = 3 * time.Second
)

// Desk places and cancels orders.
type Service struct {
	Orders    *orderstore.Store
	Inventory *inventoryclient.Client
	Products  *productclient.Client
	Users     *userclient.Client
	Now       func() time.Time
	Logger    *slog.Logger
}

// system is the actor of what the service does on its own account.
const systemActor = "system"

// unavailable is what the caller learns when a peer gives no answer; nothing
// was ordered.
func (s *Service) unavailableError(ctx context.Context, err error) error {
	s.Logger.WarnContext(ctx, "an order was not placed", "error", err)
	wait := time.Second
	service := "Another service"
	var failed *peer.Error
	if errors.As(err, &failed) {
		wait, service = failed.RetryAfter, "The "+failed.Service+" service"
	}
	return schema.NewUnavailable(service+" is out of reach, so nothing was ordered. Try again.", wait)
}

// complete takes a pending order through steps 2 to 4, whichever of them were
// taken before, and gives the order, or what became of it instead as an error.
func (s *Service) complete(ctx context.Context, o orderstore.Order) (orderstore.Order, error) {
	selling, cancel := context.WithTimeout(ctx, placeTimeout)
	failure := s.reserveAndCommit(selling, o)
	cancel()
	ctx, cancel = context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	event := outcomeEvent(failure)
	if failure != nil && event.Type() == (orderstore.Rejected{}).Type() {
		s.Logger.InfoContext(ctx, "an order is rejected", "order", o.ID, "reason", failure)
	}
	settled, err := s.settle(ctx, o.ID, event)
	if err != nil {
		return o, err
	}
	if failure == nil && settled.Status == orderstore.StatusRejected {
		// Somebody else rejected it before the units were sold to it.
		if err := s.Orders.EnqueueRelease(ctx, o.ID); err != nil {
			return o, err
		}
	}
	if settled.Rejection != nil && settled.Rejection.Reason != orderstore.OutOfStock && failure != nil {
		return settled, s.unavailableError(ctx, failure)
	}
	return settled, rejectionError(settled)
}

// sell reserves and commits: steps 2 and 3.
func (s *Service) reserveAndCommit(ctx context.Context, o orderstore.Order) error {
	lines := make([]inventoryclient.ReservationLineInput, len(o.Lines))
	for i, line := range o.Lines {
		lines[i] = inventoryclient.ReservationLineInput{ProductId: strconv.FormatInt(line.ProductID, 10), Quantity: line.Quantity}
	}
	if err := s.Inventory.Reserve(ctx, o.ID, lines, reservationTTL); err != nil {
		return fmt.Errorf("reserving the stock of order %d: %w", o.ID, err)
	}
	if err := s.Inventory.Commit(ctx, o.ID); err != nil {
		return fmt.Errorf("committing the stock of order %d: %w", o.ID, err)
	}
	return nil
}

// outcome is the event that follows from how selling went.
func outcomeEvent(err error) orderstore.Event {
	var short *schema.OutOfStock
	switch {
	case err == nil:
		return orderstore.Confirmed{}
	case errors.As(err, &short):
		e := orderstore.Rejected{Reason: orderstore.OutOfStock, Message: short.Message}
		for _, s := range short.Shortages {
			e.Shortages = append(e.Shortages, orderstore.Shortage(*s))
		}
		return e
	default:
		return orderstore.Rejected{Reason: orderstore.Unavailable, Message: "The stock could not be reserved just then."}
	}
}

// settle appends the event that ends an order's being pending, unless somebody
// else's came first: step 4.
func (s *Service) settle(ctx context.Context, id int64, event orderstore.Event) (orderstore.Order, error) {
	o, err := s.Orders.Change(ctx, id, systemActor, func(o orderstore.Order) (orderstore.Event, error) {
		if o.Status != orderstore.StatusPending {
			return nil, nil
		}
		return event, nil
	})
	if err != nil {
		return o, fmt.Errorf("settling order %d: %w", id, err)
	}
	return o, nil
}

// refusal is why an order was rejected, as the answer to who placed it; nil if
// it was not.
func rejectionError(o orderstore.Order) error {
	switch {
	case o.Rejection == nil:
		return nil
	case o.Rejection.Reason == orderstore.OutOfStock:
		short := &schema.OutOfStock{Message: o.Rejection.Message}
		for _, s := range o.Rejection.Shortages {
			short.Shortages = append(short.Shortages, (*schema.Shortage)(&s))
		}
		return short
	default:
		return schema.NewUnavailable("The order could not be completed, so nothing was ordered. Try again.", time.Second)
	}
}
