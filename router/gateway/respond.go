package gateway

import (
	"errors"
	"maps"
	"net/http"
	"strconv"

	"souk/router/execute"
)

var varyAccept = []string{"Accept, Accept-Encoding"}

// statusPartial is for responses with data and errors (GraphQL over HTTP,
// section 6.4.2).
const statusPartial = 294

// respond writes the response of the executor.
func (x *exchange) respond(p *prepared, body []byte, response *execute.Response) {
	if x.sending != nil {
		x.finishStream(body)
		return
	}
	if response.Shed {
		x.fail(errNoRoom)
		return
	}
	if nothingSent(response.Fetches) {
		x.fail(errSubgraphAtLimit)
		return
	}
	status := http.StatusOK
	if response.Errors > 0 && x.config.HTTP.PartialSuccessStatus && x.accept.single == graphQLResponse {
		status = statusPartial
	}
	if response.Denied != 0 && x.config.HTTP.SubgraphAuthStatus {
		status = response.Denied
	}
	if control := cacheControl(p.program, p.op.Kind, response, x.r.Header); control != nil {
		x.w.Header()["Cache-Control"] = control
	}
	if age := age(response.Control); age != nil {
		x.w.Header()["Age"] = age
	}
	if x.exposed != exposeNothing {
		x.w.Header()["Cache-Control"] = noStore
	}
	x.vary = p.program.Audience.Vary
	maps.Copy(x.w.Header(), x.received)
	if status == http.StatusUnauthorized && x.w.Header().Get("WWW-Authenticate") == "" {
		x.w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2, requires one
	}
	status, body = x.hookResponse(x.r.Context(), status, body, response)
	x.write(status, body)
}

// errNoRoom rejects an operation because the memory budget is exhausted. It also
// replaces a response that is incomplete for that reason, unless the operation is a
// mutation that has taken effect: status 503 tells clients and proxies to retry.
var errNoRoom = overloaded(codeOverloaded, "The router has reached its memory limit for requests in progress. Try again in 1 s.")

// errSubgraphAtLimit replaces a response without any data of a subgraph, because all requests
// would have been beyond the adaptive limit of theirs.
var errSubgraphAtLimit = overloaded(execute.CodeSubgraphOverloaded, "A subgraph is overloaded. Try again in 1 s.")

// nothingSent reports whether all requests to subgraphs were beyond their adaptive limits.
func nothingSent(fetches []execute.FetchStatistics) bool {
	for i := range fetches {
		f := &fetches[i]
		if f.Err == nil || !f.Unsent {
			return false
		}
		if t := (*execute.TransportError)(nil); !errors.As(f.Err, &t) || t.Code != execute.CodeSubgraphOverloaded {
			return false
		}
	}
	return len(fetches) > 0
}

// fail writes the response to a request that is not executed, and logs internal errors.
func (x *exchange) fail(err error) {
	f := x.refuse(err)
	x.sawFailure(f)
	if f.encoded == nil && f.status >= http.StatusInternalServerError && !f.rejected {
		var refused *Refusal
		if !errors.As(err, &refused) && !x.logFault(x.r.Context(), err) {
			x.logger.ErrorContext(x.r.Context(), "request failed", "error", err)
		}
	}
	for name, values := range f.header {
		x.w.Header()[name] = values
	}
	x.w.Header()["Cache-Control"] = noStore
	if x.accept.single == noMediaType && (x.accept.parts || x.accept.events) {
		x.accept.single = graphQLResponse
	}
	if f.encoded != nil && x.hooked == nil {
		x.write(f.status, f.encoded.body)
		return
	}
	status, body := x.hookResponse(x.r.Context(), f.status, f.body(), nil)
	x.write(status, body)
}

// write sends a complete body. It compresses the body if the client accepts that and it
// is large enough.
func (x *exchange) write(status int, body []byte) {
	x.slot.answered()
	h := x.w.Header()
	x.describeBody(h)
	worthwhile := x.config.HTTP.Compression && len(body) >= x.config.HTTP.CompressionMinBytes
	// Without memory for a second copy, the body is sent uncompressed unless the client
	// rejects that.
	worthwhile = worthwhile && (len(body) < chargedCopy || x.memory.TryGrow(len(body)))
	if coder := x.coders.choose(x.r.Header["Accept-Encoding"], worthwhile); coder != nil {
		out := scratch.get()
		defer scratch.put(out)
		if err := coder.compress(out, body); err == nil {
			h.Set("Content-Encoding", coder.name)
			body = out.Bytes()
		}
	}
	x.length[0] = strconv.Itoa(len(body))
	h["Content-Length"] = x.length[:]
	if x.seen != nil {
		x.seen.Status = status
		x.serverTiming(h)
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // an error means that the client has disconnected
}

// describeBody sets the headers that describe the body, before its coding is chosen.
func (x *exchange) describeBody(h http.Header) {
	h["Content-Type"] = contentTypes[x.accept.single]
	if x.vary == nil {
		x.vary = varyAccept
	}
	if others := h["Vary"]; len(others) > 0 {
		h["Vary"] = append(others, x.vary...)
	} else {
		h["Vary"] = x.vary[:len(x.vary):len(x.vary)]
	}
}

// chargedCopy is the size in bytes from which a copy of a response is charged to the
// memory budget.
const chargedCopy = 64 << 10

var contentTypes = [...][]string{
	noMediaType:     {jsonType},
	graphQLResponse: {graphQLResponseType},
	plainJSON:       {jsonType},
}
