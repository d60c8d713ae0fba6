package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"souk/router/hook"
	"souk/router/rest"
)

// A graph lets REST routes execute their operations: on one generation, for
// whose schema they were made.
type restExecutor struct {
	gateway  *Gateway
	snapshot *snapshot
}

// Execute takes an operation that was admitted through all further stages. See
// [rest.Graph].
func (e *restExecutor) Execute(ctx context.Context, r *http.Request, document, operationName string, variables json.RawMessage) (*rest.Answer, error) {
	start := time.Now()
	x := exchange{Gateway: e.gateway, snapshot: e.snapshot, r: r, carrier: hook.REST}
	req := request{document: []byte(document), operationName: []byte(operationName), variables: variables, own: true}
	p, err := x.prepare(ctx, &req)
	if err != nil {
		x.logFault(ctx, err)
		return x.refusedAnswer(ctx, x.refuse(err)), nil
	}
	ctx, cancel := x.deadline(x.hookContext(ctx))
	defer cancel()
	response := x.run(ctx, p, start)
	defer response.Release()
	if response.Shed {
		return x.refusedAnswer(ctx, x.refuse(errNoRoom)), nil
	}
	// Decoding copies what it gives, so that the response can go.
	out := &rest.Answer{}
	status, body := x.answered(ctx, http.StatusOK, response.Body, response)
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", operationName, err)
	}
	if status != http.StatusOK {
		out.Status = status
	}
	out.Header = x.header()
	if x.hooked != nil {
		out.Header = x.hooked.ResponseHeader
	}
	if control := cacheControl(p.program, p.op.Kind, response, r.Header); control != nil {
		out.Header["Cache-Control"] = control
	}
	out.Header["Vary"] = p.program.Audience.Vary
	return out, nil
}

// refusedAnswer gives the errors of an operation that was not executed, after
// the hooks on responses.
func (x *exchange) refusedAnswer(ctx context.Context, f failure) *rest.Answer {
	if x.hooked == nil {
		return refusedAnswer(f)
	}
	status, body := x.answered(ctx, f.status, f.body(), nil)
	out := &rest.Answer{}
	if json.Unmarshal(body, out) != nil || len(out.Errors) == 0 {
		out = refusedAnswer(f)
	}
	out.Header = x.hooked.ResponseHeader.Clone()
	maps.Copy(out.Header, f.header)
	if f.rejected || status != f.status {
		out.Status = status
	}
	return out
}

// refusedAnswer gives the errors of an operation that was not executed.
func refusedAnswer(f failure) *rest.Answer {
	out := &rest.Answer{Header: f.header}
	for _, e := range f.errors {
		out.Errors = append(out.Errors, rest.Error{Message: e.Message, Extensions: map[string]any{"code": e.Code}})
	}
	return out
}

// serveREST hands a request to the routes of the current generation.
func (gw *Gateway) serveREST(w http.ResponseWriter, r *http.Request) {
	current := gw.acquire()
	if current == nil {
		(&problem{status: http.StatusServiceUnavailable, code: "SHUTTING_DOWN", detail: "The router is shutting down."}).write(w)
		return
	}
	defer current.release()
	if p := gw.checkRESTForgery(r); p != nil {
		rest.Reject(w, r, p.code, p.detail)
		return
	}
	if current.rest.RunsOperation(r) {
		place, refused := gw.enter(r, w.Header())
		if refused != nil {
			gw.metrics.GraphQLError(refused.Err.Code).Inc()
			Reject(w, r, refused)
			return
		}
		defer place.leave()
	}
	current.rest.ServeHTTP(w, r)
}
