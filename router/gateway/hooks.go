package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"souk/router/auth"
	"souk/router/execute"
	"souk/router/hook"
	"souk/router/internal/hookchain"
	"souk/router/internal/jsonscan"
	"souk/router/internal/panics"
	"souk/router/operation"
	"souk/router/subscribe"
)

// hooked is the state of an exchange for hooks. It is nil in a router without hooks,
// which then costs a request one comparison at each hook point.
type hooked struct {
	*hook.Exchange
	began time.Time
}

// hookRequest runs the Request hooks and applies their changes to req. After it, x.r is
// a copy of the HTTP request with its own context and header.
func (x *exchange) hookRequest(req *request) error {
	given := auth.From(x.r.Context())
	e := &hook.Exchange{
		ID: rand.Text(), Carrier: x.carrier, HTTP: x.r, ClientHeader: x.r.Header.Clone(), ResponseHeader: x.header(),
		Supergraph: x.snapshot.id, SDL: x.snapshot.sdl, Caller: given,
	}
	if x.batch {
		e.Carrier = hook.Batch
	} else if e.Carrier == "" {
		e.Carrier = hook.HTTP
	}
	x.hooked = &hooked{Exchange: e, began: time.Now()}
	x.r = x.r.WithContext(hook.NewContext(x.r.Context(), e))
	x.r.Header = e.ClientHeader
	r := hook.Request{Exchange: e, Query: string(req.document), OperationName: string(req.operationName), Variables: req.variables, Extensions: req.extensions}
	if err := x.hooks.Request(x.r.Context(), &r); err != nil {
		return err
	}
	if r.Query != string(req.document) {
		req.document = []byte(r.Query)
	}
	if r.OperationName != string(req.operationName) {
		req.operationName = []byte(r.OperationName)
	}
	for _, object := range [...]json.RawMessage{r.Variables, r.Extensions} {
		if object == nil {
			continue
		}
		if value, err := onlyValue(object); err != nil || value[0] != '{' {
			return errors.New("a Request hook set variables or extensions to a value that is not a JSON object")
		}
	}
	req.variables, req.extensions = r.Variables, r.Extensions
	x.r.Header = e.ClientHeader
	if e.Caller != given {
		x.r = x.r.WithContext(auth.With(x.r.Context(), e.Caller))
	}
	return nil
}

// hookOperation runs the Operation hooks.
func (x *exchange) hookOperation(p *prepared) error {
	if x.hooked == nil {
		return nil
	}
	e := x.hooked.Exchange
	e.Operation = &hook.Operation{
		Name: p.op.Name, Kind: p.op.Kind, Hash: p.document.hash, Document: p.document.text, Variables: p.vars,
		Labeled: len(x.snapshot.model.Labels) > 0,
	}
	if x.snapshot.authorize != nil {
		e.Operation.Requires = x.snapshot.authorize.Requirements(p.op)
	}
	err := x.hooks.Operation(x.r.Context(), e)
	x.r.Header = e.ClientHeader
	return err
}

// hookPlan runs the Plan hooks.
func (x *exchange) hookPlan(p *prepared) error {
	if x.hooked == nil {
		return nil
	}
	e := x.hooked.Exchange
	e.Plan = p.program.Plan
	err := x.hooks.Plan(x.r.Context(), e)
	x.r.Header = e.ClientHeader
	return err
}

// forBatchMember returns an exchange for one operation of a batch. With hooks, and if subgraphs get
// extensions, each operation needs its own.
func (x *exchange) forBatchMember() *exchange {
	if x.hooks == nil && !x.records() && len(x.snapshot.forwarded.extensions) == 0 {
		return x
	}
	return &exchange{Gateway: x.Gateway, snapshot: x.snapshot, w: x.w, r: x.r, accept: x.accept, batch: x.batch}
}

// hookContext adds the hook exchange and the caller to a context that is not derived
// from x.r.
func (x *exchange) hookContext(ctx context.Context) context.Context {
	if x.hooked == nil {
		return ctx
	}
	ctx = hook.NewContext(ctx, x.hooked.Exchange)
	if x.hooked.Caller != auth.From(ctx) {
		ctx = auth.With(ctx, x.hooked.Caller)
	}
	return ctx
}

// hookResponse runs the Response hooks and returns the status and body to send. response
// is nil if the operation was not executed.
func (x *exchange) hookResponse(ctx context.Context, status int, body []byte, response *execute.Response) (int, []byte) {
	if x.hooked == nil {
		return status, body
	}
	if x.hooks.HasResponse() {
		r := hook.Response{Exchange: x.hooked.Exchange, Status: status, Body: body, Duration: time.Since(x.hooked.began)}
		if response != nil {
			r.Executed, r.Errors, r.HasNext, r.Fetches = true, response.Errors, response.More, response.Fetches
		} else {
			r.Errors = countErrors(body)
		}
		ctx, done := answering(ctx)
		defer done()
		if err := x.hooks.Response(ctx, &r); err != nil {
			f := x.refuse(err)
			x.logFault(ctx, err)
			maps.Copy(r.ResponseHeader, f.header)
			return f.status, f.body()
		}
		status, body = r.Status, r.Body
	}
	if set := x.hooked.Extensions(); set != nil {
		body = withExtensions(body, set)
	}
	return status, body
}

// lastHooks bounds the Response hooks of a response whose request the router has ended.
const lastHooks = 5 * time.Second

// answering returns the context of the Response hooks. If the router ends a request, since it shuts
// down, since the caller's identity has expired or since the schema has changed, the client still
// gets a response: the hooks have lastHooks for it. If the client leaves, their context is canceled.
func answering(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Done() == nil {
		return ctx, func() {}
	}
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var late *time.Timer
	stop := context.AfterFunc(ctx, func() {
		if !endedByRouter(ctx) {
			cancel()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		late = time.AfterFunc(lastHooks, cancel)
	})
	return alive, func() {
		stop()
		cancel()
		mu.Lock()
		defer mu.Unlock()
		if late != nil {
			late.Stop()
		}
	}
}

// endedByRouter reports whether the router has canceled a context for a reason that the client gets.
func endedByRouter(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, execute.ErrShuttingDown) || errors.Is(cause, subscribe.ErrExpired) || errors.Is(cause, errReloaded)
}

// emitHooked wraps emit, which sends the responses of a stream, with the Response
// hooks.
func (x *exchange) emitHooked(ctx context.Context, emit func([]byte) error) func([]byte) error {
	if x.hooked == nil {
		return emit
	}
	return func(body []byte) error {
		_, body = x.hookResponse(ctx, http.StatusOK, body, &execute.Response{Errors: countErrors(body)})
		if ctx.Err() != nil {
			return ctx.Err() // the hooks may have failed for it; the stream ends with the reason
		}
		return emit(body)
	}
}

// refusedStream returns the errors that end an operation on a stream, after the
// Response hooks have run.
func (x *exchange) refusedStream(ctx context.Context, errorList json.RawMessage) json.RawMessage {
	if x.hooked == nil {
		return errorList
	}
	body := slices.Concat([]byte(`{"errors":`), errorList, []byte{'}'})
	_, body = x.hookResponse(ctx, http.StatusOK, body, nil)
	var response struct{ Errors json.RawMessage }
	if json.Unmarshal(body, &response) != nil || len(response.Errors) == 0 || response.Errors[0] != '[' {
		return errorList // the hooks removed the errors; an operation must not end without any
	}
	return response.Errors
}

// failedStream is like refusedStream for the error that ends a stream.
func (x *exchange) failedStream(ctx context.Context, err error) error {
	var failure *subscribe.Failure
	if x.hooked == nil || !errors.As(err, &failure) {
		return err
	}
	return &subscribe.Failure{Errors: x.refusedStream(ctx, failure.Errors), Transport: failure.Transport}
}

// writeProblem writes a problem document after the Response hooks have run. The hooks
// cannot change it.
func (x *exchange) writeProblem(p *problem) {
	if x.hooked != nil {
		x.hookResponse(x.r.Context(), p.status, p.body(), nil)
	}
	p.write(x.w)
}

// rejected returns the failure for a hook's rejection.
func rejected(r *hook.Rejection) failure {
	f := failure{status: r.Status, header: r.Header, rejected: true}
	if f.status == 0 {
		f.status = http.StatusForbidden
	}
	for _, e := range r.Errors {
		f.errors = append(f.errors, &operation.Error{Message: e.Message, Code: e.Code, Extensions: e.Extensions})
	}
	return f
}

// logFault logs the fault of a hook, and a panic, which clients do not see. It reports false for
// all other errors.
func (gw *Gateway) logFault(ctx context.Context, err error) bool {
	var (
		fault    *hookchain.Fault
		panicked *panics.Error
	)
	if !errors.As(err, &fault) {
		if errors.As(err, &panicked) {
			gw.logger.ErrorContext(ctx, "an operation failed", "error", err, "stack", string(panicked.Stack))
		}
		return panicked != nil
	}
	gw.logger.ErrorContext(ctx, "a hook failed", "hook", fault.Hook, "error", fault.Err, "stack", string(fault.Stack))
	return true
}

// countErrors returns the number of errors in a response body.
func countErrors(body []byte) int {
	var response struct{ Errors []json.RawMessage }
	if !bytes.Contains(body, []byte(`"errors"`)) || json.Unmarshal(body, &response) != nil {
		return 0
	}
	return len(response.Errors)
}

// withExtensions adds members to the extensions of a response body. It returns a body
// that is not a JSON object unchanged.
func withExtensions(body []byte, set map[string]json.RawMessage) []byte {
	out := []byte{'{'}
	r := jsonscan.NewReader(body, jsonscan.MaxDepth)
	err := r.Object(func(key []byte) error {
		value, err := r.Value()
		if err != nil {
			return err
		}
		if string(key) == "extensions" {
			var had map[string]json.RawMessage
			if json.Unmarshal(value, &had) == nil {
				maps.Copy(had, set)
				set = had
			}
			return nil
		}
		out = append(appendKey(out, key), value...)
		return nil
	})
	if err != nil {
		return body
	}
	out = append(appendKey(out, []byte("extensions")), '{')
	for _, name := range slices.Sorted(maps.Keys(set)) {
		out = append(appendKey(out, []byte(name)), set[name]...)
	}
	return append(out, "}}"...)
}

// appendKey appends a member's key, after a comma unless it is the first one.
func appendKey(b, key []byte) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	quoted, err := json.Marshal(string(key))
	if err != nil { // unreachable: every string can be encoded
		panic(err)
	}
	return append(append(b, quoted...), ':')
}
