package subgraph

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"souk/router/adaptive"
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

// sendFiles sends a request with files, once. If no connection could be opened, it tries another URL.
func (t *Transport) sendFiles(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	header = header.Clone()
	header["Content-Type"] = []string{r.Files.ContentType()}
	// Servers with protection against cross-site request forgery refuse multipart requests
	// without it.
	header["Apollo-Require-Preflight"] = []string{"true"}
	if t.options.Propagator != nil {
		t.options.Propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
	var last error // of the attempt before
	for suitable := (choice{only: r.URL}); ; {
		permit, to, err := s.admit(ctx, suitable)
		switch {
		case err != nil && last != nil:
			return nil, last
		case err != nil:
			r.Unsent = true
			return nil, err
		case last != nil:
			r.Retries++
			if t.options.Hooks.Retried != nil {
				t.options.Hooks.Retried(s.name)
			}
		}
		response, moves, err := t.attemptFiles(ctx, s, to, r, header, permit)
		suitable.tried |= to.bit()
		if !moves || !s.canMove(suitable, time.Until(r.Files.Deadline().Add(s.Timeout))) {
			if err == nil && s.Received != nil {
				s.Received(ctx, response.Header)
			}
			return response, s.explain(ctx, err)
		}
		last = s.explain(ctx, err)
	}
}

// attemptFiles sends a request with files to an endpoint. The subgraph has Timeout to respond after
// all files have arrived from the client. moves reports whether another endpoint may get the request,
// because nothing was sent.
func (t *Transport) attemptFiles(ctx context.Context, s *subgraph, e target, r *execute.SubgraphRequest, header http.Header, permit adaptive.Permit) (response *execute.SubgraphResponse, moves bool, err error) {
	if s.several() {
		e.requests.Add(1)
		defer e.requests.Add(-1)
	}
	deadline := r.Files.Deadline().Add(s.Timeout)
	sending, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	header = s.withTimeout(ctx, deadline, header)
	upload := &fileUpload{permit: permit}
	response, err = e.files.exchange(sending, func(ctx context.Context) *http.Request { return e.files.fileRequest(ctx, r, header, upload) }, r.Reservation)
	v := judge(err)
	if failed := r.Files.Failed(); failed != nil {
		// The client is to blame, and gets another response.
		v, err = verdict{inconclusive: true}, &execute.TransportError{Code: execute.CodeRejected, Message: "was not sent the files of the request", Err: failed}
		if response != nil {
			response.Body.Release()
			response = nil
		}
	} else if s.several() {
		v = v.amongSeveral(response, err)
	}
	begun, waited := upload.end(ctx.Err() != nil || v.failed && !v.timedOut)
	v = v.within(ctx, waited, s.ClientTimeout)
	if v.doubtful {
		s.leave(ctx, e)
	} else {
		s.record(e, v)
	}
	t.observed(ctx, s, e.endpoint, v, response, err)
	return response, v.unopened && !begun && ctx.Err() == nil, err
}

// A fileUpload is the body of a request with files, which is opened when it is read. It holds the
// permit of the adaptive limit. The client determines how long the files take to arrive, so the
// latency of the subgraph counts from the end of the body.
type fileUpload struct {
	ctx     context.Context
	request *execute.SubgraphRequest
	mu      sync.Mutex    // net/http may still read the body when it has a response
	body    io.ReadCloser // nil before it is opened
	permit  adaptive.Permit
	sent    time.Time // when the whole body was
}

// Read implements [io.Reader].
func (u *fileUpload) Read(p []byte) (int, error) {
	n, err := u.opened().Read(p)
	if errors.Is(err, io.EOF) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.permit.Restart()
		u.sent = time.Now()
	}
	return n, err //nolint:wrapcheck // io.EOF must stay as it is
}

func (u *fileUpload) opened() io.ReadCloser {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.body == nil {
		u.body = u.request.Files.Open(u.ctx, u.request.Body.B)
	}
	return u.body
}

// Close implements [io.Closer].
func (u *fileUpload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.body == nil {
		return nil
	}
	return u.body.Close() //nolint:wrapcheck // net/http ignores it
}

// end releases the permit. The latency counts if the whole body was sent, unless drop is set. It
// reports whether anything was read, and how long the subgraph has had the whole body.
func (u *fileUpload) end(drop bool) (begun bool, waited time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.sent.IsZero() {
		waited = time.Since(u.sent)
	}
	if drop || u.sent.IsZero() {
		u.permit.Drop()
	} else {
		u.permit.Done()
	}
	return u.body != nil, waited
}

// fileRequest returns a request with files. Its length is not known.
func (c *standard) fileRequest(ctx context.Context, r *execute.SubgraphRequest, header http.Header, upload *fileUpload) *http.Request {
	request := c.request(ctx, r.Kind, r.Body, header)
	_ = request.Body.Close() // of the request without files
	upload.ctx, upload.request = ctx, r
	request.Body, request.GetBody, request.ContentLength = upload, nil, -1
	delete(request.Header, "X-Idempotency-Key")
	return request
}
