package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/subgraphs/internal/admission"
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

// Connections to each other service: those that stay open, and all.
const (
	maxIdleConnections = 32
	maxConnections     = 128
)

// The circuit breaker of an operation opens at this failure rate, and rejects
// all calls until breakerDelay has passed.
const (
	failureRate   = 0.5
	failureWindow = 30 * time.Second // longer than minAttempts attempts that time out one after the other
	minAttempts   = 10
	breakerDelay  = 2 * time.Second
	breakerJitter = 0.2
)

// Client calls one service. It implements genqlient's graphql.Client.
type Client struct {
	graphql graphql.Client
	policy  *Policy
}

// Transport returns a transport for the calls of a service. It keeps as many
// connections as a service under load needs; http.DefaultTransport keeps two to
// each of the others, and opens one for each further call.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // nothing replaces it
	t.MaxIdleConnsPerHost, t.MaxConnsPerHost = maxIdleConnections, maxConnections
	return t
}

// New returns a client of the named service at a base URL. The transport sees
// every attempt; nil means http.DefaultTransport.
func New(name, baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{
		graphql: graphql.NewClient(baseURL+"/graphql", serviceDoer{token, &http.Client{Transport: transport}}),
		policy:  NewPolicy(name, Limits{Call: callTimeout, Attempt: attemptTimeout, Retries: maxRetries}, noResponse),
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
	return c.policy.Do(ctx, request.OpName, func(ctx context.Context) error {
		return c.graphql.MakeRequest(ctx, request, response)
	})
}

// Ready returns nil unless the circuit breaker of one of the named operations
// is open, so that its call would fail immediately.
func (c *Client) Ready(operations ...string) error { return c.policy.Ready(operations...) }

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

// Temporary reports whether the service did not respond, or responded that it is
// overloaded, or that it or its database is unavailable. The same call may succeed later.
func (e *Error) Temporary() bool {
	if noResponse(e.Err) {
		return true
	}
	var answered gqlerror.List
	if errors.As(e.Err, &answered) {
		for _, failure := range answered {
			if code := failure.Extensions["code"]; code == "UNAVAILABLE" || code == admission.Code {
				return true
			}
		}
	}
	return false
}

// serviceDoer sends requests with the token of the services, and with the time
// that is left for them.
type serviceDoer struct {
	token  string
	client *http.Client
}

// Do implements graphql.Doer.
func (s serviceDoer) Do(r *http.Request) (*http.Response, error) {
	if s.token != "" {
		r.Header.Set(identity.ServiceTokenHeader, s.token)
	}
	left := attemptTimeout
	if deadline, ok := r.Context().Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	r.Header.Set(admission.TimeoutHeader, strconv.FormatInt(max(1, left.Milliseconds()), 10))
	return s.client.Do(r)
}
