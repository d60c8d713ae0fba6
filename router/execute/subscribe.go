package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// A RequestError says that a subscription was not executed, or ended as a
// whole: the response is errors without data (GraphQL, section 6.2.3.1). A
// Transport returns it from Subscribe with the errors as the subgraph sent
// them; Executor.Subscribe returns it with those that the client is told.
type RequestError struct {
	// Errors is a JSON list of errors (GraphQL, section 7.1.2); never empty.
	Errors json.RawMessage
	// Codes are the extensions.code of the errors for the client; nil in a
	// transport's RequestError.
	Codes []string
	// Err is the *TransportError if the subgraph could not be reached or the
	// stream was lost, and nil if the subgraph has spoken.
	Err error
}

func (e *RequestError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("the subscription was refused: %.500s", e.Errors)
}

func (e *RequestError) Unwrap() error { return e.Err }

// StreamSubgraph is the name of the subgraph that a subscription's events come
// from; empty for a query or a mutation.
func (p *Program) StreamSubgraph() string {
	if len(p.steps) == 0 || !p.steps[0].stream {
		return ""
	}
	return p.steps[0].subgraph
}

// Subscribe answers a subscription: emit is given a response for each event,
// which it releases. It returns when the stream has ended (nil), ctx is done,
// emit has failed, or the stream could not be opened or was lost, which is a
// *RequestError.
func (e *Executor) Subscribe(ctx context.Context, req *Request, emit func(*Response) error) error {
	p := req.Program
	if len(p.steps) == 0 || !p.steps[0].stream {
		return errors.New("execute: the operation is not a subscription")
	}
	open := e.start(req)
	request := open.request(p.steps[0])
	defer request.Body.Release()
	open.finish()
	e.runs.Put(open)
	// From here on the request body is all that is left of it.
	err := e.options.Transport.Subscribe(ctx, &request, func(event *SubgraphResponse) error {
		r := e.start(req)
		// The event has been read; what is made of it waits for room.
		if err := r.lease.Grow(ctx, footprint*len(event.Body.B)); err != nil {
			event.Body.Release()
			r.finish()
			e.runs.Put(r)
			return overloaded(err)
		}
		r.steps[0].response = event
		r.merge(ctx, p.steps[0])
		r.done(p.steps[0])
		r.schedule(ctx, nil)
		return emit(r.respond())
	})
	var (
		refused *RequestError
		failed  *TransportError
	)
	if errors.As(err, &refused) || errors.As(err, &failed) {
		return e.refusal(req, refused, failed)
	}
	return err
}

// refusal makes of a subgraph's request errors, or of a failure on the way to
// it, the errors for the client. They have no path: there is no data that they
// could point into.
func (e *Executor) refusal(req *Request, refused *RequestError, failed *TransportError) error {
	r := e.start(req)
	defer func() {
		r.finish()
		e.runs.Put(r)
	}()
	s := req.Program.steps[0]
	out := &RequestError{}
	var list []subgraphError
	if refused != nil && (json.Unmarshal(refused.Errors, &list) != nil || len(list) == 0) {
		failed = malformed("refused a subscription with errors that are not a list")
	}
	for _, sent := range list {
		r.add(r.translate(s, sent))
	}
	if failed != nil {
		r.report(s, failed)
		out.Err = failed
	}
	for i := range r.errors {
		r.errors[i].path = nil
	}
	out.Errors, out.Codes = appendErrors(nil, r.errors), codes(r.errors)
	return out
}
