package graph

import (
	"context"
)

// follow sends an order and then each state it gets into, until nothing can
// happen to it any more or ctx ends.
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
		if o.Status == OrderStatusCancelled || o.Status == OrderStatusRejected {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		shown, err := r.visible(ctx, []string{o.ID})
		if err != nil || shown[o.ID] == nil {
			return // the client asks again
		}
		o = shown[o.ID]
	}
}
