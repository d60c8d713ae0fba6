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
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/productclient"
	"souk/subgraphs/order/userclient"
)

const (
	// reservationTTL is how long inventory holds units for an order that is
	// not committed.
	reservationTTL = time.Minute
	// placeTimeout bounds the calls to inventory and the payment provider
	// (steps 2 to 4). Each call has a shorter timeout of its own.
	placeTimeout = 10 * time.Second
	// writeTimeout bounds the writes that record the outcome afterwards.
	writeTimeout = 3 * time.Second
)

// Service places, ships, delivers, cancels and refunds orders. Work recovers
// what crashes leave behind.
type Service struct {
	Orders    *orderstore.Store
	Inventory *inventoryclient.Client
	Products  *productclient.Client
	Users     *userclient.Client
	Payments  payment.Provider // nil: new orders need no payment
	Metrics   *Metrics
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

// complete takes a pending order through steps 2 to 5, repeating those that
// were done before. It returns the confirmed order, or an error that says why
// the order is not confirmed.
func (s *Service) complete(ctx context.Context, o orderstore.Order, token tokenSource) (orderstore.Order, error) {
	selling, cancel := context.WithTimeout(ctx, placeTimeout)
	authorized := false
	failure := s.reserve(selling, o)
	if failure == nil {
		authorized, failure = s.authorizeAndCommit(selling, o, token)
	}
	cancel()
	ctx, cancel = context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	event := outcomeEvent(failure)
	if failure != nil {
		s.Logger.InfoContext(ctx, "order rejected", "order", o.ID, "reason", failure)
	}
	settled, err := s.settle(ctx, o, authorized, event)
	if err != nil {
		return o, err
	}
	if settled.Rejection != nil && !settled.Rejection.Reason.Final() && failure != nil {
		return settled, s.unavailableError(ctx, failure)
	}
	if settled.Rejection != nil && settled.Rejection.Reason == orderstore.Declined {
		// The customer will try again at once, with another means of payment.
		settled = s.followUp(ctx, settled)
	}
	return settled, rejectionError(settled)
}

// reserve holds an order's units: step 2.
func (s *Service) reserve(ctx context.Context, o orderstore.Order) error {
	lines := make([]inventoryclient.ReservationLineInput, len(o.Lines))
	for i, line := range o.Lines {
		lines[i] = inventoryclient.ReservationLineInput{ProductId: strconv.FormatInt(line.ProductID, 10), Quantity: line.Quantity}
	}
	if err := s.Inventory.Reserve(ctx, o.ID, lines, reservationTTL); err != nil {
		return fmt.Errorf("reserving the stock of order %d: %w", o.ID, err)
	}
	return nil
}

// authorizeAndCommit authorises an order's payment and sells its units to it:
// steps 3 and 4. authorized says that the provider holds the total.
func (s *Service) authorizeAndCommit(ctx context.Context, o orderstore.Order, token tokenSource) (authorized bool, err error) {
	if authorized, err = s.authorize(ctx, o, token); err != nil {
		return false, fmt.Errorf("authorising the payment of order %d: %w", o.ID, err)
	}
	if err := s.Inventory.Commit(ctx, o.ID); err != nil {
		return authorized, fmt.Errorf("committing the stock of order %d: %w", o.ID, err)
	}
	return authorized, nil
}

// outcomeEvent returns the event that records the result of steps 2 to 4.
func outcomeEvent(err error) orderstore.Event {
	var short *schema.OutOfStock
	var declined *payment.Declined
	switch {
	case err == nil:
		return orderstore.Confirmed{}
	case errors.As(err, &short):
		e := orderstore.Rejected{Reason: orderstore.OutOfStock, Message: short.Message}
		for _, s := range short.Shortages {
			e.Shortages = append(e.Shortages, orderstore.Shortage(*s))
		}
		return e
	case errors.As(err, &declined):
		return orderstore.Rejected{Reason: orderstore.Declined, Message: declined.Message, DeclineReason: declined.Reason}
	default:
		return orderstore.Rejected{Reason: orderstore.Unavailable, Message: "The stock could not be reserved or the payment not be authorised at that time."}
	}
}

// settle appends the event that makes a pending order final (step 5), after
// PaymentAuthorized if the provider holds the total. If a concurrent call
// already did, settle appends nothing and returns the order. If that call
// rejected the order, settle takes back what this call may have done since.
func (s *Service) settle(ctx context.Context, pending orderstore.Order, authorized bool, event orderstore.Event) (orderstore.Order, error) {
	late := false
	o, err := s.Orders.Continue(ctx, pending, systemActor, func(o orderstore.Order) ([]orderstore.Event, error) {
		if late = o.Status != orderstore.StatusPending; late {
			return nil, nil
		}
		if authorized && o.Payment.Status == orderstore.StatusUnpaid {
			return []orderstore.Event{orderstore.PaymentAuthorized{}, event}, nil
		}
		return []orderstore.Event{event}, nil
	})
	if err == nil && late && o.Status == orderstore.StatusRejected {
		err = s.Orders.Compensate(ctx, o)
	}
	if err != nil {
		return o, fmt.Errorf("settling order %d: %w", pending.ID, err)
	}
	if !late {
		s.Metrics.settled(event)
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
	case o.Rejection.Reason == orderstore.Declined:
		return &schema.PaymentDeclined{Message: o.Rejection.Message + " Nothing was ordered.", Reason: o.Rejection.DeclineReason}
	default:
		return schema.NewUnavailable("The order could not be completed, so nothing was ordered. Try again.", time.Second)
	}
}
