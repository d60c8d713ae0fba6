package config

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// A Config is the whole configuration. Names are those of the field's
// gateways where they have one.
type Config struct {
	Version    string     `yaml:"version" desc:"The version of this file's format." enum:"1"`
	Listen     string     `yaml:"listen" desc:"Address the router listens on." format:"address" empty:"no"`
	Path       string     `yaml:"path" desc:"Path of the GraphQL endpoint." format:"path" empty:"no"`
	Dev        bool       `yaml:"dev" desc:"Show subgraphs' errors, add figures to each response's extensions, serve the playground."`
	Supergraph Supergraph `yaml:"supergraph" desc:"The graph to serve."`
	Admin      Admin      `yaml:"admin" desc:"A second port for metrics, health and administration."`
	Health     Health     `yaml:"health_check" desc:"Liveness and readiness."`
	Playground Playground `yaml:"playground" desc:"GraphiQL, served to browsers."`
	Log        Log        `yaml:"log" desc:"What is logged."`

	TrafficShaping       TrafficShaping     `yaml:"traffic_shaping" desc:"Timeouts, retries and sharing of requests."`
	Headers              Headers            `yaml:"headers" desc:"Client headers handed on to subgraphs."`
	CORS                 CORS               `yaml:"cors" desc:"Which web pages may call the router."`
	CSRF                 CSRF               `yaml:"csrf" desc:"Protection against requests forged by other sites."`
	Limits               Limits             `yaml:"limits" desc:"What a request may ask for."`
	HTTP                 HTTP               `yaml:"http" desc:"The GraphQL over HTTP protocol."`
	PersistedDocuments   PersistedDocuments `yaml:"persisted_documents" desc:"Documents known by their hash."`
	Subscriptions        Subscriptions      `yaml:"subscriptions" desc:"Subscriptions of clients."`
	Introspection        bool               `yaml:"introspection" desc:"Answer introspection queries. Without it, validation errors and REST problems suggest no names of the schema."`
	Caches               Caches             `yaml:"caches" desc:"Memory for the caches of documents and plans, in bytes. An entry larger than an eighth of its cache is not kept."`
	IncludeErrors        IncludeErrors      `yaml:"include_subgraph_errors" desc:"Whether clients see subgraphs' own error messages."`
	OverrideLabels       OverrideLabels     `yaml:"override_labels" desc:"Which labels of progressive overrides are on, beside those with a percentage."`
	OverrideSubgraphURLs map[string]string  `yaml:"override_subgraph_urls" desc:"URLs that replace those of the supergraph, by subgraph." format:"http" empty:"no"`

	ClientAddress  ClientAddress  `yaml:"client_address" desc:"The network address of clients."`
	Authentication Authentication `yaml:"authentication" desc:"Who the caller is."`
	Authorization  Authorization  `yaml:"authorization" desc:"What callers may see."`
	RateLimit      RateLimit      `yaml:"rate_limit" desc:"How often callers may ask."`
	DemandControl  DemandControl  `yaml:"demand_control" desc:"How costly an operation may be."`
	ResponseCache  ResponseCache  `yaml:"response_cache" desc:"Entities kept in Redis."`
	Idempotency    Idempotency    `yaml:"idempotency" desc:"Responses kept for REST requests with an Idempotency-Key, in the Redis of response_cache."`
	Coprocessor    Coprocessor    `yaml:"coprocessor" desc:"A service in any language that takes part in requests."`
	Telemetry      Telemetry      `yaml:"telemetry" desc:"Traces and metrics."`
}

// Supergraph says where the graph comes from.
type Supergraph struct {
	Path         string        `yaml:"path" desc:"File with the supergraph's SDL." empty:"no"`
	HotReload    bool          `yaml:"hot_reload" desc:"Load the file again when it changes."`
	PollInterval time.Duration `yaml:"poll_interval" desc:"How often to look whether it has changed." min:"10ms"`
}

// Admin is the second port.
type Admin struct {
	Listen string `yaml:"listen" desc:"Address of the admin port; empty for none." format:"address"`
	Pprof  bool   `yaml:"pprof" desc:"Serve profiles of the running router under /debug/pprof/ on the admin port, for go tool pprof. They show what is in memory: keep the port private."`
}

// Health says where health is told.
type Health struct {
	Enabled bool `yaml:"enabled" desc:"Serve /health, /readiness, /healthz and /readyz."`
	Details bool `yaml:"details" desc:"Name each dependency and its state in the answer of /readyz on the public port; the admin port always does."`
}

// Playground is the page for people.
type Playground struct {
	Enabled bool   `yaml:"enabled" desc:"Serve the playground; dev does, too."`
	Path    string `yaml:"path" desc:"Where; a browser that opens the GraphQL endpoint is sent there." format:"path" empty:"no"`
}

// Log is what is logged.
type Log struct {
	Level  string `yaml:"level" desc:"The least level that is logged." enum:"debug,info,warn,error"`
	Format string `yaml:"format" desc:"How." enum:"json,text"`
}

// TrafficShaping has one part for clients' requests and one for subgraphs'.
type TrafficShaping struct {
	Router    RouterTraffic              `yaml:"router" desc:"Requests of clients."`
	All       SubgraphTraffic            `yaml:"all" desc:"Requests to subgraphs."`
	Subgraphs map[string]SubgraphTraffic `yaml:"subgraphs" desc:"Requests to single subgraphs; a value left out is taken from all."`
}

// RouterTraffic shapes clients' requests.
type RouterTraffic struct {
	Timeout         time.Duration `yaml:"timeout" desc:"Longest time for a request; not for subscriptions."`
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" desc:"Longest time requests are given to end when the router stops."`
	Deduplicate     bool          `yaml:"deduplicate" desc:"Answer equal queries of callers with equal headers, in flight at the same time, once."`
	DeduplicateBy   []string      `yaml:"deduplicate_headers" desc:"Headers that must be equal, beside Authorization, Cookie and those handed on to subgraphs." format:"header"`
	MaxInFlight     int           `yaml:"max_in_flight" desc:"Operations in flight at the same time: those over HTTP, each one in a batch, REST calls and those on sockets. Further ones are refused with 503. A subscription counts until it has started. 0 for no limit."`
}

// SubgraphTraffic shapes the requests to a subgraph. Zero values are taken
// from All, and in All mean the default.
type SubgraphTraffic struct {
	Timeout            time.Duration  `yaml:"timeout" desc:"Longest time for one request."`
	DeduplicateQuery   *bool          `yaml:"deduplicate_query" desc:"Send equal queries, in flight at the same time, once."`
	MaxConnections     int            `yaml:"max_connections" desc:"Connections to one host."`
	MaxIdleConnections int            `yaml:"max_idle_connections" desc:"Idle connections kept to one host."`
	IdleTimeout        time.Duration  `yaml:"idle_timeout" desc:"How long an idle connection is kept."`
	MaxConnectionAge   time.Duration  `yaml:"max_connection_age" desc:"How long a connection takes new requests, less a random part of up to a fifth. Then a new one is opened, which finds new addresses of the host."`
	MaxResponseBytes   int            `yaml:"max_response_bytes" desc:"Largest response accepted, as it is sent and after it is decompressed."`
	Retry              Retry          `yaml:"retry" desc:"Retries of queries, after the connection failed or an answer that is no GraphQL response and has status 408, 502, 503 or 504, or 429 with Retry-After."`
	CircuitBreaker     CircuitBreaker `yaml:"circuit_breaker" desc:"Stops asking a subgraph that keeps failing."`
	HTTP2              bool           `yaml:"http2" desc:"Speak HTTP/2 without TLS to http URLs."`
	HTTPClient         string         `yaml:"http_client" desc:"Client for HTTP/1.1 to http URLs: direct (the router's own, which is faster) or standard (Go's net/http). https URLs, HTTP/2 and proxies always use standard." enum:"direct,standard"`
}

// Of gives the settings for one subgraph: its own, and those for all where it
// has none.
func (t TrafficShaping) Of(subgraph string) SubgraphTraffic {
	s := t.Subgraphs[subgraph]
	fill(&s.Timeout, t.All.Timeout)
	fill(&s.DeduplicateQuery, t.All.DeduplicateQuery)
	fill(&s.MaxConnections, t.All.MaxConnections)
	fill(&s.MaxIdleConnections, t.All.MaxIdleConnections)
	fill(&s.IdleTimeout, t.All.IdleTimeout)
	fill(&s.MaxConnectionAge, t.All.MaxConnectionAge)
	fill(&s.MaxResponseBytes, t.All.MaxResponseBytes)
	s.Retry.fillFrom(t.All.Retry)
	s.CircuitBreaker.fillFrom(t.All.CircuitBreaker)
	fill(&s.HTTP2, t.All.HTTP2)
	fill(&s.HTTPClient, t.All.HTTPClient)
	return s
}

func fill[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Retry says how often a query is tried again: after the connection failed, or
// an answer that is no GraphQL response and has status 408, 502, 503 or 504, or
// 429 with Retry-After.
type Retry struct {
	MaxAttempts   int           `yaml:"max_attempts" desc:"Tries in all; 1 for no retry."`
	Interval      time.Duration `yaml:"interval" desc:"Wait before the first retry; doubled, with jitter, for each further one."`
	MaxRetryAfter time.Duration `yaml:"max_retry_after" desc:"Longest wait that a subgraph may ask for with Retry-After; a query that would have to wait longer fails."`
	Budget        float64       `yaml:"budget" desc:"Retries as a part of requests, at most: 0.1 for a tenth." max:"1"`
}

// CircuitBreaker says when a subgraph is given a rest.
type CircuitBreaker struct {
	Enabled        *bool         `yaml:"enabled" desc:"Whether it is used."`
	ErrorThreshold float64       `yaml:"error_threshold" desc:"The part of requests that must fail: 0.5 for a half." max:"1"`
	MinRequests    int           `yaml:"min_requests" desc:"How many requests must have been made."`
	Window         time.Duration `yaml:"window" desc:"The time they are counted in."`
	Rest           time.Duration `yaml:"rest" desc:"How long the subgraph is left alone."`
}

func (r *Retry) fillFrom(all Retry) {
	fill(&r.MaxAttempts, all.MaxAttempts)
	fill(&r.Interval, all.Interval)
	fill(&r.MaxRetryAfter, all.MaxRetryAfter)
	fill(&r.Budget, all.Budget)
}

func (c *CircuitBreaker) fillFrom(all CircuitBreaker) {
	fill(&c.Enabled, all.Enabled)
	fill(&c.ErrorThreshold, all.ErrorThreshold)
	fill(&c.MinRequests, all.MinRequests)
	fill(&c.Window, all.Window)
	fill(&c.Rest, all.Rest)
}

// Headers says which headers go to subgraphs.
type Headers struct {
	All       HeaderRules            `yaml:"all" desc:"For all subgraphs."`
	Subgraphs map[string]HeaderRules `yaml:"subgraphs" desc:"For single subgraphs, after those for all."`
}

// HeaderRules are applied in this order.
type HeaderRules struct {
	Propagate []string          `yaml:"propagate" desc:"Client headers passed on to subgraphs. Those of the connection and of the body, Host and Accept-Encoding cannot be."`
	Remove    []string          `yaml:"remove" desc:"Headers not passed on after all."`
	Set       map[string]string `yaml:"set" desc:"Headers with a fixed value, which replaces any other. Host is the name the subgraph is addressed by; Accept-Encoding: identity asks for answers without compression. Those of the connection and of the body cannot be set."`
}

// PropagatedTo gives the names, in canonical form and in order, of the client's
// headers that a subgraph is sent.
func (h Headers) PropagatedTo(subgraph string) []string {
	sent := map[string]bool{}
	for _, rules := range []HeaderRules{h.All, h.Subgraphs[subgraph]} {
		for _, name := range rules.Propagate {
			sent[http.CanonicalHeaderKey(name)] = true
		}
		for _, name := range rules.Remove {
			delete(sent, http.CanonicalHeaderKey(name))
		}
		for name := range rules.Set {
			delete(sent, http.CanonicalHeaderKey(name))
		}
	}
	return slices.Sorted(maps.Keys(sent))
}

// CORS is by the Fetch standard.
type CORS struct {
	AllowOrigins     []string      `yaml:"allow_origins" desc:"Origins whose pages may call the router: https://shop.example, https://*.shop.example for all subdomains, http://localhost:* for all ports with the default one, or * for every origin, without credentials."`
	AllowCredentials bool          `yaml:"allow_credentials" desc:"Let pages of these origins send cookies."`
	AllowHeaders     []string      `yaml:"allow_headers" desc:"Request headers pages may set; empty allows every header they ask for."`
	ExposeHeaders    []string      `yaml:"expose_headers" desc:"Response headers pages may read."`
	MaxAge           time.Duration `yaml:"max_age" desc:"How long a browser may keep the answer to a preflight request."`
}

// CSRF is about requests that browsers send without a preflight request.
type CSRF struct {
	Enabled         bool     `yaml:"enabled" desc:"Refuse requests that a page of another site could have made a browser send: those without a preflight request, unless Sec-Fetch-Site or Origin shows that they come from the router's own origin or from one in cors.allow_origins."`
	RequiredHeaders []string `yaml:"required_headers" desc:"A request that carries one of these headers is accepted: another site cannot set it without a preflight request." format:"header"`
}

// Limits bound requests. Zero means no limit.
type Limits struct {
	MaxBodyBytes     int           `yaml:"http_max_request_bytes" desc:"Size of a request body, as sent and after decompression."`
	MaxURLBytes      int           `yaml:"http_max_url_bytes" desc:"Length of a request's URL."`
	MaxHeaderBytes   int           `yaml:"http_max_header_bytes" desc:"Length of a request's header."`
	HeaderTimeout    time.Duration `yaml:"http_header_timeout" desc:"How long a request's header may take to arrive."`
	BodyTimeout      time.Duration `yaml:"http_body_timeout" desc:"How long a request body may take to arrive."`
	WriteTimeout     time.Duration `yaml:"http_write_timeout" desc:"How long a client may take to accept the next 64 KiB of a response. It is disconnected after that."`
	IdleTimeout      time.Duration `yaml:"http_idle_timeout" desc:"How long a connection may wait for its next request."`
	MaxConnections   int           `yaml:"http_max_connections" desc:"Open connections of clients. When there are more, the one that has been idle longest is closed."`
	MaxInFlightBytes int           `yaml:"max_in_flight_bytes" desc:"Memory for request bodies, answers of subgraphs and responses in progress. When it is used up the slowest client is disconnected, and further operations are answered with OVERLOADED."`
	MaxTokens        int           `yaml:"parser_max_tokens" desc:"Tokens in a document."`
	MaxDepth         int           `yaml:"max_depth" desc:"Levels of fields."`
	MaxAliases       int           `yaml:"max_aliases" desc:"Aliases."`
	MaxRootFields    int           `yaml:"max_root_fields" desc:"Root fields."`
	MaxDirectives    int           `yaml:"max_directives" desc:"Directives."`
	MaxFields        int           `yaml:"max_fields" desc:"Fields, fragments spread out."`
	MaxListItems     int           `yaml:"max_list_items" desc:"Items in one list of an argument or a variable."`
}

// HTTP has the protocol's switches.
type HTTP struct {
	PartialSuccessStatus bool     `yaml:"partial_success_status" desc:"Answer 294 instead of 200 if there are data and errors, to clients that accept application/graphql-response+json."`
	QueryMethod          bool     `yaml:"query_method" desc:"Answer the HTTP method QUERY (RFC 10008), for queries like POST."`
	Batching             Batching `yaml:"batching" desc:"Several requests in one, as a JSON array."`
	HTTP2                bool     `yaml:"http2" desc:"Accept HTTP/2 without TLS from clients that know the router speaks it (h2c with prior knowledge), beside HTTP/1.1."`
	HTTP2Streams         int      `yaml:"http2_max_concurrent_streams" desc:"Requests in progress on one HTTP/2 connection."`
	Compression          bool     `yaml:"compression" desc:"Compress responses with br, gzip or zstd, in this order unless the client prefers another."`
	CompressionMinBytes  int      `yaml:"compression_min_bytes" desc:"Shortest response that is compressed."`
}

// Batching is off unless enabled.
type Batching struct {
	Enabled bool `yaml:"enabled" desc:"Accept batches."`
	MaxSize int  `yaml:"max_size" desc:"Requests in one."`
}

// PersistedDocuments are documents known by their hash.
type PersistedDocuments struct {
	Automatic bool   `yaml:"automatic" desc:"Keep documents clients register (APQ)."`
	Path      string `yaml:"path" desc:"File of trusted documents: a JSON object of hash and text, or a manifest with a list of operations."`
	Require   bool   `yaml:"require" desc:"Run trusted documents only."`
}

// Subscriptions of clients.
type Subscriptions struct {
	Enabled           bool                      `yaml:"enabled" desc:"Accept subscriptions over server-sent events, multipart HTTP and WebSocket."`
	MaxConnections    int                       `yaml:"max_connections" desc:"Open streams and sockets; 0 for no limit."`
	InitTimeout       time.Duration             `yaml:"init_timeout" desc:"Longest time for a WebSocket client to send connection_init." min:"1ms"`
	InitHeaders       []string                  `yaml:"init_headers" desc:"Headers that the payload of connection_init may set. All others are ignored." format:"header"`
	InitOverrides     bool                      `yaml:"init_overrides_handshake" desc:"Let the payload of connection_init replace these headers if the handshake carried them, too."`
	SingleConnection  SingleConnection          `yaml:"single_connection" desc:"The single connection mode of GraphQL over server-sent events: several operations on one stream."`
	Heartbeat         time.Duration             `yaml:"heartbeat" desc:"How often a quiet connection is sent a sign of life." min:"1ms"`
	ReloadJitter      time.Duration             `yaml:"reload_jitter" desc:"Time over which subscriptions end that do not fit a new supergraph."`
	DrainPeriod       time.Duration             `yaml:"drain_period" desc:"How long open streams go on when the router stops or its configuration changes. They end in the second half of this time, for clients to reconnect."`
	Deduplicate       bool                      `yaml:"deduplicate" desc:"Let equal subscriptions of equal callers share one subscription to the subgraph."`
	QueueEvents       int                       `yaml:"queue_events" desc:"Events that wait for a client that shares a subscription."`
	QueueBytes        int                       `yaml:"queue_bytes" desc:"Total size of those events."`
	SlowClientTimeout time.Duration             `yaml:"slow_client_timeout" desc:"How long, in all, others wait for a client whose queue is full until it is dropped."`
	All               SubgraphStream            `yaml:"all" desc:"Streams from subgraphs."`
	Subgraphs         map[string]SubgraphStream `yaml:"subgraphs" desc:"Streams from single subgraphs; a value left out is taken from all."`
}

// SingleConnection bounds the single connection mode.
type SingleConnection struct {
	Enabled         bool          `yaml:"enabled" desc:"Accept reservations by PUT."`
	MaxReservations int           `yaml:"max_reservations" desc:"Reservations at the same time; further ones get 503."`
	Timeout         time.Duration `yaml:"timeout" desc:"How long a reservation is kept for a stream that does not come."`
}

// SubgraphStream says how streams from a subgraph are opened, and opened again.
type SubgraphStream struct {
	Protocol        string        `yaml:"protocol" desc:"ws (graphql-transport-ws) or sse (GraphQL over server-sent events)." enum:"ws,sse"`
	URL             string        `yaml:"url" desc:"Where, if not at the subgraph's URL; for single subgraphs only." format:"stream"`
	ConnectTimeout  time.Duration `yaml:"connect_timeout" desc:"Longest time for the subgraph to accept a stream."`
	ConnectAttempts int           `yaml:"connect_attempts" desc:"Attempts to open a stream before the client gets an error."`
	Resume          *bool         `yaml:"resume" desc:"Open a stream again if its connection breaks. Events sent meanwhile are missed. A stream that the subgraph ends is never opened again."`
	MaxReconnects   int           `yaml:"max_reconnects" desc:"Times in a row that a broken stream is opened again."`
	Interval        time.Duration `yaml:"interval" desc:"Wait before the next attempt; doubled, with jitter, for each further one."`
	MaxInterval     time.Duration `yaml:"max_interval" desc:"Longest wait between two attempts."`
	PingInterval    time.Duration `yaml:"ping_interval" desc:"How often a silent WebSocket to the subgraph is pinged. It is lost without an answer in this time."`
	ReplayLatest    *bool         `yaml:"replay_latest" desc:"Send the latest response to a client that joins a shared subscription, as a subgraph does that begins with the current state. Turn it off where each event stands for itself."`
}

// Of gives the settings for one subgraph: its own, and those for all where it
// has none.
func (s Subscriptions) Of(subgraph string) SubgraphStream {
	out := s.Subgraphs[subgraph]
	fill(&out.Protocol, s.All.Protocol)
	fill(&out.ConnectTimeout, s.All.ConnectTimeout)
	fill(&out.ConnectAttempts, s.All.ConnectAttempts)
	fill(&out.Resume, s.All.Resume)
	fill(&out.MaxReconnects, s.All.MaxReconnects)
	fill(&out.Interval, s.All.Interval)
	fill(&out.MaxInterval, s.All.MaxInterval)
	fill(&out.PingInterval, s.All.PingInterval)
	fill(&out.ReplayLatest, s.All.ReplayLatest)
	return out
}

// Caches are bounded by the memory that their entries take.
type Caches struct {
	Documents int `yaml:"documents_bytes" desc:"Memory for parsed documents and the operations made of them; 0 keeps none."`
	Plans     int `yaml:"plans_bytes" desc:"Memory for query plans; 0 keeps none."`
	Persisted int `yaml:"persisted_documents_bytes" desc:"Memory for documents that clients registered (APQ); 0 keeps none."`
	WarmUp    int `yaml:"warm_up" desc:"Documents planned in advance, most used first, before a new supergraph is put in place."`
}

// IncludeErrors says what clients see of subgraphs' errors.
type IncludeErrors struct {
	All       bool            `yaml:"all" desc:"For all subgraphs."`
	Subgraphs map[string]bool `yaml:"subgraphs" desc:"For single ones."`
}
