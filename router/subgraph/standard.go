package subgraph

import (
	"context"
	"crypto/tls"
	"errors"
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

// A standard client uses net/http. Since net/http cannot bound the age of a connection, the
// client replaces the whole http.Transport at that age; the connections of the old one close
// when their requests end. Meanwhile there may be twice as many connections as
// MaxConnections.
type standard struct {
	url    *url.URL
	limit  int
	open   func(*tls.Config) *http.Transport
	tls    func() *tls.Config
	age    time.Duration // 0 means no bound
	jitter func() float64

	mu      sync.Mutex
	current *transportInUse
	// files is what tls returned last, and secure the configuration made of it.
	files, secure *tls.Config
}

// A transportInUse is a transport and the number of its requests, guarded by standard.mu.
type transportInUse struct {
	*http.Transport
	requests int
	retires  time.Time
	retired  bool
}

func newStandard(u *url.URL, s *Subgraph, jitter func() float64) *standard {
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
	open := func(secure *tls.Config) *http.Transport {
		t := &http.Transport{
			Proxy:                  s.Proxy,
			DialContext:            dial,
			TLSClientConfig:        secure,
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
	return &standard{url: u, limit: s.MaxResponseBytes, open: open, tls: s.TLS, age: s.MaxConnectionAge, jitter: jitter}
}

// acquire returns the transport for a request. The caller must release it.
func (c *standard) acquire() *transportInUse {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	changed := c.secured()
	if old := c.current; old != nil && (changed || c.age > 0 && !now.Before(old.retires)) {
		old.retired = true
		// Connections in use close when their requests end.
		old.CloseIdleConnections()
		c.current = nil
	}
	if c.current == nil {
		c.current = &transportInUse{Transport: c.open(c.secure.Clone()), retires: now.Add(lifetime(c.age, c.jitter))}
	}
	c.current.requests++
	return c.current
}

// secured makes the TLS configuration of new connections. It reports whether it has changed. New
// connections resume TLS sessions, even on a new transport.
func (c *standard) secured() (changed bool) {
	files := c.tls()
	if c.secure != nil && files == c.files {
		return false
	}
	c.files, c.secure = files, files.Clone()
	if c.secure == nil {
		c.secure = new(tls.Config)
	}
	if c.secure.ClientSessionCache == nil {
		c.secure.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return true
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

func (c *standard) roundTrip(ctx context.Context, deadline time.Time, kind operation.Kind, body *execute.Buffer, header http.Header, room *execute.MemoryReservation) (*execute.SubgraphResponse, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for {
		response, err := c.exchange(ctx, func(ctx context.Context) *http.Request { return c.request(ctx, kind, body, header) }, room)
		// The request was not sent, so it can be repeated on another connection. The
		// loop ends, because each idle connection is tried only once.
		if !errors.Is(err, errStale) || ctx.Err() != nil {
			return response, err
		}
	}
}

// exchange sends a request and reads the response.
func (c *standard) exchange(ctx context.Context, request func(context.Context) *http.Request, room *execute.MemoryReservation) (*execute.SubgraphResponse, error) {
	transport := c.acquire()
	defer c.release(transport)
	var watched watchedRequest
	response, err := transport.RoundTrip(request(watched.trace(ctx)))
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			// The read found the end of the connection, but net/http reports the
			// error of the write.
			err = noAnswer{err}
		}
		return nil, watched.handshake.explain(err)
	}
	if !watched.answers() {
		_ = response.Body.Close()
		return nil, errUnsolicited
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
		// Reading a small rest of the body makes the connection reusable. With status
		// 101, the body is the connection itself, which ignores the deadline.
		if h.status != http.StatusSwitchingProtocols {
			_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
		}
		return nil, err
	}
	room.Arriving(h.status, h.header, h.contentEncoding != "")
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
		// A rule has removed it; without this, net/http would send its default.
		header["User-Agent"] = []string{""}
	}
	if kind == operation.Query {
		// A nil value is not sent, but it makes net/http treat the request as
		// idempotent and retry it if an idle connection was closed.
		header["X-Idempotency-Key"] = nil
	}
	return (&http.Request{
		Method: http.MethodPost, URL: c.url, Host: host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: newRequestBody(body), ContentLength: int64(len(body.B)),
		GetBody: func() (io.ReadCloser, error) { return newRequestBody(body), nil },
	}).WithContext(ctx)
}
