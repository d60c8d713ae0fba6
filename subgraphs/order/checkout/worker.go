package checkout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
)

const (
	// pendingTimeout is the age at which Recover takes over a pending order.
	// It exceeds the time that placing an order may take. It is shorter than
	// reservationTTL, so that the units are usually still held.
	pendingTimeout = placeTimeout + writeTimeout + time.Second
	// recoverInterval is how often Work looks for pending orders,
	// releaseInterval how often it looks for due releases.
	recoverInterval = 5 * time.Second
	releaseInterval = time.Second
	// releaseLease is how long a claimed release is hidden from other replicas.
	releaseLease     = 15 * time.Second
	maxBackoff       = time.Minute
	recoverBatchSize = 100
	// keyRetention is how long idempotency keys are stored.
	keyRetention = 7 * 24 * time.Hour
)

// Work recovers pending orders and releases stock until ctx ends.
func (s *Service) Work(ctx context.Context) error {
	recovering := time.NewTicker(recoverInterval)
	defer recovering.Stop()
	releasing := time.NewTicker(releaseInterval)
	defer releasing.Stop()
	s.logFailure(ctx, "could not recover pending orders; will retry", s.Recover(ctx))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-recovering.C:
			s.logFailure(ctx, "could not recover pending orders; will retry", s.Recover(ctx))
		case <-releasing.C:
			s.logFailure(ctx, "could not release stock; will retry", s.Release(ctx))
		}
	}
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
			if s.Inventory.Ready() != nil {
				break
			}
		}
	}
	failures = append(failures, s.Orders.DeleteKeysBefore(ctx, now.Add(-keyRetention)))
	return errors.Join(failures...)
}

// recoverOrder confirms an order that has units held or sold. It rejects one
// that has none: the caller got no response and may have ordered again.
func (s *Service) recoverOrder(ctx context.Context, o orderstore.Order) error {
	status, err := s.Inventory.Status(ctx, o.ID)
	if err != nil {
		return err
	}
	var event orderstore.Event = orderstore.Rejected{Reason: orderstore.Abandoned, Message: "The order was not completed in time."}
	if status == inventoryclient.ReservationStatusHeld || status == inventoryclient.ReservationStatusCommitted {
		err := s.Inventory.Commit(ctx, o.ID)
		var lost *schema.Conflict
		switch {
		case err == nil:
			event = orderstore.Confirmed{}
		case !errors.As(err, &lost):
			return err
		}
	}
	settled, err := s.settle(ctx, o.ID, event)
	if err != nil {
		return err
	}
	s.Logger.InfoContext(ctx, "recovered a pending order", "order", o.ID, "status", settled.Status)
	if settled.Status == orderstore.StatusRejected && event.Type() == (orderstore.Confirmed{}).Type() {
		return s.Orders.EnqueueRelease(ctx, o.ID)
	}
	return nil
}

// Release attempts every due release.
func (s *Service) Release(ctx context.Context) error {
	for {
		if s.Inventory.Ready() != nil {
			return nil //nolint:nilerr // inventory is known to be down; every release stays due
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
