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
	// reservationTTL is how long inventory holds units for an order that is
	// not committed.
	reservationTTL = time.Minute
	// placeTimeout bounds the calls to inventory (steps 2 and 3). Each call
	// has a shorter timeout of its own.
	placeTimeout = 6 * time.Second
	// writeTimeout bounds the writes that record the outcome afterwards.
	writeTimeout = 3 * time.Second
)

// Service places and cancels orders. Work recovers what crashes leave behind.
type Service struct {
	Orders    *orderstore.Store
	Inventory *inventoryclient.Client
	Products  *productclient.Client
	Users     *userclient.Client
	Now       func() time.Time
	Logger    *slog.Logger
}

// systemActor is the actor of events that the service appends on its own.
const systemActor = "system"

// unavailableError turns the failure of a peer into the error for the caller:
// nothing was ordered, try again.
func (s *Service) unavailableError(ctx context.Context, err error) error {
	s.Logger.WarnContext(ctx, "could not place an order", "error", err)
	wait := time.Second
	service := "A required service"
	var failed *peer.Error
	if errors.As(err, &failed) {
		wait, service = failed.RetryAfter, "The "+failed.Service+" service"
	}
	return schema.NewUnavailable(service+" is unavailable, so nothing was ordered. Try again.", wait)
}

// complete takes a pending order through steps 2 to 4, repeating those that
// were done before. It returns the confirmed order, or an error that says why
// the order is not confirmed.
func (s *Service) complete(ctx context.Context, o orderstore.Order) (orderstore.Order, error) {
	selling, cancel := context.WithTimeout(ctx, placeTimeout)
	failure := s.reserveAndCommit(selling, o)
	cancel()
	ctx, cancel = context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	event := outcomeEvent(failure)
	if failure != nil && event.Type() == (orderstore.Rejected{}).Type() {
		s.Logger.InfoContext(ctx, "order rejected", "order", o.ID, "reason", failure)
	}
	settled, err := s.settle(ctx, o.ID, event)
	if err != nil {
		return o, err
	}
	if failure == nil && settled.Status == orderstore.StatusRejected {
		// A concurrent call rejected the order before its units were sold.
		if err := s.Orders.EnqueueRelease(ctx, o.ID); err != nil {
			return o, err
		}
	}
	if settled.Rejection != nil && settled.Rejection.Reason != orderstore.OutOfStock && failure != nil {
		return settled, s.unavailableError(ctx, failure)
	}
	return settled, rejectionError(settled)
}

// reserveAndCommit reserves an order's units and commits them: steps 2 and 3.
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

// outcomeEvent returns the event that records the result of reserveAndCommit.
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
		return orderstore.Rejected{Reason: orderstore.Unavailable, Message: "The stock could not be reserved at that time."}
	}
}

// settle appends the event that makes a pending order final (step 4). If a
// concurrent call already did, settle appends nothing and returns the order.
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

// rejectionError returns the error for the caller whose order was rejected, or
// nil for an order that was not.
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
