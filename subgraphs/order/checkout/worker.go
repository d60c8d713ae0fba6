package checkout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/payment"
)

const (
	// pendingTimeout is the age at which Recover takes over a pending order.
	// It exceeds the time that placing an order may take. It is shorter than
	// reservationTTL, so that the units are usually still held.
	pendingTimeout = placeTimeout + writeTimeout + time.Second
	// recoverInterval is how often Work looks for pending orders, taskInterval
	// how often it looks for due releases, payments and erasures.
	recoverInterval = 5 * time.Second
	taskInterval    = time.Second
	// releaseLease is how long a claimed release is hidden from other replicas.
	releaseLease = 15 * time.Second
	// paymentLease is the same for payment tasks.
	paymentLease = 20 * time.Second
	maxBackoff   = time.Minute
	// maxFailures bounds the payment tasks that fail before Settle returns.
	maxFailures      = 1000
	recoverBatchSize = 100
	// keyRetention is how long idempotency keys are stored.
	keyRetention = 7 * 24 * time.Hour
)

// Work recovers pending orders, releases stock, settles payments and erases
// personal data until ctx ends. Each runs on its own, so that a service that
// hangs delays only its own tasks.
func (s *Service) Work(ctx context.Context) error {
	var work sync.WaitGroup
	for _, w := range []struct {
		interval time.Duration
		failure  string
		do       func(context.Context) error
	}{
		{recoverInterval, "could not recover pending orders; will retry", s.Recover},
		{taskInterval, "could not release stock; will retry", s.Release},
		{taskInterval, "could not settle payments; will retry", s.Settle},
		{taskInterval, "could not erase personal data; will retry", s.Erase},
	} {
		work.Go(func() {
			ticker := time.NewTicker(w.interval)
			defer ticker.Stop()
			for {
				s.logFailure(ctx, w.failure, w.do(ctx))
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
			}
		})
	}
	work.Wait()
	return nil
}

func (s *Service) logFailure(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Logger.WarnContext(ctx, what, "error", err)
	}
}

// Recover settles pending orders that are older than any placement takes, so
// that no process works on them any more. Orders for which inventory does not
// answer stay pending until a later call.
func (s *Service) Recover(ctx context.Context) error {
	now := s.Now()
	orders, err := s.Orders.PendingBefore(ctx, now.Add(-pendingTimeout), recoverBatchSize)
	if err != nil {
		return err
	}
	var failures []error
	for _, o := range orders {
		if err := s.recoverOrder(ctx, o); err != nil {
			failures = append(failures, fmt.Errorf("order %d: %w", o.ID, err))
			if s.ready() != nil || s.Inventory.Ready(inventoryclient.StatusOperation) != nil {
				break
			}
		}
	}
	failures = append(failures, s.Orders.DeleteKeysBefore(ctx, now.Add(-keyRetention)))
	return errors.Join(failures...)
}

// recoverOrder confirms an order that has units held or sold, after
// authorising its payment. It rejects one that has none: the caller got no
// response and may have ordered again.
func (s *Service) recoverOrder(ctx context.Context, o orderstore.Order) error {
	status, err := s.Inventory.Status(ctx, o.ID)
	if err != nil {
		return err
	}
	authorized := false
	var event orderstore.Event = orderstore.Rejected{Reason: orderstore.Abandoned, Message: "The order was not completed in time."}
	if status == inventoryclient.ReservationStatusHeld || status == inventoryclient.ReservationStatusCommitted {
		var lost *schema.Conflict
		var declined *payment.Declined
		var refused *payment.Refused
		authorized, err = s.authorizeAndCommit(ctx, o, s.storedToken(o))
		switch {
		case err == nil || errors.As(err, &declined):
			event = outcomeEvent(err)
		case !errors.As(err, &lost) && !errors.As(err, &refused):
			return err
		}
	}
	settled, err := s.settle(ctx, o, authorized, event)
	if err != nil {
		return err
	}
	s.Logger.InfoContext(ctx, "recovered a pending order", "order", o.ID, "status", settled.Status)
	return nil
}

// Release attempts every due release.
func (s *Service) Release(ctx context.Context) error {
	for {
		if s.Inventory.Ready(inventoryclient.ReleaseOperation) != nil {
			return nil //nolint:nilerr // inventory is known to fail at it; every release stays due
		}
		if more, err := s.release(ctx, nil); err != nil || !more {
			return err
		}
	}
}

// backoff returns the wait after attempt n (from 1) of a release: exponential,
// at most maxBackoff, with jitter.
func backoff(n int) time.Duration {
	wait := maxBackoff
	if n < 7 {
		wait = time.Second << (n - 1)
	}
	return wait/2 + rand.N(wait/2)
}
