package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"souk/router/operation"
)

// A RequestError reports that a subscription was not executed, or ended as a
// whole: the response is errors without data (GraphQL, section 6.2.3.1).
// Transport.Subscribe returns it with the errors that the subgraph sent, and
// Executor.Subscribe with those for the client.
type RequestError struct {
	// Errors is a JSON list of errors (GraphQL, section 7.1.2); never empty.
	Errors json.RawMessage
	// Codes are the extensions.code of the errors for the client; nil if a
	// Transport returns the error.
	Codes []string
	// Err is the *TransportError if the subgraph could not be reached or the
	// stream was lost; nil if the subgraph sent the errors.
	Err error
}

func (e *RequestError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("the subscription was refused: %.500s", e.Errors)
}

func (e *RequestError) Unwrap() error { return e.Err }

// StreamSubgraph is the name of the subgraph that sends a subscription's
// events; empty for a query or a mutation.
func (p *Program) StreamSubgraph() string {
	if len(p.fetches) == 0 || !p.fetches[0].stream {
		return ""
	}
	return p.fetches[0].subgraph
}

// FedByEvents reports whether a message broker feeds the subscription, in place of the
// subgraph.
func (p *Program) FedByEvents() bool { return len(p.fetches) > 0 && p.fetches[0].eventStream }

// Subscribe answers a subscription: emit gets a response for each event, which
// it releases. Subscribe returns when the stream has ended (nil), ctx is done,
// emit has failed, or the stream could not be opened or was lost, which is a
// *RequestError.
func (e *Executor) Subscribe(ctx context.Context, req *Request, emit func(*Response) error) error {
	p := req.Program
	if p.kind == operation.Subscription && len(p.fetches) == 0 {
		// The caller may not read the field: there are no events, and one response says why.
		return emit(e.start(req).respond())
	}
	if len(p.fetches) == 0 || !p.fetches[0].stream {
		return errors.New("execute: the operation is not a subscription")
	}
	open := e.start(req)
	request := open.request(p.fetches[0])
	request.LastEventID = req.LastEventID
	defer request.Body.Release()
	open.finish()
	open.free()
	// From here on only the request body is left of it.
	err := e.options.Transport.Subscribe(ctx, &request, func(event *SubgraphResponse) error {
		x := e.start(req)
		// The event has been read. What is made of it waits for memory.
		if err := x.lease.Grow(ctx, footprint*len(event.Body.B)); err != nil {
			event.Body.Release()
			x.finish()
			x.free()
			return overloaded(err)
		}
		id := event.EventID
		x.states[0].response = event
		x.merge(ctx, p.fetches[0])
		x.done(p.fetches[0])
		x.schedule(ctx, nil)
		response := x.respond()
		response.EventID = id
		return emit(response)
	})
	var (
		refused *RequestError
		failed  *TransportError
	)
	if errors.As(err, &refused) || errors.As(err, &failed) {
		return e.refusal(ctx, req, refused, failed)
	}
	return err
}

// refusal makes the errors for the client from a subgraph's request errors, or
// from a failure to reach it. They have no path, because there is no data.
func (e *Executor) refusal(ctx context.Context, req *Request, refused *RequestError, failed *TransportError) error {
	x := e.start(req)
	defer func() {
		x.finish()
		x.free()
	}()
	f := req.Program.fetches[0]
	out := &RequestError{}
	var list []subgraphError
	if refused != nil && (json.Unmarshal(refused.Errors, &list) != nil || len(list) == 0) {
		failed = malformed("refused a subscription with errors that are not a list")
	}
	for _, sent := range list {
		x.add(x.translate(f, sent))
	}
	if failed != nil {
		x.report(ctx, f, failed)
		out.Err = failed
	}
	for i := range x.errors {
		x.errors[i].path = nil
	}
	out.Errors, out.Codes = appendErrors(nil, x.errors), codes(x.errors)
	return out
}
