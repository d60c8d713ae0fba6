package checkout

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/productclient"
)

// Place places an order. Everything but a confirmed order is an error, those
// that the caller can do something about one of package schema's.
func (s *Service) Place(ctx context.Context, caller identity.Caller, r Request) (orderstore.Order, error) {
	w, err := validate(caller, r)
	if err != nil {
		return orderstore.Order{}, err
	}
	if w.key != nil {
		o, ok, err := s.Orders.ByIdempotencyKey(ctx, *w.key)
		if err != nil {
			return o, keyError(err)
		}
		if ok {
			return s.resume(ctx, o)
		}
	}
	placed, err := s.loadPrices(ctx, w)
	if err != nil {
		return orderstore.Order{}, err
	}
	if err := s.Inventory.Ready(); err != nil {
		return orderstore.Order{}, s.unavailableError(ctx, err)
	}
	o, _, err := s.Orders.Place(ctx, caller.Actor(), w.key, placed)
	if err != nil {
		return o, keyError(err)
	}
	return s.resume(ctx, o)
}

// resume brings a recorded order to its end. A caller who goes away does not
// stop it half way.
func (s *Service) resume(ctx context.Context, o orderstore.Order) (orderstore.Order, error) {
	if o.Status != orderstore.StatusPending {
		return o, rejectionError(o)
	}
	return s.complete(context.WithoutCancel(ctx), o)
}

func keyError(err error) error {
	if errors.Is(err, orderstore.ErrKeyReused) {
		return schema.NewConflict("The idempotency key was used for another order. Use a new key for each order.")
	}
	return err
}

// price asks the user and the product service at once whether there are such a
// user and such products, and what these cost.
func (s *Service) loadPrices(ctx context.Context, w validRequest) (orderstore.Placed, error) {
	var exists bool
	var products map[int64]productclient.Product
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		exists, err = s.Users.Exists(inner, w.userID)
		return err
	})
	group.Go(func() (err error) {
		products, err = s.Products.Products(inner, w.productIDs())
		return err
	})
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return orderstore.Placed{}, ctx.Err()
		}
		return orderstore.Placed{}, s.unavailableError(ctx, err)
	}
	if !exists {
		return orderstore.Placed{}, schema.NewNotFound("user", formatID(w.userID))
	}
	return w.placedEvent(products)
}
