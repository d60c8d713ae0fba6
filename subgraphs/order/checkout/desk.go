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
	"souk/subgraphs/order/ledger"
	"souk/subgraphs/order/productclient"
	"souk/subgraphs/order/userclient"
)

const (
	// hold is how long inventory keeps units for an order that does not commit.
	hold = time.Minute
	// placing bounds steps 1 to 4: every call to a peer has its own, shorter time.
	placing = 6 * time.Second
	// writing bounds what must still be written when placing took too long.
	writing = 3 * time.Second
)

// Desk places and cancels orders.
type Desk struct {
	Book      *ledger.Book
	Inventory *inventoryclient.Client
	Products  *productclient.Client
	Users     *userclient.Client
	Now       func() time.Time
	Logger    *slog.Logger
}

// system is the actor of what the service does on its own account.
const system = "system"

// unavailable is what the caller learns when a peer gives no answer; nothing
// was ordered.
func (d *Desk) unavailable(ctx context.Context, err error) error {
	d.Logger.WarnContext(ctx, "an order was not placed", "error", err)
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
func (d *Desk) complete(ctx context.Context, o ledger.Order) (ledger.Order, error) {
	selling, cancel := context.WithTimeout(ctx, placing)
	failure := d.sell(selling, o)
	cancel()
	ctx, cancel = context.WithTimeout(ctx, writing)
	defer cancel()
	event := outcome(failure)
	if failure != nil && event.Type() == (ledger.Rejected{}).Type() {
		d.Logger.InfoContext(ctx, "an order is rejected", "order", o.ID, "reason", failure)
	}
	settled, err := d.settle(ctx, o.ID, event)
	if err != nil {
		return o, err
	}
	if failure == nil && settled.Status == ledger.StatusRejected {
		// Somebody else rejected it before the units were sold to it.
		if err := d.Book.RequireRelease(ctx, o.ID); err != nil {
			return o, err
		}
	}
	if settled.Rejection != nil && settled.Rejection.Reason != ledger.OutOfStock && failure != nil {
		return settled, d.unavailable(ctx, failure)
	}
	return settled, refusal(settled)
}

// sell reserves and commits: steps 2 and 3.
func (d *Desk) sell(ctx context.Context, o ledger.Order) error {
	lines := make([]inventoryclient.ReservationLineInput, len(o.Lines))
	for i, line := range o.Lines {
		lines[i] = inventoryclient.ReservationLineInput{ProductId: strconv.FormatInt(line.ProductID, 10), Quantity: line.Quantity}
	}
	if err := d.Inventory.Reserve(ctx, o.ID, lines, hold); err != nil {
		return fmt.Errorf("reserving the stock of order %d: %w", o.ID, err)
	}
	if err := d.Inventory.Commit(ctx, o.ID); err != nil {
		return fmt.Errorf("committing the stock of order %d: %w", o.ID, err)
	}
	return nil
}

// outcome is the event that follows from how selling went.
func outcome(err error) ledger.Event {
	var short *schema.OutOfStock
	switch {
	case err == nil:
		return ledger.Confirmed{}
	case errors.As(err, &short):
		e := ledger.Rejected{Reason: ledger.OutOfStock, Message: short.Message}
		for _, s := range short.Shortages {
			e.Shortages = append(e.Shortages, ledger.Shortage(*s))
		}
		return e
	default:
		return ledger.Rejected{Reason: ledger.Unavailable, Message: "The stock could not be reserved just then."}
	}
}

// settle appends the event that ends an order's being pending, unless somebody
// else's came first: step 4.
func (d *Desk) settle(ctx context.Context, id int64, event ledger.Event) (ledger.Order, error) {
	o, err := d.Book.Change(ctx, id, system, func(o ledger.Order) (ledger.Event, error) {
		if o.Status != ledger.StatusPending {
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
func refusal(o ledger.Order) error {
	switch {
	case o.Rejection == nil:
		return nil
	case o.Rejection.Reason == ledger.OutOfStock:
		short := &schema.OutOfStock{Message: o.Rejection.Message}
		for _, s := range o.Rejection.Shortages {
			short.Shortages = append(short.Shortages, (*schema.Shortage)(&s))
		}
		return short
	default:
		return schema.NewUnavailable("The order could not be completed, so nothing was ordered. Try again.", time.Second)
	}
}
