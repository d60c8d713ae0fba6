package subgraph

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"souk/router/adaptive"
	"souk/router/internal/jointly"
)

// Options configure a Transport.
type Options struct {
	// Subgraphs has the subgraphs by their names in the supergraph.
	Subgraphs map[string]Subgraph
	// Propagator injects the trace context into the request headers. It may be nil.
	Propagator propagation.TextMapPropagator
	// ClientAddress is the canonical name of the header of a client request that
	// mutations carry to every subgraph, in addition to those that rules propagate.
	// It may be empty. Queries do not carry it, so that clients can share responses.
	ClientAddress string
	// Writes counts mutations that have ended, so that queries join none that began before. The
	// transports of a router share one. If it is nil, the transport has its own.
	Writes *jointly.Writes
	// Hooks are called when something happens to a request, for metrics.
	Hooks Hooks
	// Interceptor wraps every request. It may be nil.
	Interceptor Interceptor
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Jitter returns random numbers in [0, 1), which spread retries and the
	// retirement of connections. It defaults to math/rand/v2.
	Jitter func() float64
}

// Hooks are functions for metrics. Each may be nil. They must return quickly and be
// safe for concurrent use.
type Hooks struct {
	// Retried is called when a request is retried.
	Retried func(subgraph string)
	// Shared is called when a query has shared the response of an identical one.
	Shared func(subgraph string)
	// Breaker is called when the circuit breaker of a subgraph becomes closed (0), half-open (1) or
	// open (2). Of several URLs, it is the best one: open means that no URL gets requests.
	Breaker func(subgraph string, state int)
	// URLBreaker and Attempted are called for subgraphs with several URLs, with the URL without
	// what may be secret: when its circuit breaker changes its state, and with the result of each
	// request to it. err is nil unless the URL seems to fail.
	URLBreaker func(subgraph, url string, state int)
	Attempted  func(ctx context.Context, subgraph, url string, err error)
	// Reconnected is called when a lost subscription is reopened.
	Reconnected func(subgraph string)
	// HeartbeatLost is called when a subgraph has stopped sending heartbeats for a subscription
	// by HTTP callback.
	HeartbeatLost func(subgraph string)
}

// A Subgraph configures the requests to one subgraph. The default in the comment of a
// field applies to its zero value.
type Subgraph struct {
	// URL is the http or https URL of the GraphQL endpoint, or that of a Unix socket with
	// the path of the endpoint: unix:///run/products.sock?path=/graphql. A user name and password
	// in it are sent as Basic authentication (RFC 7617). They replace a propagated
	// Authorization header; a header rule that sets Authorization replaces them. They
	// never appear in errors or logs.
	URL string
	// URLs are several URLs of the same service, in the place of URL. Requests are spread over them,
	// and each has its own connections and circuit breaker. They have the same credentials.
	URLs []string
	// Timeout bounds one request including its retries. Default: 30 s.
	Timeout time.Duration
	// ClientTimeout is the longest time that clients have. If one has no more time after half of it, or of
	// Timeout if that is less, its request counts as a timeout for the circuit breaker. With less time, it does
	// not count. Default: Timeout.
	ClientTimeout time.Duration
	// TimeoutHeader is the name of a header with the milliseconds that are left for a query or
	// mutation, of Timeout and of the client's request. Default: no header.
	TimeoutHeader string
	// MaxConnections bounds the number of connections to one URL. Default: no bound.
	MaxConnections int
	// MaxIdleConnections bounds the number of idle connections to one URL. Default: 256.
	MaxIdleConnections int
	// IdleTimeout is how long an idle connection is kept. Default: 90 s.
	IdleTimeout time.Duration
	// MaxConnectionAge is how long a connection accepts new requests. New connections
	// resolve the host name again, so it bounds how long outdated addresses are used.
	// Up to a fifth, chosen at random, is subtracted for each connection, so that they
	// do not all retire together. Default: no bound.
	MaxConnectionAge time.Duration
	// MaxResponseBytes bounds the size of a response body, before and after
	// decompression. Default: 64 MiB.
	MaxResponseBytes int
	// HTTP2 selects HTTP/2 without TLS (prior knowledge) for an http URL. For https
	// URLs it is negotiated.
	HTTP2 bool
	// Client selects the HTTP/1.1 client for http URLs: "direct" is the client in this
	// package, "standard" is net/http. https URLs, HTTP/2 and proxies always use
	// net/http. Default: "direct".
	Client string
	// TLS returns the configuration of new connections to https URLs, which may be nil.
	// Idle connections are closed when it returns another pointer. It may be nil.
	TLS func() *tls.Config
	// Proxy returns the proxy for a request, or nil for none. Default:
	// http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// Deduplicate sends identical queries, with the same headers, once if they are in
	// flight at the same time.
	Deduplicate bool
	Retry       Retry
	Breaker     Breaker
	// Limiter bounds the requests in flight, without subscriptions. It may be nil.
	Limiter *adaptive.Limiter
	// Headers has the header rules, applied in order.
	Headers []HeaderRules
	// Received, if not nil, is called with the header of each response to a query or
	// mutation that the subgraph sent. Identical queries are then not sent once.
	Received func(ctx context.Context, header http.Header)
	// Subscriptions configures streams.
	Subscriptions Subscriptions
	// Dial opens connections. Default: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Retry configures retries of queries. A query is retried after a connection failure,
// and after a response that is not GraphQL and has status 502, 503 or 504 (from a proxy
// or an overloaded server), 408, or 429 with Retry-After. Mutations are only
// retried with an idempotency key. If the subgraph has several URLs, a retry goes to another one, at
// once, and a query is also retried after any response with status 500 or more, and one that is no
// GraphQL response. The first retry is not charged to Budget while another URL works. A request for
// which no connection could be opened goes to each URL, even if it is a mutation, and that counts
// neither for MaxAttempts nor for Budget.
type Retry struct {
	// MaxAttempts includes the first attempt. 0 and 1 mean no retry.
	MaxAttempts int
	// Interval is the delay before the first retry. Each further retry doubles it. Half
	// of the delay is random. Default: 50 ms.
	Interval time.Duration
	// MaxRetryAfter is the longest Retry-After delay that is honored. If the subgraph
	// asks for a longer one, or for more than Timeout leaves, the query fails. Default:
	// 5 s.
	MaxRetryAfter time.Duration
	// Budget is the maximum ratio of retries to requests. Up to ten unused retries
	// accumulate. Default: 0.1, one retry for ten requests.
	Budget float64
}

// Breaker configures the circuit breaker of each URL of a subgraph. If there are several, that of one
// also opens after a few failures in a row while another URL works, and timeouts count only then.
type Breaker struct {
	Enabled bool
	// ErrorThreshold is the ratio of failed requests that opens the circuit. Default:
	// 0.5.
	ErrorThreshold float64
	// MinRequests is the number of requests in Window below which the circuit stays
	// closed. Default: 20.
	MinRequests int
	// Window is the time over which requests are counted. Default: 10 s.
	Window time.Duration
	// ConsecutiveTimeouts is the number of requests in a row without a response
	// within Timeout that opens the circuit, however few requests there are: a
	// subgraph that hangs gets only a few in Window. Default: 5.
	ConsecutiveTimeouts int
	// Rest is how long the circuit stays open before one request is let through.
	// Default: 5 s.
	Rest time.Duration
}

// HeaderRules configure which headers a subgraph receives, in addition to those that
// the protocol requires. The rules apply in the order of the fields.
type HeaderRules struct {
	// Propagate has the client headers to forward.
	Propagate []Propagation
	// PropagateMatching has patterns of the names of client headers to forward; see
	// Matches.
	PropagateMatching []*regexp.Regexp
	// Defaults has values of headers that the client has not sent.
	Defaults map[string]string
	// Remove has the headers to remove from those that earlier rules add.
	Remove []string
	// RemoveMatching has patterns of the names of headers to remove.
	RemoveMatching []*regexp.Regexp
	// Set has headers with fixed values.
	Set map[string]string
	// SetFromClaims has headers with the values of claims. Without a value, a header is
	// removed.
	SetFromClaims map[string]string
	// Claim returns the claims. It is not used without SetFromClaims.
	Claim Claim
	// SetFromContext has headers with values of the request context, and Context returns them.
	// Without a value, a header is removed.
	SetFromContext map[string]string
	Context        Claim
}

// A Claim returns the value of a claim of the caller in a context, or one of the request context,
// or "" if there is none.
type Claim func(ctx context.Context, name string) string

// Propagation forwards a client header.
type Propagation struct {
	// From is the name of the client header, To the name for the subgraph. If To is
	// empty, it is the same as From.
	From, To string
}

// Subscriptions configure the streams from a subgraph.
type Subscriptions struct {
	// Protocol is "ws" (graphql-transport-ws), "sse" (GraphQL over server-sent
	// events, distinct connections mode) or "callback" (Apollo's HTTP callback protocol).
	// Default: "ws".
	Protocol string
	// Callback is needed for the protocol "callback".
	Callback Callback
	// URL is the URL of the stream. ws and http are equivalent, as are wss and https.
	// Default: the URLs of the Subgraph.
	URL string
	// ConnectTimeout is how long the subgraph may take to accept a stream. Default: 5 s.
	ConnectTimeout time.Duration
	// ConnectAttempts is the number of attempts to open a stream before Subscribe
	// fails. If another URL is left, one without a connection does not count. Default: 2.
	ConnectAttempts int
	// Resume reopens a stream when its connection breaks.
	Resume bool
	// MaxReconnects is the number of consecutive attempts to reopen a stream. The count
	// restarts when a connection has lasted for MaxInterval, and for 10 s. Default: 10.
	MaxReconnects int
	// Interval is the delay before the first reconnect. Each further one doubles it, up
	// to MaxInterval. Half of the delay is random. Default: 500 ms and 30 s.
	Interval, MaxInterval time.Duration
	// PingInterval is how long a WebSocket may be silent before it is pinged. The
	// connection counts as lost if no message arrives for another interval. Default:
	// 15 s.
	PingInterval time.Duration
}

func (s Subgraph) withDefaults() Subgraph {
	if s.Dial == nil {
		s.Dial = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	if s.Proxy == nil {
		s.Proxy = http.ProxyFromEnvironment
	}
	if s.TLS == nil {
		s.TLS = func() *tls.Config { return nil }
	}
	setDefault(&s.Client, "direct")
	setDefault(&s.Timeout, 30*time.Second)
	setDefault(&s.ClientTimeout, s.Timeout)
	s.ClientTimeout = min(s.ClientTimeout, s.Timeout)
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
	setDefault(&s.Breaker.ConsecutiveTimeouts, 5)
	setDefault(&s.Breaker.Rest, 5*time.Second)
	setDefault(&s.Subscriptions.Protocol, "ws")
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
