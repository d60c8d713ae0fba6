// Package hookchain runs the hooks of package hook in order, and recovers from their
// panics.
package hookchain

import (
	"context"
	"errors"
	"fmt"

	"souk/router/hook"
	"souk/router/internal/panics"
)

// A Chain is a list of hooks, split by point. A nil Chain has none.
type Chain struct {
	request          point[*hook.Request]
	operation, plan  point[*hook.Exchange]
	subgraphRequest  point[*hook.SubgraphRequest]
	subgraphResponse point[*hook.SubgraphResponse]
	response         point[*hook.Response]
}

// A point has the functions of all hooks that take part in it, in the order in
// which they are called.
type point[T any] []named[T]

type named[T any] struct {
	name string
	call func(context.Context, T) error
}

// New returns the chain of a list of hooks. It is nil for an empty list.
func New(list []hook.Hooks) *Chain {
	if len(list) == 0 {
		return nil
	}
	c := &Chain{}
	for i := range list {
		h := &list[i]
		c.request = c.request.with(h.Name, h.Request)
		c.operation = c.operation.with(h.Name, h.Operation)
		c.plan = c.plan.with(h.Name, h.Plan)
		c.subgraphRequest = c.subgraphRequest.with(h.Name, h.SubgraphRequest)
	}
	for i := len(list) - 1; i >= 0; i-- { // responses pass the hooks in reverse
		h := &list[i]
		c.subgraphResponse = c.subgraphResponse.with(h.Name, h.SubgraphResponse)
		c.response = c.response.with(h.Name, h.Response)
	}
	return c
}

func (p point[T]) with(name string, call func(context.Context, T) error) point[T] {
	if call == nil {
		return p
	}
	return append(p, named[T]{name, call})
}

// Request runs the hooks of this point.
func (c *Chain) Request(ctx context.Context, r *hook.Request) error { return c.request.run(ctx, r) }

// Operation runs the hooks of this point.
func (c *Chain) Operation(ctx context.Context, e *hook.Exchange) error {
	return c.operation.run(ctx, e)
}

// Plan runs the hooks of this point.
func (c *Chain) Plan(ctx context.Context, e *hook.Exchange) error { return c.plan.run(ctx, e) }

// SubgraphRequest runs the hooks of this point until one has answered.
func (c *Chain) SubgraphRequest(ctx context.Context, r *hook.SubgraphRequest) error {
	for i := range c.subgraphRequest {
		if err := c.subgraphRequest[i].run(ctx, r); err != nil || r.Answer != nil {
			return err
		}
	}
	return nil
}

// SubgraphResponse runs the hooks of this point.
func (c *Chain) SubgraphResponse(ctx context.Context, r *hook.SubgraphResponse) error {
	return c.subgraphResponse.run(ctx, r)
}

// Response runs the hooks of this point.
func (c *Chain) Response(ctx context.Context, r *hook.Response) error { return c.response.run(ctx, r) }

// HasPlan reports whether there are hooks on plans.
func (c *Chain) HasPlan() bool { return c != nil && len(c.plan) > 0 }

// HasSubgraph reports whether there are hooks on subgraph requests or responses.
func (c *Chain) HasSubgraph() bool {
	return c != nil && len(c.subgraphRequest)+len(c.subgraphResponse) > 0
}

// HasResponse reports whether there are hooks on responses to clients.
func (c *Chain) HasResponse() bool { return c != nil && len(c.response) > 0 }

func (p point[T]) run(ctx context.Context, v T) error {
	for i := range p {
		if err := p[i].run(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// A Fault is an error of a hook that is not a rejection.
type Fault struct {
	// Hook is the name of the hook.
	Hook string
	Err  error
	// Stack is where it panicked; nil for an error that it returned.
	Stack []byte
}

// Error implements error.
func (f *Fault) Error() string { return fmt.Sprintf("hook %q: %v", f.Hook, f.Err) }

// Unwrap returns the hook's error.
func (f *Fault) Unwrap() error { return f.Err }

// run calls one hook.
func (n *named[T]) run(ctx context.Context, v T) error {
	err := panics.Catch(func() error { return n.call(ctx, v) })
	if panicked := (*panics.Error)(nil); errors.As(err, &panicked) {
		return &Fault{Hook: n.name, Err: err, Stack: panicked.Stack}
	}
	var rejection *hook.Rejection
	if err == nil || errors.As(err, &rejection) && len(rejection.Errors) > 0 {
		return err
	}
	return &Fault{Hook: n.name, Err: err}
}
