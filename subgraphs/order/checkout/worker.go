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
	// settleAfter is the age at which a pending order counts as left behind:
	// longer than placing one takes. The hold is longer still, so that units
	// held for it are usually still there.
	pendingTimeout = placeTimeout + writeTimeout + time.Second
	// recoverEvery is how often Work looks for pending orders; releaseEvery,
	// for releases that are due.
	recoverInterval = 5 * time.Second
	releaseInterval = time.Second
	// releaseLease keeps a release from other replicas while one tries it.
	releaseLease     = 15 * time.Second
	maxBackoff       = time.Minute
	recoverBatchSize = 100
	// keysKept is how long an idempotency key is remembered.
	keyRetention = 7 * 24 * time.Hour
)

// Work recovers orders left pending and releases stock until ctx ends.
func (s *Service) Work(ctx context.Context) error {
	recovering := time.NewTicker(recoverInterval)
	defer recovering.Stop()
	releasing := time.NewTicker(releaseInterval)
	defer releasing.Stop()
	s.logFailure(ctx, "recovering orders", s.Recover(ctx))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-recovering.C:
			s.logFailure(ctx, "recovering orders", s.Recover(ctx))
		case <-releasing.C:
			s.logFailure(ctx, "releasing stock", s.Release(ctx))
		}
	}
}

func (s *Service) logFailure(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Logger.WarnContext(ctx, what, "error", err)
	}
}

// Recover settles the orders that were left pending: those old enough that
// nobody works on them any more. What inventory does not answer for stays.
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

// recover completes an order that units are held for or sold to, and rejects
// one that has none: its caller got no answer and may have ordered again.
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
	s.Logger.InfoContext(ctx, "an order left pending was settled", "order", o.ID, "status", settled.Status)
	if settled.Status == orderstore.StatusRejected && event.Type() == (orderstore.Confirmed{}).Type() {
		return s.Orders.EnqueueRelease(ctx, o.ID)
	}
	return nil
}

// Release gives back all the stock that is due to be.
func (s *Service) Release(ctx context.Context) error {
	for {
		if s.Inventory.Ready() != nil {
			return nil //nolint:nilerr // it is known to be away, and each release stays due
		}
		if more, err := s.release(ctx, nil); err != nil || !more {
			return err
		}
	}
}

// pause is how long to wait before try n+1 of a release, with jitter.
func backoff(n int) time.Duration {
	wait := maxBackoff
	if n < 7 {
		wait = time.Second << (n - 1)
	}
	return wait/2 + rand.N(wait/2)
}
