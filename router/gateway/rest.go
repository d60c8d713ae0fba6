package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"souk/router/adaptive"
	"souk/router/hook"
	"souk/router/operation"
	"souk/router/rest"
)

// A restExecutor executes the operations of REST routes. It belongs to the snapshot
// for whose schema the routes were compiled.
type restExecutor struct {
	gateway  *Gateway
	snapshot *snapshot
}

// Resolves implements [rest.Executor]. Any subgraph may resolve a field that an object type
// has only through an @interfaceObject, and a field of an interface or of an object of
// another one.
func (e *restExecutor) Resolves(subgraph, typeName, field string) bool {
	t, g := e.snapshot.model.Type(typeName), e.snapshot.model.Subgraph(subgraph)
	if t == nil || g == nil || t.Abstract() {
		return true
	}
	f := t.Field(field)
	return f == nil || len(f.In) == 0 || f.InSubgraph(g) != nil
}

// Execute implements [rest.Executor]. The operation has passed admission; Execute takes
// it through all further stages.
func (e *restExecutor) Execute(ctx context.Context, header http.Header, r *http.Request, document, operationName string, variables json.RawMessage) (*rest.Response, error) {
	start := time.Now()
	if timed, ok := ctx.Value(slotKey{}).(*slot); ok {
		timed.received()
		defer timed.answered()
	}
	x := exchange{Gateway: e.gateway, snapshot: e.snapshot, r: r, rest: header, carrier: hook.REST}
	x.see("rest")
	defer x.saw()
	req := request{document: []byte(document), operationName: []byte(operationName), variables: variables, own: true}
	p, err := x.prepare(ctx, &req)
	if err != nil {
		x.logFault(ctx, err)
		f := x.refuse(err)
		x.sawFailure(f)
		return x.traced(x.refusedAnswer(ctx, f)), nil
	}
	if x.refusesEarly(p) {
		return x.atLimit(ctx), nil
	}
	limited := x.deadline(x.hookContext(ctx))
	defer limited.Cancel()
	response := x.run(limited, p, start)
	defer response.Release()
	if response.Shed {
		return x.refusedAnswer(ctx, x.refuse(errNoRoom)), nil
	}
	if nothingSent(response.Fetches) {
		return x.atLimit(ctx), nil
	}
	// Decoding copies the body, so the response can be released.
	out := &rest.Response{Header: http.Header{}}
	if x.hooked != nil {
		out.Header = x.hooked.ResponseHeader
	}
	maps.Copy(out.Header, x.received)
	status, body := x.hookResponse(ctx, http.StatusOK, response.Body, response)
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("decoding the response of operation %s: %w", operationName, err)
	}
	if status != http.StatusOK {
		out.Status = status
	}
	if control := cacheControl(p.program, p.op.Kind, response, r.Header); control != nil {
		out.Header["Cache-Control"] = control
	}
	if age := age(response.Control); age != nil {
		out.Header["Age"] = age
	}
	out.Header["Vary"] = p.program.Audience.Vary
	p.program.Uses.Headers(out.Header, p.given)
	x.addCost(out.Header, p)
	x.serverTiming(out.Header)
	return x.traced(out), nil
}

// atLimit returns the errors of an operation of which no request was sent.
func (x *exchange) atLimit(ctx context.Context) *rest.Response {
	f := x.refuse(errSubgraphAtLimit)
	x.sawFailure(f)
	return x.traced(x.refusedAnswer(ctx, f))
}

// refusedAnswer returns the errors of an operation that was not executed, after the
// response hooks have run.
func (x *exchange) refusedAnswer(ctx context.Context, f failure) *rest.Response {
	if x.hooked == nil {
		return refusedAnswer(f)
	}
	status, body := x.hookResponse(ctx, f.status, f.body(), nil)
	out := &rest.Response{}
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

// refusedAnswer returns the errors of an operation that was not executed.
func refusedAnswer(f failure) *rest.Response {
	out := &rest.Response{Header: f.header}
	for _, e := range f.errors {
		out.Errors = append(out.Errors, rest.Error{Message: e.Message, Extensions: map[string]any{"code": e.Code}})
	}
	return out
}

// serveREST passes a request to the routes of the current snapshot.
func (gw *Gateway) serveREST(w http.ResponseWriter, r *http.Request) {
	current := gw.acquire()
	if current == nil {
		(&problem{status: http.StatusServiceUnavailable, code: codeShuttingDown, detail: "The router is shutting down."}).write(w)
		return
	}
	defer current.release()
	if p := gw.checkRESTForgery(r); p != nil {
		rest.Reject(w, r, p.code, p.detail)
		return
	}
	if current.rest.RunsOperation(r) {
		slot, refused := gw.takeSlot(r, w.Header())
		if refused != nil {
			gw.metrics.refused(operation.Errors{refused.Err})
			x := exchange{Gateway: gw, r: r}
			x.see("rest")
			x.sawFailure(describe(refused))
			x.saw()
			Reject(w, r, refused)
			return
		}
		defer slot.release()
		if gw.limiter != nil {
			timed := slot
			slot.permit, timed.gateway, timed.unmeasured = adaptive.Permit{}, nil, true
			defer timed.release()
			r = r.WithContext(context.WithValue(r.Context(), slotKey{}, &timed))
		}
	}
	current.rest.ServeHTTP(w, r)
}
