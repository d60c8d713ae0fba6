package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"souk/router/adaptive"
	"souk/router/execute"
	"souk/router/operation"
	"souk/router/rest"
)

// An AdmissionCheck returns nil if the caller may run one more operation. It runs for
// every operation: an HTTP request, a member of a batch, a REST call, or a message on
// a WebSocket. At that point the caller is known and the document is not read yet. It
// may add to the response header, except that an operation on a WebSocket or in a
// batch has no response header of its own.
type AdmissionCheck func(r *http.Request, header http.Header) *Refusal

// codeOverloaded is the error code of operations that are rejected because a limit
// on operations or memory is reached.
const codeOverloaded = execute.CodeOverloaded

// A slot is an operation's share of max_in_flight and of the adaptive limit. The zero slot holds none.
type slot struct {
	gateway *Gateway
	permit  adaptive.Permit
	ctx     context.Context // of the request of the permit
	// unmeasured is set if the client determines how long the operation takes: its duration says
	// nothing about the load.
	unmeasured bool
}

// received begins the measurement of an operation, when its request has been read.
func (s *slot) received() {
	s.permit.Restart()
	s.unmeasured = false
}

// answered ends the measurement of an operation, before its response is sent.
func (s *slot) answered() { s.permit.Stop() }

// slotKey is the context key of the *slot of a REST request, if there is an adaptive limit: the
// routes read the request and write the response.
type slotKey struct{}

// admit runs the configured checks, such as the rate limit.
func (gw *Gateway) admit(r *http.Request, header http.Header) *Refusal {
	for _, check := range gw.options.Admission {
		if refused := check(r, header); refused != nil {
			return refused
		}
	}
	return nil
}

// takeSlot admits one operation: it runs the configured checks,
// and then enforces max_in_flight. The caller must release the slot when the operation
// has ended.
func (gw *Gateway) takeSlot(r *http.Request, header http.Header) (slot, *Refusal) {
	if refused := gw.admit(r, header); refused != nil {
		return slot{}, refused
	}
	permit, ok := gw.limiter.Wait(r.Context())
	if !ok {
		gw.metrics.Limits.Shed.Inc()
		return slot{}, errAtLimit
	}
	most := gw.config.TrafficShaping.Router.MaxInFlight
	if most <= 0 {
		if gw.limiter == nil {
			return slot{}, nil
		}
		return slot{permit: permit, ctx: r.Context()}, nil
	}
	if gw.inFlight.Add(1) > int64(most) {
		gw.inFlight.Add(-1)
		permit.Drop()
		gw.metrics.Limits.Shed.Inc()
		return slot{}, errAtLimit
	}
	return slot{gateway: gw, permit: permit, ctx: r.Context()}, nil
}

var errAtLimit = overloaded(codeOverloaded, "The router has reached its limit of operations in flight. Try again in 1 s.")

// An encodedRefusal has what is sent and recorded of a refusal, encoded once: under overload, most of
// what a server does is to refuse.
type encodedRefusal struct {
	body []byte // of the response
	list []byte // of its errors
}

// overloaded returns a refusal of operations that clients can repeat.
func overloaded(code, message string) *Refusal {
	err := &operation.Error{Message: message, Code: code}
	f := failure{status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {"1"}}, errors: operation.Errors{err}}
	list, problem := json.Marshal(f.errors)
	if problem != nil { // unreachable: every value can be encoded
		panic(problem)
	}
	return &Refusal{Status: f.status, Header: f.header, Err: err, encoded: &encodedRefusal{body: f.body(), list: list}}
}

// release returns the slot. It may be called more than once.
func (s *slot) release() {
	if s.unmeasured || s.ctx != nil && s.ctx.Err() != nil {
		s.permit.Drop() // or the client has disconnected
	} else {
		s.permit.Done()
	}
	if s.gateway != nil {
		s.gateway.inFlight.Add(-1)
		s.gateway = nil
	}
}

// refuseEarly refuses a mutation that no subgraph would get, because of their adaptive limits, before
// anything is prepared to execute it: under overload, most of what a server does is to refuse. It
// reports whether it has.
func (x *exchange) refuseEarly(p *prepared) bool {
	if !x.refusesEarly(p) {
		return false
	}
	x.fail(errSubgraphAtLimit)
	return true
}

// refusesEarly is refuseEarly without the response.
func (x *exchange) refusesEarly(p *prepared) bool {
	return x.hooks == nil && x.snapshot.executor.Refuse(p.program)
}

// Reject writes the response to a rejected request: a problem document (RFC 9457) for
// REST routes, a GraphQL response otherwise. The status, code, message and headers are
// the same in both.
func Reject(w http.ResponseWriter, r *http.Request, refused *Refusal) {
	for name, values := range refused.Header {
		w.Header()[name] = values
	}
	if strings.HasPrefix(r.URL.Path, restPrefix) {
		rest.Reject(w, r, refused.Err.Code, refused.Err.Message)
		return
	}
	body := failure{errors: operation.Errors{refused.Err}}.body()
	accept := negotiate(r.Header["Accept"])
	if accept.single == noMediaType { // clients of event streams and multipart responses support it
		accept.single = graphQLResponse
	}
	h := w.Header()
	h["Content-Type"] = contentTypes[accept.single]
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Vary"] = append(h["Vary"], varyAccept...)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(refused.Status)
	_, _ = w.Write(body) // an error means that the client has disconnected
}

// restPrefix is the path prefix of REST routes.
const restPrefix = "/api/"

// A RESTHandler serves the REST routes.
type RESTHandler interface {
	http.Handler
	// RunsOperation reports whether a request executes a GraphQL operation. Requests
	// for the API description, for example, do not.
	RunsOperation(r *http.Request) bool
}
