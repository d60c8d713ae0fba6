package subgraph

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

// Options configure a Transport.
type Options struct {
	// Subgraphs by their names in the supergraph.
	Subgraphs map[string]Subgraph
	// Propagator writes the trace context of a request's ctx into its headers;
	// nil for none.
	Propagator propagation.TextMapPropagator
	// Hooks are told what happens.
	Hooks Hooks
	// Interceptor, unless nil, stands before every request.
	Interceptor Interceptor
	// Logger is slog.Default() unless set.
	Logger *slog.Logger
	// Jitter gives a random number in [0, 1) to spread retries and the ends of
	// connections by; unless set it is math/rand/v2's.
	Jitter func() float64
}

// Hooks are told what happens to requests, for metrics; each may be nil. They
// must be quick and safe for concurrent use.
type Hooks struct {
	// Retried: a request is sent again.
	Retried func(subgraph string)
	// Shared: a request was answered by an equal one in flight.
	Shared func(subgraph string)
	// Breaker: a circuit breaker is now closed (0), half open (1) or open (2).
	Breaker func(subgraph string, state int)
	// Reconnected: a lost subscription is opened again.
	Reconnected func(subgraph string)
}

// A Subgraph says how one subgraph is reached. Zero values mean the defaults
// given with each field.
type Subgraph struct {
	// URL is where its GraphQL endpoint is: http or https. A user name and
	// password in it are sent as Basic authentication (RFC 7617) in place of a
	// client's Authorization; a header rule that sets Authorization replaces
	// them. They are in no error and no log line.
	URL string
	// Timeout is the longest time for one request with its retries: 30 s.
	Timeout time.Duration
	// MaxConnections bounds the connections: no bound.
	MaxConnections int
	// MaxIdleConnections bounds those kept for later requests: 256.
	MaxIdleConnections int
	// IdleTimeout is how long those are kept: 90 s.
	IdleTimeout time.Duration
	// MaxConnectionAge is how long a connection takes new requests, so that a
	// change of the host's addresses is noticed. A random part of up to a fifth
	// is taken off for each, so that they do not all end together. No bound.
	MaxConnectionAge time.Duration
	// MaxResponseBytes bounds an answer's body as it is sent, and decoded:
	// 64 MiB.
	MaxResponseBytes int
	// HTTP2 speaks HTTP/2 without TLS to an http URL. With https it is
	// negotiated.
	HTTP2 bool
	// Client selects the HTTP/1.1 client for an http URL: "direct" is the
	// router's own, "standard" is net/http's. "direct" unless set. All but
	// HTTP/1.1 without TLS and without a proxy is always net/http's.
	Client string
	// TLS configures connections to https URLs; nil for the default.
	TLS *tls.Config
	// Proxy gives the proxy for a request, or nil;
	// http.ProxyFromEnvironment unless set.
	Proxy func(*http.Request) (*url.URL, error)
	// Deduplicate sends equal queries that are in flight at the same time,
	// with equal headers, once.
	Deduplicate bool
	Retry       Retry
	Breaker     Breaker
	// Headers are the rules for headers, applied in order.
	Headers []HeaderRules
	// Subscriptions says how streams are opened.
	Subscriptions Subscriptions
	// Dial opens connections; nil for the network's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Retry says how often a query is sent again after the connection failed, or
// after an answer that is no GraphQL response and has status 502, 503 or 504
// (a proxy's, or an overloaded server's), 408, or 429 with Retry-After.
// Mutations are never sent again.
type Retry struct {
	// MaxAttempts counts the first as well; 0 and 1 mean no retry.
	MaxAttempts int
	// Interval is the wait before the first retry, doubled for each further
	// one; half of it is random. 50 ms.
	Interval time.Duration
	// MaxRetryAfter is the longest wait that a subgraph may ask for with
	// Retry-After. The query fails if it asks for more, or for more than the
	// Timeout leaves. 5 s.
	MaxRetryAfter time.Duration
	// Budget bounds retries to a part of the requests: 0.1 for a tenth, of
	// which up to ten may be saved up. 0.1.
	Budget float64
}

// Breaker says when a subgraph is given a rest.
type Breaker struct {
	Enabled bool
	// ErrorThreshold is the part of requests that must fail: 0.5.
	ErrorThreshold float64
	// MinRequests is how many must have been made in Window: 20.
	MinRequests int
	// Window is the time they are counted in: 10 s.
	Window time.Duration
	// Rest is how long the subgraph is left alone: 5 s.
	Rest time.Duration
}

// HeaderRules say which headers a subgraph is sent, beside those the protocol
// needs. They are applied in the order of the fields.
type HeaderRules struct {
	// Propagate are client headers passed on.
	Propagate []Propagation
	// Remove are names not passed on after all.
	Remove []string
	// Set are headers with fixed values.
	Set map[string]string
}

// Propagation passes on a client's header.
type Propagation struct {
	// From is its name, To the name for the subgraph; empty for the same.
	From, To string
	// Default is sent if the client has not sent it; empty for nothing.
	Default string
}

// Subscriptions say how streams from a subgraph are opened.
type Subscriptions struct {
	// Protocol is "ws" (graphql-transport-ws) or "sse" (GraphQL over
	// server-sent events, distinct connections); "ws" unless set.
	Protocol string
	// URL is the Subgraph's unless set; ws and wss are http and https.
	URL string
	// ConnectTimeout is the longest time for a stream to be accepted: 5 s.
	ConnectTimeout time.Duration
	// ConnectAttempts is how often it is tried to open a stream before the
	// client is told that there is none: 2.
	ConnectAttempts int
	// Resume opens a stream again whose connection broke.
	Resume bool
	// MaxReconnects is how often in a row; the count starts anew when a
	// connection has lasted for MaxInterval. 10.
	MaxReconnects int
	// Interval is the wait before the first time, doubled for each further
	// one up to MaxInterval, half of it random. 500 ms and 30 s.
	Interval, MaxInterval time.Duration
	// PingInterval is how often a silent websocket is asked for a sign of
	// life; it is lost if there is none within another. 15 s.
	PingInterval time.Duration
}

func (s Subgraph) withDefaults() Subgraph {
	if s.Dial == nil {
		s.Dial = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	if s.Proxy == nil {
		s.Proxy = http.ProxyFromEnvironment
	}
	setDefault(&s.Client, "direct")
	setDefault(&s.Timeout, 30*time.Second)
	setDefault(&s.MaxIdleConnections, 256)
	setDefault(&s.IdleTimeout, 90*time.Second)
	setDefault(&s.MaxResponseBytes, 64<<20)
	setDefault(&s.Retry.MaxAttempts, 1)
	setDefault(&s.Retry.Interval, 50*time.Millisecond)
	setDefault(&s.Retry.MaxRetryAfter, 5*time.Second)
	setDefault(&s.Retry.Budget, 0.1)
	setDefault(&s.Breaker.ErrorThreshold, 0.5)
	setDefault(&s.Breaker.MinRequests, 20)
	setDefault(&s.Breaker.Window, 10*time.Second)
	setDefault(&s.Breaker.Rest, 5*time.Second)
	setDefault(&s.Subscriptions.Protocol, "ws")
	setDefault(&s.Subscriptions.URL, s.URL)
	setDefault(&s.Subscriptions.MaxReconnects, 10)
	setDefault(&s.Subscriptions.Interval, 500*time.Millisecond)
	setDefault(&s.Subscriptions.MaxInterval, 30*time.Second)
	setDefault(&s.Subscriptions.ConnectTimeout, 5*time.Second)
	setDefault(&s.Subscriptions.ConnectAttempts, 2)
	setDefault(&s.Subscriptions.PingInterval, 15*time.Second)
	return s
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
