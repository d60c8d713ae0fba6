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
	"souk/subgraphs/order/ledger"
)

// Cancellation asks for an order to be taken back.
type Cancellation struct {
	ID              string
	Reason          string
	ExpectedVersion *int // nil: any
}

const maxReason = 500 // characters

// releaseNow is how long a cancellation waits for inventory to have the units
// back. It is cancelled when that takes longer, too.
const releaseNow = time.Second

// Cancel cancels a confirmed order. Repeating it changes nothing.
func (d *Desk) Cancel(ctx context.Context, caller identity.Caller, c Cancellation) (ledger.Order, error) {
	id, ok := ParseID(c.ID)
	if !ok {
		return ledger.Order{}, schema.NewNotFound("order", c.ID)
	}
	if n := utf8.RuneCountInString(c.Reason); n > maxReason {
		return ledger.Order{}, schema.Invalid("reason", fmt.Sprintf("has %d characters", n), fmt.Sprintf("at most %d", maxReason))
	}
	changed := false
	o, err := d.Book.Change(ctx, id, caller.Actor(), func(o ledger.Order) (ledger.Event, error) {
		event, err := cancel(caller, o, c)
		changed = event != nil
		return event, err
	})
	if errors.Is(err, ledger.ErrNotFound) {
		return o, schema.NewNotFound("order", c.ID)
	}
	if err != nil {
		return o, err
	}
	if changed {
		d.releaseNow(ctx, o.ID)
	}
	return o, nil
}

func cancel(caller identity.Caller, o ledger.Order, c Cancellation) (ledger.Event, error) {
	if !caller.MaySee(formatID(o.UserID)) {
		return nil, schema.NewNotFound("order", c.ID)
	}
	stale := c.ExpectedVersion != nil && *c.ExpectedVersion != o.Version
	switch o.Status {
	case ledger.StatusCancelled:
		// The version it was cancelled at is that of a repeated call.
		if stale && *c.ExpectedVersion != o.Version-1 {
			return nil, schema.StaleVersion("order", c.ID, *c.ExpectedVersion, o.Version)
		}
		return nil, nil
	case ledger.StatusRejected:
		return nil, schema.NewConflict("The order %s was rejected, so there is nothing to cancel.", c.ID)
	case ledger.StatusPending:
		return nil, schema.NewConflict("The order %s is still being placed. Try again in a moment.", c.ID)
	}
	if stale {
		return nil, schema.StaleVersion("order", c.ID, *c.ExpectedVersion, o.Version)
	}
	return ledger.Cancelled{Reason: c.Reason}, nil
}

// releaseNow tries to give an order's units back before the answer goes out,
// so that who cancels sees them in stock. The worker does it otherwise.
func (d *Desk) releaseNow(ctx context.Context, id int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseNow)
	defer cancel()
	if d.Inventory.Ready() != nil {
		return
	}
	if _, err := d.release(ctx, &id); err != nil {
		d.Logger.WarnContext(ctx, "the stock of a cancelled order is released later", "order", id, "error", err)
	}
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// release tries one release that is due, of any order or of the given one, and
// says whether there was one.
func (d *Desk) release(ctx context.Context, order *int64) (bool, error) {
	r, ok, err := d.Book.ClaimRelease(ctx, order, releaseLease)
	if err != nil || !ok {
		return false, err
	}
	err = d.Inventory.Release(ctx, r.OrderID)
	var unknown *schema.NotFound
	if errors.As(err, &unknown) && d.Now().Sub(r.CreatedAt) >= ledger.ReleaseGrace {
		err = nil // nothing was reserved, and nothing will be
	}
	if err == nil {
		return true, d.Book.Released(ctx, r)
	}
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	if later := d.Book.ReleaseLater(write, r, d.Now().Add(pause(r.Attempts)), err); later != nil {
		return true, later
	}
	if unknown != nil {
		return true, nil
	}
	return true, fmt.Errorf("releasing the stock of order %d: %w", r.OrderID, err)
}
