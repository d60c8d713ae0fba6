package subgraph

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// A standard client is net/http's. It has no bound for the age of a
// connection, so the whole transport is replaced by a new one at that age; the
// old one's connections end with their requests. For that time there may be
// twice as many connections as MaxConnections says.
type standard struct {
	url    *url.URL
	limit  int
	open   func() *http.Transport
	age    time.Duration // 0 for no bound
	jitter func() float64

	mu      sync.Mutex
	current *transportInUse
}

// A transportInUse counts its requests; guarded by standard.mu.
type transportInUse struct {
	*http.Transport
	requests int
	retires  time.Time
	retired  bool
}

func newStandard(u *url.URL, s *Subgraph, jitter func() float64) *standard {
	secure := s.TLS.Clone()
	if secure == nil {
		secure = new(tls.Config)
	}
	if secure.ClientSessionCache == nil {
		// Connections that replace others resume their sessions.
		secure.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	dial := s.Dial
	if !s.HTTP2 || u.Scheme != "http" {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := s.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return watch(conn), nil
		}
	}
	open := func() *http.Transport {
		t := &http.Transport{
			Proxy:                  s.Proxy,
			DialContext:            dial,
			TLSClientConfig:        secure.Clone(),
			TLSHandshakeTimeout:    10 * time.Second,
			MaxConnsPerHost:        s.MaxConnections,
			MaxIdleConns:           s.MaxIdleConnections,
			MaxIdleConnsPerHost:    s.MaxIdleConnections,
			IdleConnTimeout:        s.IdleTimeout,
			MaxResponseHeaderBytes: maxHead,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
			ReadBufferSize:         16 << 10,
			WriteBufferSize:        16 << 10,
		}
		if s.HTTP2 && u.Scheme == "http" {
			t.Protocols = new(http.Protocols)
			t.Protocols.SetUnencryptedHTTP2(true)
		}
		return t
	}
	return &standard{url: u, limit: s.MaxResponseBytes, open: open, age: s.MaxConnectionAge, jitter: jitter}
}

// acquire gives the transport for a request, which ends with release.
func (c *standard) acquire() *transportInUse {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if old := c.current; old != nil && c.age > 0 && !now.Before(old.retires) {
		old.retired = true
		// Those in use are closed when their requests end.
		old.CloseIdleConnections()
		c.current = nil
	}
	if c.current == nil {
		c.current = &transportInUse{Transport: c.open(), retires: now.Add(lifetime(c.age, c.jitter))}
	}
	c.current.requests++
	return c.current
}

func (c *standard) release(t *transportInUse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.requests--; t.retired && t.requests == 0 {
		t.CloseIdleConnections()
	}
}

func (c *standard) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		c.current.CloseIdleConnections()
	}
}

func (c *standard) roundTrip(ctx context.Context, deadline time.Time, kind operation.Kind, body *execute.Buffer, header http.Header, room *execute.Room) (*execute.SubgraphResponse, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for {
		response, err := c.exchange(ctx, kind, body, header, room)
		// Nothing was sent: any request can be sent again, over another
		// connection. Each idle one is tried only once.
		if !errors.Is(err, errStale) || ctx.Err() != nil {
			return response, err
		}
	}
}

func (c *standard) exchange(ctx context.Context, kind operation.Kind, body *execute.Buffer, header http.Header, room *execute.Room) (*execute.SubgraphResponse, error) {
	transport := c.acquire()
	defer c.release(transport)
	var watched watchedRequest
	response, err := transport.RoundTrip(c.request(watched.trace(ctx), kind, body, header))
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			// net/http met the end while it read, and tells of its write.
			err = fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		return nil, watched.handshake.explain(err)
	}
	if !watched.answers() {
		_ = response.Body.Close()
		return nil, errUnasked
	}
	defer response.Body.Close()
	h := responseHead{
		status:          response.StatusCode,
		contentType:     response.Header.Get("Content-Type"),
		contentEncoding: strings.Join(response.Header["Content-Encoding"], ","),
		location:        response.Header.Get("Location"),
		retryAfter:      response.Header.Get("Retry-After"),
		header:          response.Header,
	}
	if err := h.unacceptable(); err != nil {
		// What little is left to read lets the connection be used again. With
		// 101 the body is the connection itself, which heeds no deadline.
		if h.status != http.StatusSwitchingProtocols {
			_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
		}
		return nil, err
	}
	read, err := readAll(ctx, room, response.Body, response.ContentLength, c.limit, response.StatusCode)
	if err != nil {
		return nil, err
	}
	return h.response(ctx, room, read, c.limit)
}

func (c *standard) request(ctx context.Context, kind operation.Kind, body *execute.Buffer, header http.Header) *http.Request {
	header = header.Clone()
	host := header.Get("Host")
	if host == "" {
		host = c.url.Host
	}
	delete(header, "Host")
	if header["User-Agent"] == nil {
		// A rule removes it: net/http would send its own.
		header["User-Agent"] = []string{""}
	}
	if kind == operation.Query {
		// Present but empty, it is not sent, and lets net/http send the request
		// again if an idle connection was closed meanwhile.
		header["X-Idempotency-Key"] = nil
	}
	return (&http.Request{
		Method: http.MethodPost, URL: c.url, Host: host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: newRequestBody(body), ContentLength: int64(len(body.B)),
		GetBody: func() (io.ReadCloser, error) { return newRequestBody(body), nil },
	}).WithContext(ctx)
}
