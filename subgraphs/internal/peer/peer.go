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

// What a call may cost: all its tries together, one try, and the pauses
// between them.
const (
	callTimeout = 2500 * time.Millisecond
	tryTimeout  = time.Second
	maxRetries  = 2
	firstPause  = 50 * time.Millisecond
	longPause   = 400 * time.Millisecond
)

// When the breaker opens, and for how long it then refuses all calls.
const (
	failureRate   = 0.5
	failureWindow = 10 * time.Second
	minTries      = 10
	openFor       = 2 * time.Second
)

// Client calls one peer. It is a graphql.Client of genqlient.
type Client struct {
	name    string
	graphql graphql.Client
	breaker circuitbreaker.CircuitBreaker[any]
	policy  failsafe.Executor[any]
}

// New makes a client of the named service at a base URL. The transport is told
// of every try; nil is http.DefaultTransport.
func New(name, baseURL, token string, transport http.RoundTripper) *Client {
	breaker := circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return silent(err) && !errors.Is(err, context.Canceled) }).
		WithFailureRateThreshold(failureRate, minTries, failureWindow).
		WithDelay(openFor).WithJitterFactor(0.2).
		WithSuccessThreshold(1).
		Build()
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return silent(err) }).
		AbortOnErrors(circuitbreaker.ErrOpen, context.Canceled, context.DeadlineExceeded).
		WithMaxRetries(maxRetries).
		WithBackoff(firstPause, longPause).WithJitterFactor(0.5).
		ReturnLastFailure().
		Build()
	return &Client{
		name:    name,
		graphql: graphql.NewClient(baseURL+"/graphql", asService{token, &http.Client{Transport: transport}}),
		breaker: breaker,
		policy:  failsafe.With[any](retry, breaker, timeout.New[any](tryTimeout)),
	}
}

// silent says whether an error means that the peer gave no answer of its own:
// it is away, overloaded, or too slow.
func silent(err error) bool {
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
		return &Error{Service: c.name, Operation: request.OpName, RetryAfter: c.wait(), Err: err}
	}
	return nil
}

// Ready is nil unless the breaker is open: then a call would fail at once.
func (c *Client) Ready() error {
	if c.breaker.IsOpen() && c.breaker.RemainingDelay() > 0 {
		return &Error{Service: c.name, Operation: "anything", RetryAfter: c.wait(), Err: circuitbreaker.ErrOpen}
	}
	return nil
}

func (c *Client) wait() time.Duration { return max(time.Second, c.breaker.RemainingDelay()) }

// Error says that a call failed. Whether the peer did what it was asked to do
// is unknown.
type Error struct {
	Service   string
	Operation string
	// RetryAfter is how long the breaker stays open, at least a second.
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string {
	return fmt.Sprintf("asking the %s service for %s: %v", e.Service, e.Operation, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// asService sends requests as a service of the store.
type asService struct {
	token  string
	client *http.Client
}

// Do implements graphql.Doer.
func (s asService) Do(r *http.Request) (*http.Response, error) {
	if s.token != "" {
		r.Header.Set(identity.ServiceTokenHeader, s.token)
	}
	return s.client.Do(r)
}
