package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"souk/internal/breaker"
)

// Limits bound a call: its total time, the time of an attempt and the number of
// retries.
type Limits struct {
	Call    time.Duration
	Attempt time.Duration
	Retries int
}

// Policy retries failed calls of one service, bounds their time, and stops
// calling an operation that fails (a circuit breaker). Each operation has a
// breaker of its own: one that fails says nothing about the others. All calls
// must be idempotent.
type Policy struct {
	service string
	limits  Limits
	failed  func(error) bool

	mu sync.Mutex
	// circuits are by operation. The operations are named in the program, so
	// they are few.
	circuits map[string]circuit
}

// circuit is what the calls of one operation pass: all attempts of a call pass retry, and each one the
// breaker and then timeout.
type circuit struct {
	failed         func(error) bool
	breaker        *breaker.Breaker
	limit          time.Duration // of an attempt
	retry, timeout failsafe.Executor[any]
}

// NewPolicy returns the policy for a service. failed reports whether an error
// means that the service did not respond; other errors are not retried.
func NewPolicy(service string, limits Limits, failed func(error) bool) *Policy {
	return &Policy{service: service, limits: limits, failed: failed, circuits: map[string]circuit{}}
}

// circuit returns the circuit of an operation.
func (p *Policy) circuit(operation string) circuit {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.circuits[operation]
	if !ok {
		c = p.newCircuit()
		p.circuits[operation] = c
	}
	return c
}

func (p *Policy) newCircuit() circuit {
	b := breaker.New(breaker.Options{
		FailureRate: failureRate, MinAttempts: minAttempts, Window: failureWindow, Rest: breakerDelay, Jitter: breakerJitter,
	})
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return p.failed(err) }).
		AbortOnErrors(circuitbreaker.ErrOpen, context.Canceled, context.DeadlineExceeded).
		WithMaxRetries(p.limits.Retries).
		WithBackoff(minBackoff, maxBackoff).WithJitterFactor(0.5).
		ReturnLastFailure().
		Build()
	return circuit{p.failed, b, p.limits.Attempt, failsafe.With[any](retry), failsafe.With[any](timeout.New[any](p.limits.Attempt))}
}

// Do makes a call, with several attempts if necessary. Its error is an *Error.
func (p *Policy) Do(ctx context.Context, operation string, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.limits.Call)
	defer cancel()
	c := p.circuit(operation)
	err := c.retry.WithContext(ctx).RunWithExecution(func(try failsafe.Execution[any]) error {
		return c.attempt(try.Context(), attempt)
	})
	if err != nil {
		return &Error{Service: p.service, Operation: operation, RetryAfter: c.retryAfter(), Err: err}
	}
	return nil
}

// attempt makes an attempt, unless the breaker is open. One that its caller ends too early says nothing about
// the service: the breaker records neither a failure nor a success, and the next attempt is the trial if this was.
func (c circuit) attempt(ctx context.Context, attempt func(context.Context) error) error {
	permit, ok := c.breaker.Permit()
	if !ok {
		return circuitbreaker.ErrOpen
	}
	told := false
	defer func() {
		if !told { // it has panicked
			c.breaker.Cancelled(permit)
		}
	}()
	began := time.Now()
	err := c.timeout.WithContext(ctx).RunWithExecution(func(try failsafe.Execution[any]) error { return attempt(try.Context()) })
	told = true
	switch {
	case err != nil && breaker.Inconclusive(ctx, time.Since(began), c.limit):
		c.breaker.Cancelled(permit)
	case c.failed(err):
		c.breaker.Failed(permit)
	default:
		c.breaker.Succeeded(permit)
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		// The error need not tell: net/http returns the cause of the cancellation.
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return err
}

// Ready returns nil unless the circuit breaker of one of the operations is
// open, so that its call would fail immediately.
func (p *Policy) Ready(operations ...string) error {
	for _, operation := range operations {
		if c := p.circuit(operation); c.breaker.Remaining() > 0 {
			return &Error{Service: p.service, Operation: operation, RetryAfter: c.retryAfter(), Err: circuitbreaker.ErrOpen}
		}
	}
	return nil
}

func (c circuit) retryAfter() time.Duration { return max(time.Second, c.breaker.Remaining()) }
