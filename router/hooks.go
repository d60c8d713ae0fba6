package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/hook"
	"souk/router/internal/hookchain"
	"souk/router/internal/jsonscan"
	"souk/router/operation"
	"souk/router/subgraph"
)

// addHooks sets the hooks: those of the program, followed by those of the coprocessor. It sets
// what decides on policies, too: r.options keeps what the program gave, because a canary has a
// coprocessor and a cache of its own.
func (r *Router) addHooks() error {
	hooks := slices.Clone(r.options.Hooks)
	r.ownHooks = len(hooks)
	r.policies = r.options.Policies
	if r.policies != nil && r.config.Authorization.PolicyCache.Enabled {
		r.policies = r.verdicts().Of(r.policies)
	}
	c := r.config.Coprocessor
	stages := coprocessorStages(c)
	if c.URL != "" && len(stages) == 0 {
		return errors.New("coprocessor.url is set, but no stage is enabled; enable headers, body, context or sdl of a stage, such as coprocessor.router.request.headers")
	}
	if c.URL != "" {
		made := r.coprocessor(c, stages)
		hooks = append(hooks, made.Hooks())
		if c.Policies {
			if r.policies != nil {
				return errors.New("coprocessor.policies is set, but the program evaluates policies itself (router.Extensions.Policies); use one of them")
			}
			r.policies = made
		}
	}
	if h := r.config.Headers; slices.ContainsFunc(h.ContextOf(slices.Collect(maps.Keys(h.Subgraphs))...), ofOperation) {
		hooks = append(hooks, hook.Hooks{Name: "set_from_context", Operation: describeOperation})
	}
	r.hooks, r.options.Hooks = hookchain.New(hooks), hooks
	return nil
}

// ofOperation reports whether a value of the request context says something of the operation.
func ofOperation(value string) bool {
	return value == hook.OperationName || value == hook.OperationKind
}

// describeOperation sets the values that header rules have of the operation.
func describeOperation(_ context.Context, e *hook.Exchange) error {
	if err := e.SetContext(hook.OperationName, e.Operation.Name); err != nil {
		return err
	}
	return e.SetContext(hook.OperationKind, e.Operation.Kind.String())
}

// subgraphHooks runs the subgraph hooks around subgraph requests.
type subgraphHooks struct {
	chain *hookchain.Chain
	log   func(context.Context, *hookchain.Fault)
	last  atomic.Int64 // the last request ID
}

var _ subgraph.Interceptor = (*subgraphHooks)(nil)

// Send implements subgraph.Interceptor.
func (h *subgraphHooks) Send(ctx context.Context, out *subgraph.Outgoing, next func() (*execute.SubgraphResponse, error)) (*execute.SubgraphResponse, error) {
	e := hook.FromContext(ctx)
	if e == nil { // not caused by a client request
		return next()
	}
	r, replaced, err := h.request(ctx, e, out)
	defer replaced.Release()
	if err != nil {
		return nil, err
	}
	answer := &hook.SubgraphResponse{Exchange: e, ID: r.ID, Subgraph: r.Subgraph, URL: out.URL, Kind: r.Kind}
	if r.Answer != nil {
		response := newResponse(r.Answer.Status, r.Answer.Body)
		response.Header = r.Answer.Header
		return h.answered(ctx, answer, response, nil)
	}
	began := time.Now()
	response, err := next()
	answer.Duration = time.Since(began)
	return h.answered(ctx, answer, response, err)
}

// Subscribe implements subgraph.Interceptor.
func (h *subgraphHooks) Subscribe(ctx context.Context, out *subgraph.Outgoing, event func(*execute.SubgraphResponse) error, next func(func(*execute.SubgraphResponse) error) error) error {
	e := hook.FromContext(ctx)
	if e == nil {
		return next(event)
	}
	r, replaced, err := h.request(ctx, e, out)
	defer replaced.Release()
	if err != nil {
		return err
	}
	if r.Answer != nil {
		return h.failure(ctx, &hookchain.Fault{Hook: "SubgraphRequest", Err: errors.New("a hook set Answer for a subscription; only queries and mutations can be answered by a hook")})
	}
	return next(func(response *execute.SubgraphResponse) error {
		answer := &hook.SubgraphResponse{Exchange: e, ID: r.ID, Subgraph: r.Subgraph, URL: out.URL, Kind: r.Kind}
		response, err := h.answered(ctx, answer, response, nil)
		if err != nil {
			return err
		}
		return event(response)
	})
}

// request runs the SubgraphRequest hooks. If a hook has replaced the body, the returned
// buffer holds it, and the caller must release it.
func (h *subgraphHooks) request(ctx context.Context, e *hook.Exchange, out *subgraph.Outgoing) (*hook.SubgraphRequest, *execute.Buffer, error) {
	body := out.Request.Body.B
	r := &hook.SubgraphRequest{
		Exchange: e, ID: h.last.Add(1), Subgraph: out.Request.Subgraph, URL: out.URL, Kind: out.Request.Kind,
		Header: out.Header, Body: body,
	}
	if err := h.chain.SubgraphRequest(ctx, r); err != nil {
		return r, nil, h.failure(ctx, err)
	}
	out.Header = r.Header
	if same(r.Body, body) {
		return r, nil, nil
	}
	out.Request.Body = newBuffer(r.Body)
	return r, out.Request.Body, nil
}

// answered runs the SubgraphResponse hooks on a response, or on the error of the request.
func (h *subgraphHooks) answered(ctx context.Context, r *hook.SubgraphResponse, response *execute.SubgraphResponse, failed error) (*execute.SubgraphResponse, error) {
	var body []byte
	r.Err = failed
	if response != nil {
		body = response.Body.B
		// Deduplicated requests may share the response, so its header is copied.
		r.Status, r.Header, r.Body = response.Status, response.Header.Clone(), body
	}
	err := h.chain.SubgraphResponse(ctx, r)
	switch {
	case err != nil:
		err = h.failure(ctx, err)
	case r.Err != nil:
		err = r.Err
	}
	if err != nil {
		if response != nil {
			response.Body.Release()
		}
		return nil, err
	}
	if response == nil || !same(r.Body, body) {
		if response != nil {
			response.Body.Release()
		}
		response = newResponse(r.Status, r.Body)
	}
	return &execute.SubgraphResponse{Status: response.Status, Header: r.Header, Body: response.Body}, nil
}

// logFault logs the fault of a hook, which clients do not see.
func (r *Router) logFault(ctx context.Context, f *hookchain.Fault) {
	r.options.Telemetry.Logger.ErrorContext(ctx, "a hook failed", "hook", f.Hook, "error", f.Err, "stack", string(f.Stack))
}

// same reports whether two slices have the same length and start at the same byte.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func newBuffer(body []byte) *execute.Buffer {
	b := execute.NewBuffer(len(body))
	b.B = append(b.B, body...)
	return b
}

func newResponse(status int, body []byte) *execute.SubgraphResponse {
	if status == 0 {
		status = 200
	}
	return &execute.SubgraphResponse{Status: status, Body: newBuffer(body)}
}

// failure returns the error of a fetch for the error of a hook.
func (h *subgraphHooks) failure(ctx context.Context, err error) error {
	var fault *hookchain.Fault
	if errors.As(err, &fault) {
		h.log(ctx, fault)
		return &execute.TransportError{Code: execute.CodeInternal, Message: "was not requested: an extension of the router failed", Err: err}
	}
	var rejection *hook.Rejection
	if errors.As(err, &rejection) {
		list := make(operation.Errors, len(rejection.Errors))
		for i, e := range rejection.Errors {
			list[i] = &operation.Error{Message: e.Message, Code: cmp.Or(e.Code, execute.CodeRejected), Extensions: e.Extensions}
		}
		text, marshalErr := jsonscan.Marshal(list)
		return &execute.TransportError{Code: execute.CodeRejected, Message: "was not requested: an extension of the router rejected the request", Errors: text, Err: marshalErr}
	}
	return fmt.Errorf("running subgraph hooks: %w", err)
}
