package checkout

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/ledger"
	"souk/subgraphs/order/productclient"
)

// Place places an order. Everything but a confirmed order is an error, those
// that the caller can do something about one of package schema's.
func (d *Desk) Place(ctx context.Context, caller identity.Caller, r Request) (ledger.Order, error) {
	w, err := check(caller, r)
	if err != nil {
		return ledger.Order{}, err
	}
	if w.key != nil {
		o, ok, err := d.Book.Keyed(ctx, *w.key)
		if err != nil {
			return o, keyError(err)
		}
		if ok {
			return d.resume(ctx, o)
		}
	}
	placed, err := d.price(ctx, w)
	if err != nil {
		return ledger.Order{}, err
	}
	if err := d.Inventory.Ready(); err != nil {
		return ledger.Order{}, d.unavailable(ctx, err)
	}
	o, _, err := d.Book.Place(ctx, caller.Actor(), w.key, placed)
	if err != nil {
		return o, keyError(err)
	}
	return d.resume(ctx, o)
}

// resume brings a recorded order to its end. A caller who goes away does not
// stop it half way.
func (d *Desk) resume(ctx context.Context, o ledger.Order) (ledger.Order, error) {
	if o.Status != ledger.StatusPending {
		return o, refusal(o)
	}
	return d.complete(context.WithoutCancel(ctx), o)
}

func keyError(err error) error {
	if errors.Is(err, ledger.ErrKeyReused) {
		return schema.NewConflict("The idempotency key was used for another order. Use a new key for each order.")
	}
	return err
}

// price asks the user and the product service at once whether there are such a
// user and such products, and what these cost.
func (d *Desk) price(ctx context.Context, w wish) (ledger.Placed, error) {
	var exists bool
	var products map[int64]productclient.Product
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		exists, err = d.Users.Exists(inner, w.user)
		return err
	})
	group.Go(func() (err error) {
		products, err = d.Products.Products(inner, w.products())
		return err
	})
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return ledger.Placed{}, ctx.Err()
		}
		return ledger.Placed{}, d.unavailable(ctx, err)
	}
	if !exists {
		return ledger.Placed{}, schema.NewNotFound("user", formatID(w.user))
	}
	return w.price(products)
}
