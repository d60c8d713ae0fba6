package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/subgraphs/internal/identity"
)

// Limits of a call: its total time, the time of an attempt, the number of
// retries and the waits between them.
const (
	callTimeout    = 2500 * time.Millisecond
	attemptTimeout = time.Second
	maxRetries     = 2
	minBackoff     = 50 * time.Millisecond
	maxBackoff     = 400 * time.Millisecond
)

// The circuit breaker opens at this failure rate, and rejects all calls until
// breakerDelay has passed.
const (
	failureRate   = 0.5
	failureWindow = 10 * time.Second
	minAttempts   = 10
	breakerDelay  = 2 * time.Second
)

// Client calls one service. It implements genqlient's graphql.Client.
type Client struct {
	name    string
	graphql graphql.Client
	breaker circuitbreaker.CircuitBreaker[any]
	policy  failsafe.Executor[any]
}

// New returns a client of the named service at a base URL. The transport sees
// every attempt; nil means http.DefaultTransport.
func New(name, baseURL, token string, transport http.RoundTripper) *Client {
	breaker := circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return noResponse(err) && !errors.Is(err, context.Canceled) }).
		WithFailureRateThreshold(failureRate, minAttempts, failureWindow).
		WithDelay(breakerDelay).WithJitterFactor(0.2).
		WithSuccessThreshold(1).
		Build()
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return noResponse(err) }).
		AbortOnErrors(circuitbreaker.ErrOpen, context.Canceled, context.DeadlineExceeded).
		WithMaxRetries(maxRetries).
		WithBackoff(minBackoff, maxBackoff).WithJitterFactor(0.5).
		ReturnLastFailure().
		Build()
	return &Client{
		name:    name,
		graphql: graphql.NewClient(baseURL+"/graphql", serviceDoer{token, &http.Client{Transport: transport}}),
		breaker: breaker,
		policy:  failsafe.With[any](retry, breaker, timeout.New[any](attemptTimeout)),
	}
}

// noResponse reports whether an error means that the service did not respond:
// it is down, overloaded or too slow.
func noResponse(err error) bool {
	if status := (*graphql.HTTPError)(nil); errors.As(err, &status) {
		return status.StatusCode >= http.StatusInternalServerError || status.StatusCode == http.StatusTooManyRequests
	}
	var answered gqlerror.List
	return err != nil && !errors.As(err, &answered)
}

// MakeRequest implements graphql.Client. Its error is an *Error.
func (c *Client) MakeRequest(ctx context.Context, request *graphql.Request, response *graphql.Response) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := c.policy.WithContext(ctx).RunWithExecution(func(try failsafe.Execution[any]) error {
		return c.graphql.MakeRequest(try.Context(), request, response)
	})
	if err != nil {
		return &Error{Service: c.name, Operation: request.OpName, RetryAfter: c.retryAfter(), Err: err}
	}
	return nil
}

// Ready returns nil unless the circuit breaker is open, so that a call would
// fail immediately.
func (c *Client) Ready() error {
	if c.breaker.IsOpen() && c.breaker.RemainingDelay() > 0 {
		return &Error{Service: c.name, Operation: "any operation", RetryAfter: c.retryAfter(), Err: circuitbreaker.ErrOpen}
	}
	return nil
}

func (c *Client) retryAfter() time.Duration { return max(time.Second, c.breaker.RemainingDelay()) }

// Error means that a call failed. The call may or may not have taken effect.
type Error struct {
	Service   string
	Operation string
	// RetryAfter is how long the circuit breaker stays open, at least a
	// second.
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string {
	return fmt.Sprintf("calling the %s service (%s): %v", e.Service, e.Operation, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the service did not respond, or responded that it
// or its database is unavailable. The same call may succeed later.
func (e *Error) Temporary() bool {
	if noResponse(e.Err) {
		return true
	}
	var answered gqlerror.List
	if errors.As(e.Err, &answered) {
		for _, failure := range answered {
			if failure.Extensions["code"] == "UNAVAILABLE" {
				return true
			}
		}
	}
	return false
}

// serviceDoer sends requests with the token of the services.
type serviceDoer struct {
	token  string
	client *http.Client
}

// Do implements graphql.Doer.
func (s serviceDoer) Do(r *http.Request) (*http.Response, error) {
	if s.token != "" {
		r.Header.Set(identity.ServiceTokenHeader, s.token)
	}
	return s.client.Do(r)
}
