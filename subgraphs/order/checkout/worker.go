package checkout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/ledger"
)

const (
	// settleAfter is the age at which a pending order counts as left behind:
	// longer than placing one takes. The hold is longer still, so that units
	// held for it are usually still there.
	settleAfter = placing + writing + time.Second
	// recoverEvery is how often Work looks for pending orders; releaseEvery,
	// for releases that are due.
	recoverEvery = 5 * time.Second
	releaseEvery = time.Second
	// releaseLease keeps a release from other replicas while one tries it.
	releaseLease = 15 * time.Second
	longestPause = time.Minute
	recoverBatch = 100
	// keysKept is how long an idempotency key is remembered.
	keysKept = 7 * 24 * time.Hour
)

// Work recovers orders left pending and releases stock until ctx ends.
func (d *Desk) Work(ctx context.Context) error {
	recovering := time.NewTicker(recoverEvery)
	defer recovering.Stop()
	releasing := time.NewTicker(releaseEvery)
	defer releasing.Stop()
	d.report(ctx, "recovering orders", d.Recover(ctx))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-recovering.C:
			d.report(ctx, "recovering orders", d.Recover(ctx))
		case <-releasing.C:
			d.report(ctx, "releasing stock", d.Release(ctx))
		}
	}
}

func (d *Desk) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.Logger.WarnContext(ctx, what, "error", err)
	}
}

// Recover settles the orders that were left pending: those old enough that
// nobody works on them any more. What inventory does not answer for stays.
func (d *Desk) Recover(ctx context.Context) error {
	now := d.Now()
	orders, err := d.Book.Stuck(ctx, now.Add(-settleAfter), recoverBatch)
	if err != nil {
		return err
	}
	var failures []error
	for _, o := range orders {
		if err := d.recover(ctx, o); err != nil {
			failures = append(failures, fmt.Errorf("order %d: %w", o.ID, err))
			if d.Inventory.Ready() != nil {
				break
			}
		}
	}
	failures = append(failures, d.Book.ForgetKeys(ctx, now.Add(-keysKept)))
	return errors.Join(failures...)
}

// recover completes an order that units are held for or sold to, and rejects
// one that has none: its caller got no answer and may have ordered again.
func (d *Desk) recover(ctx context.Context, o ledger.Order) error {
	status, err := d.Inventory.Status(ctx, o.ID)
	if err != nil {
		return err
	}
	var event ledger.Event = ledger.Rejected{Reason: ledger.Abandoned, Message: "The order was not completed in time."}
	if status == inventoryclient.ReservationStatusHeld || status == inventoryclient.ReservationStatusCommitted {
		err := d.Inventory.Commit(ctx, o.ID)
		var lost *schema.Conflict
		switch {
		case err == nil:
			event = ledger.Confirmed{}
		case !errors.As(err, &lost):
			return err
		}
	}
	settled, err := d.settle(ctx, o.ID, event)
	if err != nil {
		return err
	}
	d.Logger.InfoContext(ctx, "an order left pending was settled", "order", o.ID, "status", settled.Status)
	if settled.Status == ledger.StatusRejected && event.Type() == (ledger.Confirmed{}).Type() {
		return d.Book.RequireRelease(ctx, o.ID)
	}
	return nil
}

// Release gives back all the stock that is due to be.
func (d *Desk) Release(ctx context.Context) error {
	for {
		if d.Inventory.Ready() != nil {
			return nil //nolint:nilerr // it is known to be away, and each release stays due
		}
		if more, err := d.release(ctx, nil); err != nil || !more {
			return err
		}
	}
}

// pause is how long to wait before try n+1 of a release, with jitter.
func pause(n int) time.Duration {
	wait := longestPause
	if n < 7 {
		wait = time.Second << (n - 1)
	}
	return wait/2 + rand.N(wait/2)
}
