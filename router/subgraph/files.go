package subgraph

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/propagation"

	"souk/router/execute"
)

// newFileClient returns the client for requests with files. Each opens a connection: a body that
// can be sent only once must not meet an idle connection that the subgraph is closing.
func newFileClient(u *url.URL, s *Subgraph, jitter func() float64) *standard {
	c := newStandard(u, s, jitter)
	open := c.open
	c.open = func(secure *tls.Config) *http.Transport {
		t := open(secure)
		t.DisableKeepAlives = true
		return t
	}
	return c
}

// sendFiles sends a request with files, once. The subgraph has Timeout to respond after all files
// have arrived from the client.
func (t *Transport) sendFiles(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	header = header.Clone()
	header["Content-Type"] = []string{r.Files.ContentType()}
	// Servers with protection against cross-site request forgery refuse multipart requests
	// without it.
	header["Apollo-Require-Preflight"] = []string{"true"}
	if t.options.Propagator != nil {
		t.options.Propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
	if s.breaker != nil && !s.breaker.TryAcquirePermit() {
		r.Unsent = true
		return nil, circuitOpen()
	}
	deadline := r.Files.Deadline().Add(s.Timeout)
	sending, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	header = s.withTimeout(ctx, deadline, header)
	response, err := s.files.exchange(sending, func(ctx context.Context) *http.Request { return s.files.fileRequest(ctx, r, header) }, r.Reservation)
	v := judge(err)
	if failed := r.Files.Failed(); failed != nil {
		// The client is to blame, and gets another response.
		v, err = verdict{}, &execute.TransportError{Code: execute.CodeRejected, Message: "was not sent the files of the request", Err: failed}
		if response != nil {
			response.Body.Release()
			response = nil
		}
	}
	s.record(ctx, v)
	if err == nil && s.Received != nil {
		s.Received(ctx, response.Header)
	}
	return response, s.explain(ctx, err)
}

// fileRequest returns a request with files. Its length is not known.
func (c *standard) fileRequest(ctx context.Context, r *execute.SubgraphRequest, header http.Header) *http.Request {
	request := c.request(ctx, r.Kind, r.Body, header)
	_ = request.Body.Close() // of the request without files
	request.Body, request.GetBody, request.ContentLength = r.Files.Open(ctx, r.Body.B), nil, -1
	delete(request.Header, "X-Idempotency-Key")
	return request
}
