package checkout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/payment"
)

// immediateTimeout is how long a call waits for inventory to take units back,
// and for the payment provider to void, capture or refund. The call succeeds
// even if that takes longer.
const immediateTimeout = time.Second

// errNoProvider means that an order must be paid, but no provider is
// configured any more.
var errNoProvider = errors.New("no payment provider is configured; set PAYMENT_URL")

// PaymentKey identifies an order's payment at the provider. The time makes it
// unique even if a database is recreated, so that its IDs start again.
func PaymentKey(o orderstore.Order) string {
	return fmt.Sprintf("order-%d-%d", o.ID, o.PlacedAt.UnixMicro())
}

// authorize has the total of a pending order authorised (step 3). authorized is
// false for an order that needs no payment, or whose events say that it is
// authorised.
func (s *Service) authorize(ctx context.Context, o orderstore.Order, token tokenSource) (authorized bool, err error) {
	if o.Payment == nil || o.Payment.Status != orderstore.StatusUnpaid {
		return false, nil
	}
	if s.Payments == nil {
		return false, errNoProvider
	}
	means, err := token(ctx)
	if err != nil {
		return false, err
	}
	err = s.Payments.Authorize(ctx, payment.Authorization{
		Key: PaymentKey(o), Amount: o.Total, Currency: o.Currency, Token: means, Reference: formatID(o.ID),
	})
	return err == nil, err
}

// Settle has the payments voided, captured and refunded that are due. One that
// fails is due again later, and the others go on: a provider that captures
// nothing may still void. It returns the first of the failures.
func (s *Service) Settle(ctx context.Context) error {
	var failure error
	for failures := 0; failures < maxFailures && s.canSettle(); {
		more, err := s.settlePayment(ctx, nil)
		if err != nil {
			failures++
			failure = cmp.Or(failure, err)
		}
		if !more || ctx.Err() != nil {
			break
		}
	}
	return failure
}

// canSettle reports whether a payment task could succeed. While the provider is
// known to fail at all of them, every task stays due.
func (s *Service) canSettle() bool {
	if s.Payments == nil {
		return false
	}
	for _, operation := range paymentOperations {
		if s.Payments.Ready(operation) == nil {
			return true
		}
	}
	return false
}

// settlePayment attempts one due payment task, of the given order or (nil) of
// any order. It reports whether one was due.
func (s *Service) settlePayment(ctx context.Context, order *int64) (bool, error) {
	task, ok, err := s.Orders.ClaimTask(ctx, orderstore.PaymentTasks, order, paymentLease)
	if err != nil || !ok {
		return false, err
	}
	err = s.doPaymentTask(ctx, task.OrderID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err == nil {
		return true, s.Orders.CompleteTask(ctx, task)
	}
	err = fmt.Errorf("settling the payment of order %d: %w", task.OrderID, err)
	return true, errors.Join(err, s.Orders.RescheduleTask(ctx, task, s.Now().Add(backoff(task.Attempts)), err))
}

// doPaymentTask does what is due with an order's payment until nothing is: a
// refused capture makes a void due.
func (s *Service) doPaymentTask(ctx context.Context, id int64) error {
	for {
		o, err := s.Orders.Order(ctx, id)
		if err != nil {
			return err
		}
		action := o.DuePayment()
		event, err := s.askProvider(ctx, o, action)
		if err != nil || event == nil {
			return err
		}
		if err := s.recordPayment(ctx, id, action, event); err != nil {
			return err
		}
	}
}

// recordPayment records what the provider did. A crash before it repeats the
// call of the provider.
func (s *Service) recordPayment(ctx context.Context, id int64, action orderstore.PaymentAction, event orderstore.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	recorded := false
	_, err := s.Orders.Change(ctx, id, systemActor, func(o orderstore.Order) (orderstore.Event, error) {
		if recorded = o.DuePayment() == action; !recorded { // a concurrent attempt has recorded it
			return nil, nil
		}
		return event, nil
	})
	if err == nil && recorded {
		s.Metrics.paid(event)
	}
	return err
}

// paymentOperations are the calls of the provider that carry out the actions.
var paymentOperations = map[orderstore.PaymentAction]payment.Operation{
	orderstore.Void: payment.Void, orderstore.Capture: payment.Capture, orderstore.Refund: payment.Refund,
}

// askProvider carries out an action and returns the event that records it.
func (s *Service) askProvider(ctx context.Context, o orderstore.Order, action orderstore.PaymentAction) (orderstore.Event, error) {
	var err error
	var refused *payment.Refused
	key := PaymentKey(o)
	switch action {
	case orderstore.Void:
		held, err := s.Payments.Void(ctx, key)
		if err != nil {
			return nil, err
		}
		if !held && o.Payment.Status == orderstore.StatusUnpaid {
			return nil, nil // no authorisation reached the provider, and none can any more
		}
		return orderstore.PaymentVoided{}, nil
	case orderstore.Capture:
		err = s.Payments.Capture(ctx, key)
		if errors.As(err, &refused) {
			s.Logger.ErrorContext(ctx, "the payment of a shipped order could not be captured; it needs attention", "order", o.ID, "error", err)
			return orderstore.PaymentFailed{Reason: refused.Reason}, nil
		}
		return orderstore.PaymentCaptured{}, err
	case orderstore.Refund:
		return orderstore.PaymentRefunded{}, s.Payments.Refund(ctx, key)
	}
	return nil, nil
}

// followUp tries to move an order's units and money before the caller gets its
// response, and returns the order as it is then. What fails is done later, by
// the worker.
func (s *Service) followUp(ctx context.Context, o orderstore.Order) orderstore.Order {
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), immediateTimeout)
	defer cancel()
	var work sync.WaitGroup
	if (o.Status == orderstore.StatusCancelled || o.Status == orderstore.StatusRejected) && s.Inventory.Ready(inventoryclient.ReleaseOperation) == nil {
		work.Go(func() {
			_, err := s.release(trying, &o.ID)
			s.logFailure(ctx, "could not release the stock of an order; the worker retries", err)
		})
	}
	if due, ok := paymentOperations[o.DuePayment()]; ok && s.Payments != nil && s.Payments.Ready(due) == nil {
		work.Go(func() {
			_, err := s.settlePayment(trying, &o.ID)
			s.logFailure(ctx, "could not settle a payment; the worker retries", err)
		})
	}
	work.Wait()
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), immediateTimeout)
	defer cancel()
	if latest, err := s.Orders.Order(reading, o.ID); err == nil {
		return latest
	}
	return o
}
