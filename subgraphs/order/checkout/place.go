package checkout

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/productclient"
)

// Place places an order and returns it once it is confirmed. Every other
// outcome is an error: of a type in package schema if the caller can act on it.
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
		if ok && !o.Retryable() {
			return s.resume(ctx, o, s.storedToken(o))
		}
		if ok {
			if err := s.takeBack(ctx, o); err != nil {
				return o, s.refuse(ctx, err)
			}
		}
	}
	w.paid = s.Payments != nil
	placed, err := s.loadPrices(ctx, w)
	if err != nil {
		return orderstore.Order{}, err
	}
	if err := s.ready(); err != nil {
		return orderstore.Order{}, s.refuse(ctx, err)
	}
	if ctx.Err() != nil { // the caller has left, and nothing is recorded yet
		return orderstore.Order{}, ctx.Err()
	}
	o, created, err := s.Orders.Place(ctx, caller.Actor(), w.key, placed, w.token)
	if err != nil {
		return o, keyError(err)
	}
	token := s.storedToken(o)
	if created {
		token = func(context.Context) (string, error) { return w.token, nil }
	}
	return s.resume(ctx, o, token)
}

// A tokenSource returns the token of an order's means of payment.
type tokenSource func(context.Context) (string, error)

// storedToken returns the token that was stored with the order.
func (s *Service) storedToken(o orderstore.Order) tokenSource {
	return func(ctx context.Context) (string, error) { return s.Orders.PaymentToken(ctx, o.ID) }
}

// refuse counts an order that is not recorded because a peer is unavailable, and returns the error
// for the caller.
func (s *Service) refuse(ctx context.Context, err error) error {
	s.Metrics.refused(err)
	return s.unavailableError(ctx, err)
}

// ready returns nil unless inventory or the payment provider is known to fail
// at what placing an order takes.
func (s *Service) ready() error {
	err := s.Inventory.Ready(inventoryclient.ReserveOperation, inventoryclient.CommitOperation)
	if err != nil || s.Payments == nil {
		return err
	}
	return s.Payments.Ready(payment.Authorize)
}

// takeBack releases the units that an earlier attempt to place an order may still
// hold, so that the next attempt does not find them missing. The order's task in
// stock_releases stays: a reservation of the earlier attempt may still arrive.
func (s *Service) takeBack(ctx context.Context, o orderstore.Order) error {
	if err := s.Inventory.Ready(inventoryclient.ReleaseOperation); err != nil {
		return err
	}
	var unknown *schema.NotFound
	if err := s.Inventory.Release(ctx, o.ID); err != nil && !errors.As(err, &unknown) {
		return fmt.Errorf("releasing the stock of order %d: %w", o.ID, err)
	}
	return nil
}

// resume completes a recorded order. It continues when the caller disconnects,
// so that no order stays half-placed.
func (s *Service) resume(ctx context.Context, o orderstore.Order, token tokenSource) (orderstore.Order, error) {
	if o.Status != orderstore.StatusPending {
		return o, rejectionError(o)
	}
	return s.complete(context.WithoutCancel(ctx), o, token)
}

func keyError(err error) error {
	if errors.Is(err, orderstore.ErrKeyReused) {
		return schema.KeyReused("order")
	}
	return err
}

// loadPrices asks the user and product services concurrently whether the user
// and the products exist. It returns the order's first event, with the current
// names and prices.
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
		return orderstore.Placed{}, s.refuse(ctx, err)
	}
	if !exists {
		return orderstore.Placed{}, schema.NewNotFound("user", formatID(w.userID))
	}
	placed, err := w.placedEvent(products)
	s.Metrics.invalid(err)
	return placed, err
}
