package gateway

import (
	"errors"
	"net/http"
	"strconv"

	"souk/router/execute"
	"souk/router/operation"
)

var varyAccept = []string{"Accept, Accept-Encoding"}

// statusPartial is for responses with data and errors (GraphQL over HTTP,
// section 6.4.2).
const statusPartial = 294

// respond writes what the executor answered.
func (x *exchange) respond(p *prepared, body []byte, response *execute.Response) {
	if response.Shed {
		x.fail(errNoRoom)
		return
	}
	status := http.StatusOK
	if response.Errors > 0 && x.config.HTTP.PartialSuccessStatus && x.accept.single == graphQLResponse {
		status = statusPartial
	}
	if control := cacheControl(p.program, p.op.Kind, response, x.r.Header); control != nil {
		x.w.Header()["Cache-Control"] = control
	}
	x.vary = p.program.Audience.Vary
	status, body = x.answered(x.r.Context(), status, body, response)
	x.write(status, body)
}

// errNoRoom refuses an operation for want of memory. One whose response lacks
// something for that reason, and that has changed nothing, is refused as a whole:
// clients and proxies see that they should come again.
var errNoRoom = &Refusal{
	Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
	Err: &operation.Error{Message: "The router is answering as much as its memory allows. Try again in 1 s.", Code: codeOverloaded},
}

// fail answers a request that is not executed.
func (x *exchange) fail(err error) {
	f := x.refuse(err)
	var refused *Refusal
	if f.status >= http.StatusInternalServerError && !f.rejected && !errors.As(err, &refused) && !x.logFault(x.r.Context(), err) {
		x.logger.ErrorContext(x.r.Context(), "request failed", "error", err)
	}
	for name, values := range f.header {
		x.w.Header()[name] = values
	}
	x.w.Header().Set("Cache-Control", "no-store")
	if x.accept.single == noMediaType && (x.accept.parts || x.accept.events) {
		x.accept.single = graphQLResponse
	}
	status, body := x.answered(x.r.Context(), f.status, f.body(), nil)
	x.write(status, body)
}

// write sends a body in one piece, compressed if the client accepts that and
// it is worthwhile.
func (x *exchange) write(status int, body []byte) {
	h := x.w.Header()
	h["Content-Type"] = contentTypes[x.accept.single]
	if x.vary == nil {
		x.vary = varyAccept
	}
	h["Vary"] = append(h["Vary"], x.vary...)
	worthwhile := x.config.HTTP.Compression && len(body) >= x.config.HTTP.CompressionMinBytes
	// Compression is left out, if the client allows that, when there is no room
	// for a second copy.
	worthwhile = worthwhile && (len(body) < chargedCopy || x.memory.TryGrow(len(body)))
	if coder := x.coders.choose(x.r.Header["Accept-Encoding"], worthwhile); coder != nil {
		out := scratch.get()
		defer scratch.put(out)
		if err := coder.compress(out, body); err == nil {
			h.Set("Content-Encoding", coder.name)
			body = out.Bytes()
		}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may be gone; nobody is left to tell
}

// chargedCopy is from which size on a copy of a response is charged to the
// budget for requests in progress.
const chargedCopy = 64 << 10

var contentTypes = [...][]string{
	noMediaType:     {jsonType},
	graphQLResponse: {graphQLResponseType},
	plainJSON:       {jsonType},
}
