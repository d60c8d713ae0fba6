package subgraph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpguts"

	"souk/router/execute"
)

// An Interceptor stands between the header rules and the sending of a request,
// before equal queries are joined and before retries. It is safe for concurrent
// use. With one, requests cost more: no part of a header is written in advance,
// and all of a response's header is kept.
type Interceptor interface {
	// Send sends a query or a mutation by calling next, with what out then has.
	Send(ctx context.Context, out *Outgoing, next func() (*execute.SubgraphResponse, error)) (*execute.SubgraphResponse, error)
	// Subscribe opens a stream by calling next with what is to be given its
	// events.
	Subscribe(ctx context.Context, out *Outgoing, event func(*execute.SubgraphResponse) error, next func(func(*execute.SubgraphResponse) error) error) error
}

// An Outgoing request may be changed until it is sent.
type Outgoing struct {
	// Request is the executor's. An interceptor may put another body in place of
	// its body, which it releases when the request has ended.
	Request execute.SubgraphRequest
	// URL is where the request goes.
	URL string
	// Header is what is sent.
	Header http.Header
}

// check refuses header fields that cannot be sent, or that the HTTP client must
// write itself.
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
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "cannot be sent a header", Err: fmt.Errorf("%w: %q: %s", errInvalidHeader, name, why)}
}

// intercept sends a request through the interceptor.
func (t *Transport) intercept(ctx context.Context, s *subgraph, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	out := &Outgoing{Request: *r, URL: s.address, Header: s.fetchHeader(r.Header).Clone()}
	return t.options.Interceptor.Send(ctx, out, func() (*execute.SubgraphResponse, error) {
		if err := out.check(); err != nil {
			return nil, err
		}
		return t.send(ctx, s, &out.Request, out.Header)
	})
}

// withoutUser gives a URL without the credentials in it.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}
