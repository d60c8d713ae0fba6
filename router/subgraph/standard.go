package subgraph

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// A standard client is net/http's.
type standard struct {
	url       *url.URL
	limit     int
	transport *http.Transport
}

func newStandard(u *url.URL, s *Subgraph) *standard {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         s.Dial,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxConnsPerHost:     s.MaxConnections,
		MaxIdleConns:        s.MaxIdleConnections,
		MaxIdleConnsPerHost: s.MaxIdleConnections,
		IdleConnTimeout:     s.IdleTimeout,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
		ReadBufferSize:      16 << 10,
		WriteBufferSize:     16 << 10,
	}
	if s.HTTP2 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return &standard{url: u, limit: s.MaxResponseBytes, transport: t}
}

func (c *standard) close() { c.transport.CloseIdleConnections() }

func (c *standard) roundTrip(ctx context.Context, deadline time.Time, _ operation.Kind, body *execute.Buffer, header http.Header) (*execute.SubgraphResponse, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	request := (&http.Request{
		Method: http.MethodPost, URL: c.url, Host: c.url.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: newRequestBody(body), ContentLength: int64(len(body.B)),
		GetBody: func() (io.ReadCloser, error) { return newRequestBody(body), nil },
	}).WithContext(ctx)
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if err := acceptable(response.StatusCode, response.Header.Get("Content-Type"), response.Header.Get("Location")); err != nil {
		// What little is left to read lets the connection be used again.
		_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
		return nil, err
	}
	read, err := readAll(response.Body, response.ContentLength, c.limit, response.StatusCode)
	if err != nil {
		return nil, err
	}
	return &execute.SubgraphResponse{Status: response.StatusCode, Header: response.Header, Body: read}, nil
}
