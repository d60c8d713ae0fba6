package graph

import (
	"context"

	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/identity"
)

// updates sends an order's updates until ctx or the caller's session ends. It
// then calls stop and tells the client why the subscription ended.
func (r *Resolver) updates(ctx context.Context, o *Order, changed <-chan struct{}, stop func()) <-chan *Order {
	updates := make(chan *Order)
	following, release := r.Sessions.Follow(ctx, identity.From(ctx))
	go func() {
		defer close(updates)
		defer stop()
		defer release()
		r.follow(following, o, changed, updates)
		graphql.EndSubscription(ctx, context.Cause(following))
	}()
	return updates
}

// follow sends an order and then every later state, until the order is
// cancelled, rejected or delivered, or ctx ends. What becomes of the money
// after that is not sent.
func (r *Resolver) follow(ctx context.Context, o *Order, changed <-chan struct{}, updates chan<- *Order) {
	for version := 0; ; {
		if o.Version > version {
			version = o.Version
			select {
			case updates <- o:
			case <-ctx.Done():
				return
			}
		}
		if o.Status == OrderStatusCancelled || o.Status == OrderStatusRejected || o.Status == OrderStatusDelivered {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		shown, err := r.visible(ctx, []string{o.ID})
		if err != nil || shown[o.ID] == nil {
			return // the client subscribes again
		}
		o = shown[o.ID]
	}
}
