package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/rest"
)

// An AdmissionCheck says whether one more operation of the caller may run: nil
// if it may. It runs for every operation, whatever carries it (an HTTP request,
// a member of a batch, a REST call, a message on a WebSocket), after the caller
// is known and before the operation's document is read. It may add to header,
// that of the response; an operation on a socket or in a batch has no response
// header of its own, so nobody sees it there.
type AdmissionCheck func(r *http.Request, header http.Header) *Refusal

// codeOverloaded is the code of an operation that is refused for want of room.
const codeOverloaded = execute.CodeOverloaded

// A place is an operation's share of max_in_flight. The zero place holds none.
type place struct{ gateway *Gateway }

// enter takes one operation through admission: the configured checks, such as
// the rate limit, then the bound on operations in flight. The caller leaves the
// place when the operation has ended.
func (gw *Gateway) enter(r *http.Request, header http.Header) (place, *Refusal) {
	for _, check := range gw.options.Admission {
		if refused := check(r, header); refused != nil {
			return place{}, refused
		}
	}
	most := gw.config.TrafficShaping.Router.MaxInFlight
	if most <= 0 {
		return place{}, nil
	}
	if gw.inFlight.Add(1) > int64(most) {
		gw.inFlight.Add(-1)
		gw.metrics.Limits.Shed.Inc()
		return place{}, &Refusal{
			Status: http.StatusServiceUnavailable,
			Header: http.Header{"Retry-After": {"1"}},
			Err:    &operation.Error{Message: "The router is handling as many operations as it may. Try again in 1 s.", Code: codeOverloaded},
		}
	}
	return place{gw}, nil
}

// leave gives the place back. Leaving twice is harmless.
func (p *place) leave() {
	if p.gateway != nil {
		p.gateway.inFlight.Add(-1)
		p.gateway = nil
	}
}

// Reject answers a request that may not go on, in the form its route answers
// errors: a problem document (RFC 9457) for REST, else a GraphQL response. The
// status, code, message and headers are the same in both.
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
	if accept.single == noMediaType { // event streams and multipart clients understand this one
		accept.single = graphQLResponse
	}
	h := w.Header()
	h["Content-Type"] = contentTypes[accept.single]
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Vary"] = append(h["Vary"], varyAccept...)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(refused.Status)
	_, _ = w.Write(body) // the client may be gone; nobody is left to tell
}

// restPrefix begins the paths of REST routes.
const restPrefix = "/api/"

// A RESTHandler serves the REST routes.
type RESTHandler interface {
	http.Handler
	// RunsOperation says whether a request is for an operation of the graph,
	// rather than for a page of the handler's own such as its description.
	RunsOperation(r *http.Request) bool
}
