package coprocessor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"souk/router/hook"
	"souk/router/plan"
	"souk/router/subgraph"
)

// graphQLRequest is the body of a GraphQL request.
type graphQLRequest struct {
	Query         string          `json:"query,omitempty"`
	OperationName string          `json:"operationName,omitempty"`
	Variables     json.RawMessage `json:"variables,omitempty"`
	Extensions    json.RawMessage `json:"extensions,omitempty"`
}

func (r graphQLRequest) json() (json.RawMessage, error) {
	out, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("writing the request for the coprocessor: %w", err)
	}
	return out, nil
}

func (c *Coprocessor) routerRequest(ctx context.Context, r *hook.Request) error {
	body, err := graphQLRequest{r.Query, r.OperationName, r.Variables, r.Extensions}.json()
	if err != nil {
		return err
	}
	m := &message{Stage: RouterRequest, Method: r.HTTP.Method, Path: r.HTTP.URL.RequestURI(), Body: text(body)}
	a, err := c.call(ctx, r.Exchange, m, r.ClientHeader)
	if a == nil || err != nil {
		return err
	}
	if a.Control.status != 0 {
		return a.rejection()
	}
	if a.Headers != nil {
		r.ClientHeader = canonical(a.Headers)
	}
	if c.options.Stages[RouterRequest].Body && given(a.Body) {
		var changed graphQLRequest
		if err := json.Unmarshal(object(a.Body), &changed); err != nil {
			return c.unusable(ctx, RouterRequest, fmt.Errorf("the body is not a GraphQL request: %w", err))
		}
		r.Query, r.OperationName, r.Variables, r.Extensions = changed.Query, changed.OperationName, changed.Variables, changed.Extensions
	}
	valuesOf(r.Exchange).apply(r.Exchange)
	return nil
}

// operationBody returns the requested operation, with the coerced values of its
// variables.
func operationBody(e *hook.Exchange) (json.RawMessage, error) {
	variables := map[string]json.RawMessage{}
	for _, v := range e.Operation.Variables {
		variables[v.Name] = v.Value
	}
	text, err := json.Marshal(variables)
	if err != nil {
		return nil, fmt.Errorf("writing the variables for the coprocessor: %w", err)
	}
	return graphQLRequest{Query: e.Operation.Document, OperationName: e.Operation.Name, Variables: text}.json()
}

func (c *Coprocessor) supergraphRequest(ctx context.Context, e *hook.Exchange) error {
	if c.options.Policies && valuesOf(e).recall(c.options.Verdicts) && c.onlyDecides(e) {
		return nil
	}
	if err := c.operation(ctx, e, &message{Stage: SupergraphRequest, Method: http.MethodPost}); err != nil || !c.options.Policies {
		return err
	}
	if err := valuesOf(e).decide(c.options.Verdicts); err != nil {
		return c.unusable(ctx, SupergraphRequest, err)
	}
	return nil
}

// onlyDecides reports whether all that the service can do at SupergraphRequest is to decide on
// policies.
func (c *Coprocessor) onlyDecides(e *hook.Exchange) bool {
	return c.options.Stages[SupergraphRequest].onlyContext() && !c.options.ContextRead && !e.Operation.Labeled
}

func (c *Coprocessor) executionRequest(ctx context.Context, e *hook.Exchange) error {
	m := &message{Stage: ExecutionRequest, Method: http.MethodPost}
	if c.options.Stages[ExecutionRequest].QueryPlan && e.Plan != nil {
		var b bytes.Buffer
		if err := plan.WriteJSON(&b, e.Plan); err != nil {
			return fmt.Errorf("writing the plan for the coprocessor: %w", err)
		}
		m.QueryPlan = b.Bytes()
	}
	return c.operation(ctx, e, m)
}

// operation calls a stage after the operation is known. The operation cannot change
// any more.
func (c *Coprocessor) operation(ctx context.Context, e *hook.Exchange, m *message) error {
	var err error
	if m.Body, err = operationBody(e); err != nil {
		return err
	}
	a, err := c.call(ctx, e, m, e.ClientHeader)
	if a == nil || err != nil {
		return err
	}
	if a.Control.status != 0 {
		return a.rejection()
	}
	if a.Headers != nil {
		e.ClientHeader = canonical(a.Headers)
	}
	valuesOf(e).apply(e)
	return nil
}

func (c *Coprocessor) subgraphRequest(ctx context.Context, r *hook.SubgraphRequest) error {
	m := &message{
		Stage: SubgraphRequest, Method: http.MethodPost, URI: r.URL, ServiceName: r.Subgraph,
		SubgraphRequestID: strconv.FormatInt(r.ID, 10), Body: r.Body,
	}
	a, err := c.call(ctx, r.Exchange, m, r.Header)
	if a == nil || err != nil {
		return err
	}
	if a.Control.status != 0 {
		r.Answer = &hook.Answer{Status: a.Control.status, Header: canonical(a.Headers), Body: response(a)}
		return nil
	}
	if a.Headers != nil {
		r.Header = sendable(a.Headers)
	}
	if c.options.Stages[SubgraphRequest].Body && given(a.Body) {
		r.Body = object(a.Body)
	}
	return nil
}

// response returns the body of an answer as a GraphQL response.
func response(a *answer) []byte {
	body := object(a.Body)
	if len(body) > 0 && body[0] == '{' {
		return body
	}
	type entry struct {
		Message    string            `json:"message"`
		Extensions map[string]string `json:"extensions"`
	}
	first := a.rejection().Errors[0]
	out, err := json.Marshal(map[string][]entry{"errors": {{first.Message, map[string]string{"code": first.Code}}}})
	if err != nil { // unreachable: all parts can be encoded
		return nil
	}
	return out
}

func given(body json.RawMessage) bool { return len(body) > 0 && string(body) != "null" }

// canonical returns a header with the names of net/http. The protocol has them in lower
// case.
func canonical(headers map[string][]string) http.Header {
	h := make(http.Header, len(headers))
	for name, values := range headers {
		h[http.CanonicalHeaderKey(name)] = values
	}
	return h
}

// sendable leaves out the fields that the HTTP client writes itself. Some coprocessors
// copy them from the requests that they receive.
func sendable(headers map[string][]string) http.Header {
	h := canonical(headers)
	for name, values := range h {
		if len(values) == 0 || subgraph.CheckSet(name, values[0]) != nil {
			delete(h, name)
		}
	}
	return h
}
