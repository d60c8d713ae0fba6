package coprocessor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"souk/router/auth"
	"souk/router/hook"
)

// Options configure a Coprocessor.
type Options struct {
	// URL is the http or https URL of the service.
	URL string
	// Timeout bounds the duration of one call.
	Timeout time.Duration
	// MaxConnections bounds the connections. A call waits for one to become free.
	MaxConnections int
	// MaxResponseBytes bounds the size of a response.
	MaxResponseBytes int
	// Stages are the stages at which the service is called.
	Stages map[Stage]Include
	// Policies lets the service decide on @policy: SupergraphRequest includes the names
	// of the policies, and the Coprocessor is a policy evaluator.
	Policies bool
	// Verdicts keeps decisions on policies; nil keeps none. If the message of SupergraphRequest
	// includes nothing but the context, which nothing else reads, the service is not called for
	// an operation without a policy, or on whose policies it has decided before.
	Verdicts *auth.VerdictCache
	// ContextRead is set if anything else than the service's decisions may read what it sets in
	// the context at SupergraphRequest. Then the service is called for each operation.
	ContextRead bool
	// Propagator writes the trace context into calls; nil for none.
	Propagator propagation.TextMapPropagator
	// Report, unless nil, is called after each call of the service.
	Report func(ctx context.Context, stage Stage, took time.Duration, err error)
}

// Include selects what the message of a stage includes.
type Include struct {
	Headers, Body, Context, QueryPlan bool
	// SDL is the SDL of the supergraph.
	SDL bool
	// Open ignores a failed call. Otherwise the request is rejected.
	Open bool
}

// Anything reports whether the message includes anything. Otherwise the coprocessor is
// not called at the stage.
func (i Include) Anything() bool { return i.Headers || i.Body || i.Context || i.QueryPlan || i.SDL }

// onlyContext reports whether the message includes nothing but the context.
func (i Include) onlyContext() bool {
	return i.Context && !i.Headers && !i.Body && !i.QueryPlan && !i.SDL
}

// CodeFailed is the error code of requests that are rejected because a call failed.
const CodeFailed = "COPROCESSOR_FAILED"

// A Coprocessor is an HTTP service that takes part in requests.
type Coprocessor struct {
	options Options
	client  *client
}

// New returns a Coprocessor. It does not connect to the service before the first
// request.
func New(o Options) *Coprocessor { return &Coprocessor{o, newClient(o)} }

// Close ends its idle connections.
func (c *Coprocessor) Close() error {
	c.client.http.CloseIdleConnections()
	return nil
}

// Hooks returns the hooks that call the coprocessor at the configured stages.
func (c *Coprocessor) Hooks() hook.Hooks {
	h := hook.Hooks{Name: "coprocessor"}
	if c.called(RouterRequest) {
		h.Request = c.routerRequest
	}
	if c.called(SupergraphRequest) {
		h.Operation = c.supergraphRequest
	}
	if c.called(ExecutionRequest) {
		h.Plan = c.executionRequest
	}
	if c.called(SubgraphRequest) {
		h.SubgraphRequest = c.subgraphRequest
	}
	if c.called(SubgraphResponse) {
		h.SubgraphResponse = c.subgraphResponse
	}
	if c.called(ExecutionResponse) || c.called(SupergraphResponse) || c.called(RouterResponse) {
		h.Response = c.response
	}
	return h
}

func (c *Coprocessor) called(s Stage) bool { return c.options.Stages[s].Anything() }

// call calls the coprocessor if the stage is configured. The answer is nil if there is
// nothing to change. The error is a rejection.
func (c *Coprocessor) call(ctx context.Context, e *hook.Exchange, m *message, header http.Header) (*answer, error) {
	include := c.options.Stages[m.Stage]
	if !include.Anything() {
		return nil, nil
	}
	m.ID = e.ID
	if include.Headers {
		m.Headers = lower(header)
	}
	if !include.Body {
		m.Body = nil
	}
	if include.SDL {
		m.SDL = e.SDL
	}
	var shared *values
	if include.Context {
		shared = valuesOf(e)
		m.Context = &entries{shared.all(e, m.Stage == SupergraphRequest && c.options.Policies)}
	}
	began := time.Now()
	a, err := c.client.call(ctx, m)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) { // the client has disconnected: not a failure of the coprocessor
		return nil, ctx.Err()
	}
	c.report(ctx, m.Stage, time.Since(began), err)
	if err != nil {
		return nil, c.failed(m.Stage)
	}
	if a.Context != nil && shared != nil {
		shared.merge(a.Context.Entries)
	}
	return a, nil
}

func (c *Coprocessor) report(ctx context.Context, stage Stage, took time.Duration, err error) {
	if c.options.Report != nil {
		c.options.Report(ctx, stage, took, err)
	}
}

// unusable reports an answer that follows the protocol but has an unusable part.
func (c *Coprocessor) unusable(ctx context.Context, stage Stage, err error) error {
	c.report(ctx, stage, 0, fmt.Errorf("its response at %s cannot be used: %w", stage, err))
	return c.failed(stage)
}

// failed returns the result of a failed call: nil, or a rejection.
func (c *Coprocessor) failed(stage Stage) error {
	if c.options.Stages[stage].Open {
		return nil
	}
	return hook.Reject(http.StatusServiceUnavailable, CodeFailed, "An extension of the router failed. Try again later.")
}

// rejection returns the rejection for an answer that ends the request. The body of the
// answer is a GraphQL response with errors, or a text.
func (a *answer) rejection() *hook.Rejection {
	r := &hook.Rejection{Status: a.Control.status, Header: canonical(a.Headers)}
	var body struct {
		Errors []struct {
			Message    string
			Extensions map[string]json.RawMessage
		}
	}
	if json.Unmarshal(object(a.Body), &body) == nil {
		for _, e := range body.Errors {
			var code string
			if json.Unmarshal(e.Extensions["code"], &code) == nil {
				delete(e.Extensions, "code")
			}
			r.Errors = append(r.Errors, hook.Error{Message: e.Message, Code: code, Extensions: e.Extensions})
		}
	}
	if len(r.Errors) == 0 {
		var message string
		_ = json.Unmarshal(a.Body, &message) // empty for anything but a text
		r.Errors = []hook.Error{{Message: cmp.Or(message, http.StatusText(a.Control.status), "The request is refused."), Code: codeFor(a.Control.status)}}
	}
	return r
}

// codeFor returns the code of a rejection without one.
func codeFor(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "FORBIDDEN"
	case http.StatusTooManyRequests:
		return "RATE_LIMIT_EXCEEDED"
	}
	return "REQUEST_REJECTED"
}
