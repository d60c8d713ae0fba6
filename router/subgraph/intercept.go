package subgraph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpguts"

	"souk/router/execute"
)

// An Interceptor wraps every request. It runs after the header rules, before identical
// queries are joined and before retries. It must be safe for concurrent use. Requests cost
// more with an Interceptor: no header can be serialized in advance, and all response
// headers are kept.
type Interceptor interface {
	// Send sends a query or mutation by calling next, which sends the current state of
	// out.
	Send(ctx context.Context, out *Outgoing, next func() (*execute.SubgraphResponse, error)) (*execute.SubgraphResponse, error)
	// Subscribe opens a stream by calling next with the function that receives its
	// events.
	Subscribe(ctx context.Context, out *Outgoing, event func(*execute.SubgraphResponse) error, next func(func(*execute.SubgraphResponse) error) error) error
}

// An Outgoing is a request that has not been sent. An Interceptor may modify it.
type Outgoing struct {
	// Request is a copy of the executor's request. An interceptor may replace its body;
	// it must then release the new body when the request has ended.
	Request execute.SubgraphRequest
	// URL is the URL of the subgraph, without credentials. Of several, it is the first.
	URL string
	// Header is the header to be sent.
	Header http.Header
}

// check returns an error if the header has invalid fields, or fields that only the HTTP
// client may write.
func (out *Outgoing) check() error {
	for name, values := range out.Header {
		if name == "Host" && len(values) > 0 && !httpguts.ValidHostHeader(values[0]) || http.CanonicalHeaderKey(name) != name {
			return cannotSend(name, "is not valid")
		}
		if err := checkName(name); err != nil {
			return cannotSend(name, err.Error())
		}
	}
	return nil
}

func cannotSend(name, why string) error {
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "was not requested: a request header is invalid", Err: fmt.Errorf("%w: %q: %s", errInvalidHeader, name, why)}
}

// intercept sends a request through the interceptor.
func (t *Transport) intercept(ctx context.Context, s *subgraph, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	r.Reservation.Whole() // the interceptor may change the response
	out := &Outgoing{Request: *r, URL: s.address, Header: t.headerOf(ctx, s, r).Clone()}
	r.Unsent = true
	return t.options.Interceptor.Send(ctx, out, func() (*execute.SubgraphResponse, error) {
		if err := out.check(); err != nil {
			return nil, err
		}
		defer func() { r.Retries, r.Shared, r.Unsent = out.Request.Retries, out.Request.Shared, out.Request.Unsent }()
		return t.send(ctx, s, &out.Request, out.Header)
	})
}

// withoutUser returns a URL without its user information, or "" if it is invalid.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}
