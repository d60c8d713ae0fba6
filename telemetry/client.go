package telemetry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport returns a RoundTripper that measures the requests sent through base
// (http.DefaultTransport if nil), creates a client span for each and propagates the
// trace context.
func (t *Telemetry) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &measuredTransport{t: t, base: base}
}

type measuredTransport struct {
	t    *Telemetry
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (m *measuredTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	method := knownMethod(r.Method)
	ctx := r.Context()
	var span trace.Span
	if m.t.Traces() {
		ctx, span = m.t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.ServerAddress(r.URL.Hostname()), semconv.URLPath(r.URL.Path)))
	}
	// A RoundTripper must not modify its request, so clone it if there is a trace
	// context to propagate.
	if span != nil || trace.SpanContextFromContext(ctx).IsValid() {
		r = r.Clone(ctx)
		m.t.Inject(ctx, r.Header)
	}
	res, err := m.base.RoundTrip(r)
	key := clientKey{method: method, server: r.URL.Host}
	if err != nil {
		key.failure = failureKind(ctx, err)
	} else {
		key.status = res.StatusCode
	}
	observe(m.t.client.duration.Get(key), time.Since(start), span)
	if span == nil {
		return res, err
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		span.End()
		return nil, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(res.StatusCode))
	if res.StatusCode >= 400 {
		span.SetStatus(codes.Error, "")
	}
	// The body of a 101 response must keep its Write method.
	if res.StatusCode == http.StatusSwitchingProtocols {
		span.End()
	} else {
		res.Body = &spanBody{ReadCloser: res.Body, span: span}
	}
	return res, nil
}

// failureKind returns the attribute error.type of a request without a response. The error of one
// that was cancelled with a cause is the cause.
func failureKind(ctx context.Context, err error) string {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(ctx.Err(), context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "timeout"
	}
	return "connection"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// spanBody ends a span when the body has been read or closed.
type spanBody struct {
	io.ReadCloser
	span trace.Span
	once sync.Once
}

// Read implements io.Reader.
func (b *spanBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *spanBody) Close() error {
	b.end(nil)
	return b.ReadCloser.Close()
}

func (b *spanBody) end(err error) {
	b.once.Do(func() {
		if err != nil && !errors.Is(err, io.EOF) {
			b.span.SetStatus(codes.Error, err.Error())
		}
		b.span.End()
	})
}

type clientKey struct {
	method, server, failure string
	status                  int
}

type clientMetrics struct {
	duration *Bound[clientKey, prometheus.Observer]
}

func newClientMetrics(r prometheus.Registerer, buckets []float64) *clientMetrics {
	duration := clientDuration.WithBuckets(buckets).NewHistogram(r)
	return &clientMetrics{duration: Bind(func(k clientKey) prometheus.Observer {
		status := ""
		if k.status != 0 {
			status = strconv.Itoa(k.status)
		}
		return duration.WithLabelValues(k.method, k.server, status, k.failure)
	})}
}
