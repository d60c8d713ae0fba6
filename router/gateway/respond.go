package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"souk/router/execute"
)

var varyAccept = []string{"Accept, Accept-Encoding"}

// statusPartial is for responses with data and errors (GraphQL over HTTP,
// section 6.4.2).
const statusPartial = 294

// respond writes what the executor answered.
func (x *exchange) respond(body []byte, response *execute.Response) {
	status := http.StatusOK
	if response.Errors > 0 && x.config.HTTP.PartialSuccessStatus && x.accept.single == graphQLResponse {
		status = statusPartial
	}
	if response.Control.Set && response.Errors == 0 {
		x.w.Header().Set("Cache-Control", cacheControl(response.Control))
	}
	x.write(status, body)
}

func cacheControl(c execute.CacheControl) string {
	if c.MaxAge <= 0 {
		return "no-store"
	}
	scope := "public"
	if c.Private {
		scope = "private"
	}
	return fmt.Sprintf("max-age=%d, %s", int(c.MaxAge.Seconds()), scope)
}

// fail answers a request that is not executed.
func (x *exchange) fail(err error) {
	f := x.refuse(err)
	var refused *Refusal
	if f.status >= http.StatusInternalServerError && !errors.As(err, &refused) {
		x.logger.ErrorContext(x.r.Context(), "request failed", "error", err)
	}
	for name, values := range f.header {
		x.w.Header()[name] = values
	}
	x.w.Header().Set("Cache-Control", "no-store")
	if x.accept.single == noMediaType && (x.accept.parts || x.accept.events) {
		x.accept.single = graphQLResponse
	}
	x.write(f.status, f.body())
}

// write sends a body in one piece, compressed if the client accepts that and
// it is worthwhile.
func (x *exchange) write(status int, body []byte) {
	h := x.w.Header()
	h["Content-Type"] = contentTypes[x.accept.single]
	h["Vary"] = append(h["Vary"], varyAccept...)
	worthwhile := x.config.HTTP.Compression && len(body) >= x.config.HTTP.CompressionMinBytes
	if coder := x.coders.choose(x.r.Header["Accept-Encoding"], worthwhile); coder != nil {
		out := bodies.Get().(*bytes.Buffer)
		defer releaseBody(out)
		if err := coder.compress(out, body); err == nil {
			h.Set("Content-Encoding", coder.name)
			body = out.Bytes()
		}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may be gone; nobody is left to tell
}

var contentTypes = [...][]string{
	noMediaType:     {jsonType},
	graphQLResponse: {graphQLResponseType},
	plainJSON:       {jsonType},
}
