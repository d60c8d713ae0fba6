package telemetry

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"souk/internal/detach"
)

// Middleware returns middleware that measures the requests of a server and creates a
// server span for each (OpenTelemetry semantic conventions for HTTP), which continues
// the caller's trace. It calls route after a request has been served. The result must
// come from a bounded set, such as "/api/users/{id}", and never be the path. A nil
// route returns the pattern of http.ServeMux.
//
// The duration of a stream (server-sent events, multipart/mixed, or a WebSocket) is the time
// until it began: how long a client listens says nothing about the server. It is active, and
// its span lasts, until it ends.
func (t *Telemetry) Middleware(route func(*http.Request) string) func(http.Handler) http.Handler {
	if route == nil {
		route = patternRoute
	}
	return func(next http.Handler) http.Handler {
		return &measuredHandler{t: t, route: route, next: next}
	}
}

// patternRoute returns the path of the matching ServeMux pattern, or "".
func patternRoute(r *http.Request) string {
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	return r.Pattern
}

type measuredHandler struct {
	t     *Telemetry
	route func(*http.Request) string
	next  http.Handler
}

// ServeHTTP implements http.Handler.
func (h *measuredHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	method := knownMethod(r.Method)
	active := h.t.server.active.Get(method)
	active.Inc()

	ctx := h.t.Extract(r.Context(), r.Header)
	var span trace.Span
	if h.t.Traces() {
		ctx, span = h.t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.URLPath(r.URL.Path)))
	}
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	rec := recorders.Get().(*recorder)
	rec.ResponseWriter, rec.status, rec.start, rec.stream = w, 0, start, false
	completed := false
	// Deferred to count a handler that panics, too.
	defer func() {
		status, duration := rec.status, time.Since(start)
		if rec.stream {
			duration = rec.opened
		}
		rec.ResponseWriter = nil
		recorders.Put(rec)
		if status == 0 {
			status = http.StatusOK
			if !completed {
				status = http.StatusInternalServerError
			}
		}
		key := serverKey{method, h.route(r), status}
		if d := detach.Of(ctx); d != nil {
			d.After(func() { h.ended(key, duration, active, span) }) // only streams outlive handlers
			return
		}
		h.ended(key, duration, active, span)
	}()
	h.next.ServeHTTP(rec, r)
	completed = true
}

// ended records a request whose response has ended.
func (h *measuredHandler) ended(key serverKey, duration time.Duration, active prometheus.Gauge, span trace.Span) {
	active.Dec()
	observe(h.t.server.duration.Get(key), duration, span)
	if span != nil {
		endServerSpan(span, key.method, key.route, key.status)
	}
}

func endServerSpan(span trace.Span, method, route string, status int) {
	if route != "" {
		span.SetName(method + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route))
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= 500 {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// knownMethod replaces unknown methods, so that clients cannot create time series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodHead, http.MethodOptions, http.MethodConnect, http.MethodTrace, "QUERY":
		return method
	}
	return "_OTHER"
}

// A recorder records the response status, and when a stream began.
type recorder struct {
	http.ResponseWriter
	status int
	start  time.Time
	stream bool
	opened time.Duration // how long a stream took to begin
}

var recorders = sync.Pool{New: func() any { return new(recorder) }}

// begin records the final status of the response, whose headers are complete.
func (r *recorder) begin(status int) {
	if r.status != 0 {
		return
	}
	r.status = status
	if status == http.StatusSwitchingProtocols || isStream(r.Header().Get("Content-Type")) {
		r.stream, r.opened = true, time.Since(r.start)
	}
}

// isStream reports whether responses of a content type last as long as the client listens.
func isStream(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	return strings.EqualFold(media, "text/event-stream") || strings.EqualFold(media, "multipart/mixed")
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	// Informational responses (1xx) precede the final one.
	if status >= 200 || status == http.StatusSwitchingProtocols {
		r.begin(status)
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (r *recorder) Write(b []byte) (int, error) {
	r.begin(http.StatusOK)
	return r.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (r *recorder) Flush() {
	r.begin(http.StatusOK)
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker. Some WebSocket servers write their response to the
// connection.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.begin(http.StatusSwitchingProtocols)
	}
	return conn, buffer, err
}

// Unwrap supports http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

type serverKey struct {
	method, route string
	status        int
}

type serverMetrics struct {
	duration *Bound[serverKey, prometheus.Observer]
	active   *Bound[string, prometheus.Gauge]
}

func newServerMetrics(r prometheus.Registerer, buckets []float64) *serverMetrics {
	duration, active := serverDuration.WithBuckets(buckets).NewHistogram(r), serverActive.NewGauge(r)
	return &serverMetrics{
		duration: Bind(func(k serverKey) prometheus.Observer {
			return duration.WithLabelValues(k.method, k.route, strconv.Itoa(k.status))
		}),
		active: Bind(func(method string) prometheus.Gauge { return active.WithLabelValues(method) }),
	}
}

// observe records a duration. If the trace is sampled, it becomes the exemplar.
func observe(o prometheus.Observer, d time.Duration, span trace.Span) {
	if span != nil {
		observeTrace(o, d.Seconds(), span.SpanContext())
		return
	}
	o.Observe(d.Seconds())
}

// Observe records a value. If the trace of ctx is sampled, it becomes the exemplar.
func Observe(ctx context.Context, o prometheus.Observer, value float64) {
	observeTrace(o, value, trace.SpanContextFromContext(ctx))
}

func observeTrace(o prometheus.Observer, value float64, sc trace.SpanContext) {
	if sc.IsSampled() {
		if e, ok := o.(prometheus.ExemplarObserver); ok {
			e.ObserveWithExemplar(value, prometheus.Labels{"trace_id": sc.TraceID().String()})
			return
		}
	}
	o.Observe(value)
}
