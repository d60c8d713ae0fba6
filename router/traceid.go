package router

import (
	"encoding/binary"
	"math/big"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/trace"
)

// withTraceID adds the header with the ID of the trace to the responses of next, if there is a name
// for it. A request that has no trace gets none.
func (r *Router) withTraceID(next http.Handler) http.Handler {
	c := r.config.Telemetry.TraceIDHeader
	if c.Name == "" {
		return next
	}
	name, format := http.CanonicalHeaderKey(c.Name), traceIDFormats[c.Format]
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if sc := trace.SpanContextFromContext(req.Context()); sc.HasTraceID() {
			w.Header()[name] = []string{format(sc)}
		}
		next.ServeHTTP(w, req)
	})
}

// traceIDFormats are the values of telemetry.trace_id_header.format.
var traceIDFormats = map[string]func(trace.SpanContext) string{
	"hexadecimal": func(sc trace.SpanContext) string { return sc.TraceID().String() },
	"uuid": func(sc trace.SpanContext) string {
		id := sc.TraceID().String()
		return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	},
	"decimal": func(sc trace.SpanContext) string { id := sc.TraceID(); return new(big.Int).SetBytes(id[:]).String() },
	// Datadog has the low 64 bits.
	"datadog": func(sc trace.SpanContext) string {
		id := sc.TraceID()
		return strconv.FormatUint(binary.BigEndian.Uint64(id[8:]), 10)
	},
	// The header Traceresponse of Trace Context, Level 2.
	"traceresponse": func(sc trace.SpanContext) string {
		return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
	},
}
