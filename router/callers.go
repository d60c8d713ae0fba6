package router

import (
	"context"

	"souk/router/gateway"
)

// addCallers puts what knows callers, and how often they may ask, before the
// graph.
func (r *Router) addCallers(context.Context, *gateway.Options) error {
	return nil
}
