package peer

import (
	"context"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
)

// Limits bound a call: its total time, the time of an attempt and the number of
// retries.
type Limits struct {
	Call    time.Duration
	Attempt time.Duration
	Retries int
}

// Policy retries failed calls of one service, bounds their time, and stops
// calling a service that fails (a circuit breaker). All calls must be
// idempotent.
type Policy struct {
	service  string
	limits   Limits
	breaker  circuitbreaker.CircuitBreaker[any]
	executor failsafe.Executor[any]
}

// NewPolicy returns the policy for a service. failed reports whether an error
// means that the service did not respond; other errors are not retried.
func NewPolicy(service string, limits Limits, failed func(error) bool) *Policy {
	breaker := circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return failed(err) && !errors.Is(err, context.Canceled) }).
		WithFailureRateThreshold(failureRate, minAttempts, failureWindow).
		WithDelay(breakerDelay).WithJitterFactor(0.2).
		WithSuccessThreshold(1).
		Build()
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return failed(err) }).
		AbortOnErrors(circuitbreaker.ErrOpen, context.Canceled, context.DeadlineExceeded).
		WithMaxRetries(limits.Retries).
		WithBackoff(minBackoff, maxBackoff).WithJitterFactor(0.5).
		ReturnLastFailure().
		Build()
	return &Policy{
		service: service, limits: limits, breaker: breaker,
		executor: failsafe.With[any](retry, breaker, timeout.New[any](limits.Attempt)),
	}
}

// Do makes a call, with several attempts if necessary. Its error is an *Error.
func (p *Policy) Do(ctx context.Context, operation string, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.limits.Call)
	defer cancel()
	err := p.executor.WithContext(ctx).RunWithExecution(func(try failsafe.Execution[any]) error {
		return attempt(try.Context())
	})
	if err != nil {
		return &Error{Service: p.service, Operation: operation, RetryAfter: p.retryAfter(), Err: err}
	}
	return nil
}

// Ready returns nil unless the circuit breaker is open, so that a call would
// fail immediately.
func (p *Policy) Ready() error {
	if p.breaker.IsOpen() && p.breaker.RemainingDelay() > 0 {
		return &Error{Service: p.service, Operation: "any operation", RetryAfter: p.retryAfter(), Err: circuitbreaker.ErrOpen}
	}
	return nil
}

func (p *Policy) retryAfter() time.Duration { return max(time.Second, p.breaker.RemainingDelay()) }
