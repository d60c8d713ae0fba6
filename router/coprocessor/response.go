package coprocessor

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"

	"souk/router/hook"
)

func (c *Coprocessor) subgraphResponse(ctx context.Context, r *hook.SubgraphResponse) error {
	if r.Err != nil {
		return nil //nolint:nilerr // there is no response to send
	}
	m := &message{
		Stage: SubgraphResponse, StatusCode: r.Status, ServiceName: r.Subgraph,
		SubgraphRequestID: strconv.FormatInt(r.ID, 10), Body: r.Body,
	}
	if !json.Valid(r.Body) {
		m.Body = text(r.Body)
	}
	a, err := c.call(ctx, r.Exchange, m, r.Header)
	if a == nil || err != nil {
		return err
	}
	if a.Headers != nil {
		r.Header = canonical(a.Headers)
	}
	switch {
	case a.Control.status != 0:
		r.Status, r.Body = a.Control.status, response(a)
		return nil
	case a.StatusCode != nil:
		r.Status = *a.StatusCode
	}
	if c.options.Stages[SubgraphResponse].Body && given(a.Body) {
		r.Body = object(a.Body)
	}
	return nil
}

// response calls the stages ExecutionResponse, SupergraphResponse and RouterResponse
// with the same response; the last one gets it as text.
func (c *Coprocessor) response(ctx context.Context, r *hook.Response) error {
	if r.Executed {
		if err := c.clientResponse(ctx, r, ExecutionResponse, r.Body); err != nil {
			return err
		}
	}
	if r.Operation != nil { // otherwise the request was rejected before SupergraphRequest
		if err := c.clientResponse(ctx, r, SupergraphResponse, r.Body); err != nil {
			return err
		}
	}
	return c.clientResponse(ctx, r, RouterResponse, text(r.Body))
}

func (c *Coprocessor) clientResponse(ctx context.Context, r *hook.Response, stage Stage, body json.RawMessage) error {
	m := &message{Stage: stage, StatusCode: r.Status, HasNext: &r.HasNext, Body: body}
	a, err := c.call(ctx, r.Exchange, m, r.ResponseHeader)
	if a == nil || err != nil {
		return err
	}
	if a.Control.status != 0 {
		return a.rejection()
	}
	if a.Headers != nil {
		clear(r.ResponseHeader) // the map itself belongs to the response
		maps.Copy(r.ResponseHeader, canonical(a.Headers))
	}
	if a.StatusCode != nil {
		r.Status = *a.StatusCode
	}
	if c.options.Stages[stage].Body && given(a.Body) {
		changed := object(a.Body)
		if changed[0] != '{' {
			return c.unusable(ctx, stage, errors.New("the body is not a GraphQL response"))
		}
		r.Body = changed
	}
	return nil
}
