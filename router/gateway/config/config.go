package config

import (
	"fmt"
	"slices"
	"time"
)

// A Config is the complete configuration of a router. Keys follow the names
// that other GraphQL gateways use, where there is a common one.
type Config struct {
	Version    string     `yaml:"version" desc:"Version of the configuration format." enum:"1"`
	Listen     string     `yaml:"listen" desc:"Address that the router listens on: host:port, or unix:PATH for a Unix socket. unix:PATH?mode=0660 sets the mode of the socket: whoever may write to it, such as a proxy in the same group, can connect. By default, the umask of the process decides." format:"address" empty:"no"`
	TLS        ServerTLS  `yaml:"tls" desc:"TLS on the address in listen. Without a certificate the router speaks plain HTTP."`
	Path       string     `yaml:"path" desc:"Path of the GraphQL endpoint, or a pattern. :NAME stands for one segment, as in /:tenant/graphql, which may have an encoded slash; /* at the end for any further segments or none, as in /graphql/*; another * at the end for any rest, as in /g*. Other endpoints go before a pattern, and so does all below /api/." format:"endpoint" empty:"no"`
	Dev        bool       `yaml:"dev" desc:"Development mode: show error messages of subgraphs, add request statistics to the extensions of each response, and serve the playground."`
	Supergraph Supergraph `yaml:"supergraph" desc:"The supergraph to serve."`
	Admin      Admin      `yaml:"admin" desc:"A second port for metrics, health checks and administration."`
	Health     Health     `yaml:"health_check" desc:"Liveness and readiness endpoints."`
	Playground Playground `yaml:"playground" desc:"The GraphiQL page for browsers."`
	Log        Log        `yaml:"log" desc:"Log output."`

	TrafficShaping       TrafficShaping     `yaml:"traffic_shaping" desc:"Timeouts, retries and deduplication of requests."`
	Headers              Headers            `yaml:"headers" desc:"Request headers that subgraphs receive."`
	CORS                 CORS               `yaml:"cors" desc:"Cross-origin resource sharing: which web pages may call the router."`
	CSRF                 CSRF               `yaml:"csrf" desc:"Protection against cross-site request forgery."`
	Limits               Limits             `yaml:"limits" desc:"Limits of requests. 0 means no limit."`
	HTTP                 HTTP               `yaml:"http" desc:"Options of the GraphQL over HTTP protocol."`
	FileUploads          FileUploads        `yaml:"file_uploads" desc:"Files that clients send with operations (GraphQL multipart requests)."`
	PersistedDocuments   PersistedDocuments `yaml:"persisted_documents" desc:"Documents that clients identify by hash."`
	MCP                  MCP                `yaml:"mcp" desc:"An endpoint of the Model Context Protocol, on which agents call trusted documents as tools."`
	Subscriptions        Subscriptions      `yaml:"subscriptions" desc:"Subscriptions and event streams."`
	EventSources         EventSources       `yaml:"event_sources" desc:"Message brokers whose events feed subscriptions with @eventStream."`
	Introspection        bool               `yaml:"introspection" desc:"Answer introspection queries. If false, validation errors and REST problems do not suggest names from the schema either."`
	Caches               Caches             `yaml:"caches" desc:"Memory for the document and plan caches, in bytes. An entry larger than an eighth of its cache is not stored."`
	QueryPlanner         QueryPlanner       `yaml:"query_planner" desc:"How the router makes query plans."`
	IncludeErrors        IncludeErrors      `yaml:"include_subgraph_errors" desc:"Whether clients see the error messages of subgraphs."`
	ResponseExtensions   map[string]string  `yaml:"response_extensions" desc:"Members of extensions in responses of subgraphs that the client's response gets, by name, and what several make of one: first or last, as they arrive, or append for a list. Up to 64 KiB of them. Responses from the entity cache and deferred payloads have none." enum:"first,last,append"`
	RequestExtensions    RequestExtensions  `yaml:"request_extensions" desc:"Members of extensions in requests of clients that subgraphs get, in the extensions of their requests."`
	OverrideLabels       OverrideLabels     `yaml:"override_labels" desc:"Labels of progressive @override that are active. Labels of the form percent(n) are always active for that percentage of requests."`
	Canary               Canary             `yaml:"canary" desc:"A second supergraph, or other URLs of subgraphs, for a share of the requests or for copies of queries."`
	OverrideSubgraphURLs SubgraphURLs       `yaml:"override_subgraph_urls" desc:"Subgraph URLs that replace those in the supergraph, by subgraph name. unix:///run/products.sock?path=/graphql is a Unix socket. A list, such as [http://a:4001/graphql, http://b:4001/graphql], has several URLs of the same service: requests are spread over them, and each has its own connections and circuit breaker." format:"subgraph" empty:"no"`

	Redis           Redis           `yaml:"redis" desc:"Redis for all blocks that need one and have none of their own: response_cache, with the idempotency records and copies of key sets, rate_limit, persisted_documents, and providers of event_sources."`
	ClientAddress   ClientAddress   `yaml:"client_address" desc:"How the router determines the network address of a client."`
	Authentication  Authentication  `yaml:"authentication" desc:"How the router authenticates callers."`
	Authorization   Authorization   `yaml:"authorization" desc:"Enforcement of @authenticated, @requiresScopes and @policy."`
	RateLimit       RateLimit       `yaml:"rate_limit" desc:"Limit on the operations of each caller."`
	DemandControl   DemandControl   `yaml:"demand_control" desc:"Limit on the estimated cost of an operation."`
	ResponseCache   ResponseCache   `yaml:"response_cache" desc:"Cache of subgraph responses in Redis and in memory."`
	Idempotency     Idempotency     `yaml:"idempotency" desc:"Stored responses for REST requests with an Idempotency-Key header. They are kept in the Redis of response_cache, or the one in redis."`
	Coprocessor     Coprocessor     `yaml:"coprocessor" desc:"An external HTTP service, in any language, that takes part in request processing."`
	Telemetry       Telemetry       `yaml:"telemetry" desc:"Traces, metrics and logs."`
	ExposeQueryPlan ExposeQueryPlan `yaml:"expose_query_plan" desc:"Query plans and timings in responses, for those who may see them."`
}

// HasConsole reports whether the router serves the console.
func (c *Config) HasConsole() bool { return c.Admin.Console.Enabled || c.Dev }

// Supergraph configures the source of the supergraph SDL.
type Supergraph struct {
	File         string        `yaml:"file" former:"path;In a configuration of Apollo Router, supergraph.path is the path of the GraphQL endpoint: here that is the key path" desc:"File that contains the supergraph SDL." empty:"no"`
	Remote       Remote        `yaml:"remote" desc:"A supergraph that is kept elsewhere: at a URL, in an OCI registry or in a bucket of S3. It replaces file."`
	HotReload    bool          `yaml:"hot_reload" desc:"Reload the supergraph, the configuration file, the files that its values refer to, and REST routes when they change."`
	PollInterval time.Duration `yaml:"poll_interval" desc:"How often the router checks the file for changes, and a waiting supergraph (wait_for_subgraphs)." min:"10ms"`

	WaitForSubgraphs time.Duration `yaml:"wait_for_subgraphs" desc:"Use a changed supergraph only when each subgraph serves what it adds, in ten reads of { _service { sdl } } in a row. If that takes longer than this, the router reports a failed load, and goes on waiting. 0 uses the file at once: subgraphs may lack _service, or require credentials for it."`
}

// Admin configures the admin port.
type Admin struct {
	Listen  string    `yaml:"listen" desc:"Address of the admin port: host:port, or unix:PATH for a Unix socket. If empty, there is no admin port." format:"address"`
	TLS     ServerTLS `yaml:"tls" desc:"TLS on the admin port."`
	Pprof   bool      `yaml:"pprof" desc:"Serve Go profiles under /debug/pprof/ on the admin port. Profiles reveal the contents of memory: keep the port private."`
	Bundle  bool      `yaml:"debug_bundle" desc:"Serve /debug/bundle on the admin port, for souk debug bundle: the configuration without secrets, versions, metrics, the operations in use with their query plans, and profiles."`
	Console Console   `yaml:"console" desc:"The console: a page and a JSON API under /console/ on the admin port that show the graph, query plans, traces and traffic."`
}

// Console configures the console.
type Console struct {
	Enabled    bool    `yaml:"enabled" desc:"Serve the console and record traffic for it, within 30 MB of memory. Development mode (dev) also enables it."`
	Token      string  `yaml:"token" desc:"Secret that requests must send as a bearer token, of at least 12 characters. Required if the console is enabled, except in development mode." secret:"yes"`
	Prometheus string  `yaml:"prometheus" desc:"Base URL of a Prometheus server that scrapes all replicas of the router, such as http://prometheus:9090. The console then also shows figures of each replica." format:"http"`
	Sample     float64 `yaml:"sample" desc:"Ratio of ordinary operations that are kept as traces. Slow and failing operations are always kept, as far as memory permits." max:"1"`

	Events ConsoleEvents `yaml:"events" desc:"Services whose events the console shows: outboxes, streams and dead letters. docs/console.md describes the endpoints that they need."`
}

// ConsoleEvents configures what the console shows of a store's events.
type ConsoleEvents struct {
	Services map[string]string `yaml:"services" desc:"Base URLs of the services by name, such as {order: http://order-service:8080}. The router polls /events of each." format:"http" empty:"no"`
	Token    string            `yaml:"token" desc:"Secret that the router sends to the services as a bearer token, such as the EVENTS_TOKEN of the services in subgraphs/." secret:"yes"`
}

// Health configures the health endpoints.
type Health struct {
	Enabled        bool     `yaml:"enabled" desc:"Serve the endpoints."`
	Listen         string   `yaml:"listen" desc:"Address of a port of their own: host:port, or unix:PATH for a Unix socket. If empty, the public port serves them. The admin port always does." format:"address" example:"0.0.0.0:8088"`
	LivenessPaths  []string `yaml:"liveness_paths" desc:"Paths that respond with 200 while the process runs." format:"path" empty:"no"`
	ReadinessPaths []string `yaml:"readiness_paths" desc:"Paths that respond with 200 while the router accepts requests, otherwise with 503: before it has a supergraph, and while it shuts down." format:"path" empty:"no"`
	Details        bool     `yaml:"details" desc:"List each dependency and its state in readiness responses on the public port or the one in listen. The admin port always lists them."`
}

// Playground configures the GraphiQL page.
type Playground struct {
	Enabled bool   `yaml:"enabled" desc:"Serve the playground. Development mode (dev) also enables it."`
	Path    string `yaml:"path" desc:"Path of the playground. Browsers that open the GraphQL endpoint are redirected to it." format:"path" empty:"no"`
}

// Log configures log output.
type Log struct {
	Level  string `yaml:"level" desc:"Minimum level of log records." enum:"debug,info,warn,error"`
	Format string `yaml:"format" desc:"Format of log records." enum:"json,text"`
}

// TrafficShaping configures client requests (Router) and subgraph requests (All,
// Subgraphs).
type TrafficShaping struct {
	Router    RouterTraffic              `yaml:"router" desc:"Requests from clients."`
	All       SubgraphTraffic            `yaml:"all" desc:"Requests to all subgraphs."`
	Subgraphs map[string]SubgraphTraffic `yaml:"subgraphs" desc:"Overrides for single subgraphs, by subgraph name. Missing values are taken from all."`
}

// RouterTraffic configures client requests.
type RouterTraffic struct {
	Timeout         time.Duration   `yaml:"timeout" desc:"Maximum duration of a request. Subscriptions are exempt."`
	ShutdownTimeout time.Duration   `yaml:"shutdown_timeout" desc:"How long the router waits for requests in progress when it stops. A request is in progress once its headers have arrived: connections that still wait for those of their first request are closed after 5 seconds or half of this time, whichever is less."`
	Deduplicate     *bool           `yaml:"deduplicate" default:"true" desc:"Execute identical queries of one caller once if they are in flight at the same time. Callers are one if their tokens identify the same caller, and if they send the same Authorization, Cookie, headers with tokens, headers that go to subgraphs or decide about what goes to them, and headers in deduplicate_headers. Other headers do not count. Without this key, the router does not if all.deduplicate_query is false, or if it has a coprocessor, hooks, middleware or an authenticator."`
	DeduplicateBy   []string        `yaml:"deduplicate_headers" desc:"Headers that must match for two queries to be identical, in addition to Authorization, Cookie, headers with tokens, and headers that go to subgraphs or decide about what goes to them." format:"header"`
	MaxInFlight     int             `yaml:"max_in_flight" desc:"Maximum number of operations in flight. Requests over HTTP, members of a batch, REST calls and WebSocket operations each count. The router rejects further operations with status 503. A subscription counts until it has started. 0 means no limit."`
	StreamResponses StreamResponses `yaml:"stream_responses" desc:"Sends a response while the last subgraph response still arrives, as far as nothing of it can change any more: fields of that subgraph must be nullable, or the entity that they belong to. Errors come after the data. It concerns large queries, if no hook, coprocessor, middleware, response cache or header depends on the whole response."`
	AdaptiveLimit   AdaptiveLimit   `yaml:"adaptive_limit" desc:"Bounds the operations in flight by what the router and its subgraphs can serve, which it finds from their latency. Further operations are rejected with status 503 and the code OVERLOADED. It counts what max_in_flight counts."`
}

// StreamResponses configures responses that are sent before they are complete.
type StreamResponses struct {
	Enabled  bool          `yaml:"enabled" desc:"Stream responses. Only for subgraphs that respond with exactly one entity, or null, for each representation: if one leaves out an entity, the others have been sent for wrong objects before the list is known to be too short."`
	MinBytes int           `yaml:"min_bytes" desc:"How much of the last subgraph response must have arrived first."`
	After    time.Duration `yaml:"after" desc:"How long it must have been arriving. A response that arrives faster is sent as a whole, which costs less."`
}

// SubgraphTraffic configures requests to a subgraph. A zero value in
// TrafficShaping.Subgraphs means the value in All; a zero value in All means the
// default of package subgraph.
type SubgraphTraffic struct {
	Timeout            time.Duration  `yaml:"timeout" desc:"Maximum duration of one request, including its retries."`
	TimeoutHeader      string         `yaml:"timeout_header" desc:"Header with the milliseconds that are left for a query or mutation, such as Souk-Timeout-Ms, so that the subgraph can stop when nobody waits for its response. It replaces a header of this name. By default, there is none." format:"header" example:"Souk-Timeout-Ms"`
	DeduplicateQuery   *bool          `yaml:"deduplicate_query" default:"true" desc:"Send identical queries once if they are in flight at the same time."`
	MaxConnections     int            `yaml:"max_connections" desc:"Maximum number of connections to one host."`
	MaxIdleConnections int            `yaml:"max_idle_connections" desc:"Maximum number of idle connections to one host."`
	IdleTimeout        time.Duration  `yaml:"idle_timeout" desc:"How long an idle connection stays open."`
	MaxConnectionAge   time.Duration  `yaml:"max_connection_age" desc:"How long a connection accepts new requests. A random amount of up to one fifth is subtracted. New connections resolve the host name again, so this bounds how long the router uses outdated addresses."`
	MaxResponseBytes   int            `yaml:"max_response_bytes" desc:"Maximum size of a response body. It applies before and after decompression."`
	Retry              Retry          `yaml:"retry" desc:"Retries of queries, and of mutations of one field with @idempotent and an idempotency key. The router retries after a connection failure, and after a response that is not GraphQL and has status 408, 502, 503 or 504, or 429 with Retry-After."`
	CircuitBreaker     CircuitBreaker `yaml:"circuit_breaker" desc:"Stops sending requests to a subgraph that keeps failing."`
	AdaptiveLimit      AdaptiveLimit  `yaml:"adaptive_limit" desc:"Bounds the requests in flight to a subgraph by what it can serve, which the router finds from their latency. Further requests fail with the code SUBGRAPH_OVERLOADED. Subscriptions are exempt."`
	HTTP2              bool           `yaml:"http2" desc:"Use HTTP/2 without TLS (h2c) for http URLs."`
	TLS                ClientTLS      `yaml:"tls" desc:"TLS for https and wss URLs. The block of a single subgraph replaces the one of all as a whole."`
	HTTPClient         string         `yaml:"http_client" desc:"HTTP/1.1 client for http URLs: direct (built into the router, faster) or standard (Go's net/http). https URLs, HTTP/2 and proxies always use standard." enum:"direct,standard"`
}

// Of returns the settings for one subgraph. Settings that the subgraph does not
// override come from All.
func (t TrafficShaping) Of(subgraph string) SubgraphTraffic {
	s := t.Subgraphs[subgraph]
	fill(&s.Timeout, t.All.Timeout)
	fill(&s.TimeoutHeader, t.All.TimeoutHeader)
	fill(&s.DeduplicateQuery, t.All.DeduplicateQuery)
	fill(&s.MaxConnections, t.All.MaxConnections)
	fill(&s.MaxIdleConnections, t.All.MaxIdleConnections)
	fill(&s.IdleTimeout, t.All.IdleTimeout)
	fill(&s.MaxConnectionAge, t.All.MaxConnectionAge)
	fill(&s.MaxResponseBytes, t.All.MaxResponseBytes)
	s.Retry.fillFrom(t.All.Retry)
	s.CircuitBreaker.fillFrom(t.All.CircuitBreaker)
	s.AdaptiveLimit.fillFrom(t.All.AdaptiveLimit)
	fill(&s.HTTP2, t.All.HTTP2)
	fill(&s.TLS, t.All.TLS)
	fill(&s.HTTPClient, t.All.HTTPClient)
	return s
}

func fill[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Retry configures retries of queries. The router retries after a connection
// failure, and after a response that is not GraphQL and has status 408, 502, 503
// or 504, or 429 with Retry-After. It retries a mutation only with an idempotency key.
type Retry struct {
	MaxAttempts   int           `yaml:"max_attempts" desc:"Maximum number of attempts, including the first. 1 disables retries."`
	Interval      time.Duration `yaml:"interval" desc:"Delay before the first retry. Each further retry doubles it, with jitter."`
	MaxRetryAfter time.Duration `yaml:"max_retry_after" desc:"Longest Retry-After delay that the router honors. A query that would have to wait longer fails."`
	Budget        float64       `yaml:"budget" desc:"Maximum ratio of retries to requests. 0.1 allows one retry for ten requests." max:"1"`
}

// CircuitBreaker configures when the router stops sending requests to a failing
// subgraph. The circuit opens when, within Window, at least MinRequests were made
// and ErrorThreshold of them failed, or after ConsecutiveTimeouts.
type CircuitBreaker struct {
	Enabled             *bool         `yaml:"enabled" default:"true" desc:"Use the circuit breaker."`
	ErrorThreshold      float64       `yaml:"error_threshold" desc:"Ratio of failed requests that opens the circuit. 0.5 means half of them." max:"1"`
	MinRequests         int           `yaml:"min_requests" desc:"Minimum number of requests in the window before failures can open the circuit."`
	Window              time.Duration `yaml:"window" desc:"Time window over which requests are counted." min:"100ms"`
	ConsecutiveTimeouts int           `yaml:"consecutive_timeouts" desc:"Number of timeouts in a row that open the circuit, however few requests there are in the window."`
	Rest                time.Duration `yaml:"rest" desc:"How long the circuit stays open before the router tries the subgraph again."`
}

// AdaptiveLimit configures a limit of concurrent work that follows its latency.
type AdaptiveLimit struct {
	Enabled   *bool         `yaml:"enabled" default:"false" desc:"Use the limit."`
	Measure   *bool         `yaml:"measure" default:"false" desc:"Reject nothing, but compute the limit, and count what would be rejected in souk_router_limits_exceeded_total."`
	Min       int           `yaml:"min" desc:"Lowest limit. Only while the router measures the latency without load, for about a tenth of a second, it lets fewer through: down to a third." min:"1"`
	Max       int           `yaml:"max" desc:"Highest limit. If it is below min or initial, these follow, unless they are set: then it is an error." min:"1"`
	Initial   int           `yaml:"initial" desc:"Limit at the start, and after a reload." min:"1"`
	Tolerance float64       `yaml:"tolerance" desc:"How many times the latency without load is accepted before the limit shrinks. A higher one allows longer queues." min:"1" example:"2"`
	MaxWait   time.Duration `yaml:"max_wait" desc:"How long a request may wait while the limit is reached. What would wait for longer is rejected at once, and so is what comes while four times max wait. A short wait takes up bursts of arrivals. While more than a quarter of the requests is rejected, the overload is no burst, and the wait is at most an eighth of this time; one request may always wait. 0: none waits." max:"10s" example:"50ms"`
}

func (a *AdaptiveLimit) fillFrom(all AdaptiveLimit) {
	fill(&a.Enabled, all.Enabled)
	fill(&a.Measure, all.Measure)
	fill(&a.Min, all.Min)
	fill(&a.Max, all.Max)
	fill(&a.Initial, all.Initial)
	fill(&a.Tolerance, all.Tolerance)
	fill(&a.MaxWait, all.MaxWait)
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
	fill(&c.ConsecutiveTimeouts, all.ConsecutiveTimeouts)
	fill(&c.Rest, all.Rest)
}

// CORS configures cross-origin resource sharing (Fetch Standard, section 3.3).
type CORS struct {
	AllowOrigins     []string      `yaml:"allow_origins" desc:"Origins whose pages may call the router: https://shop.example, https://*.shop.example for all subdomains, http://localhost:* for every port including the default, or * for every origin without credentials." example:"https://shop.example"`
	MatchOrigins     []string      `yaml:"match_origins" desc:"Patterns (RE2) of further origins. A pattern matches the whole origin, without regard to case." format:"pattern" empty:"no" example:"https://pr-[0-9]+\\.preview\\.example"`
	AllowCredentials bool          `yaml:"allow_credentials" desc:"Allow pages of these origins to send cookies."`
	AllowMethods     []string      `yaml:"allow_methods" desc:"HTTP methods that pages may use. If empty, all methods of the endpoint." format:"method" empty:"no" example:"POST"`
	AllowHeaders     []string      `yaml:"allow_headers" desc:"Request headers that pages may send. If empty, all are allowed." example:"Content-Type"`
	ExposeHeaders    []string      `yaml:"expose_headers" desc:"Response headers that pages may read."`
	MaxAge           time.Duration `yaml:"max_age" desc:"How long browsers may cache the response to a preflight request."`
	Policies         []CORSPolicy  `yaml:"policies" desc:"Other settings for some origins. The first policy with the page's origin applies, otherwise the settings of cors."`
}

// A CORSPolicy has the settings for some origins. Settings that are missing are those of
// CORS.
type CORSPolicy struct {
	AllowOrigins     []string      `yaml:"allow_origins" desc:"Origins, as in cors.allow_origins." example:"https://partner.example"`
	MatchOrigins     []string      `yaml:"match_origins" desc:"Patterns of further origins, as in cors.match_origins." format:"pattern" empty:"no" example:"https://pr-[0-9]+\\.preview\\.example"`
	AllowCredentials *bool         `yaml:"allow_credentials" desc:"Allow pages of these origins to send cookies."`
	AllowMethods     []string      `yaml:"allow_methods" desc:"HTTP methods that pages may use." format:"method" empty:"no" example:"POST"`
	AllowHeaders     []string      `yaml:"allow_headers" desc:"Request headers that pages may send; * means all." example:"Content-Type"`
	ExposeHeaders    []string      `yaml:"expose_headers" desc:"Response headers that pages may read." example:"ETag"`
	MaxAge           time.Duration `yaml:"max_age" desc:"How long browsers may cache the response to a preflight request."`
}

// CSRF configures protection against requests that a browser sends without a
// CORS preflight.
type CSRF struct {
	Enabled         bool     `yaml:"enabled" desc:"Reject requests that a page of another site can send without a CORS preflight. Requests pass if Sec-Fetch-Site or Origin identifies the router's own origin or an origin in cors.allow_origins."`
	RequiredHeaders []string `yaml:"required_headers" desc:"A request with any of these headers is accepted: another site cannot set them without a preflight." format:"header"`
}

// HTTP configures the GraphQL over HTTP protocol.
type HTTP struct {
	PartialSuccessStatus bool     `yaml:"partial_success_status" desc:"Use status 294 instead of 200 for responses with both data and errors. It applies to clients that accept application/graphql-response+json."`
	SubgraphAuthStatus   bool     `yaml:"subgraph_auth_status" desc:"Respond with status 401 or 403 if a subgraph does and none sends data. Otherwise such a response has status 200, as any with errors. headers.all.return can return WWW-Authenticate of the subgraph. Responses in parts, streams, batches and REST are not affected."`
	QueryMethod          bool     `yaml:"query_method" desc:"Accept queries by the HTTP method QUERY (RFC 10008)."`
	Batching             Batching `yaml:"batching" desc:"Several GraphQL requests in one HTTP request, as a JSON array."`
	Server               string   `yaml:"server" desc:"HTTP/1.1 server of the public port: direct (built into the router, faster, on Linux) or standard (Go's net/http). TLS, HTTP/2, upgrades, chunked requests and all else that is not an ordinary request always use standard. When the router stops, standard closes connections older than 5 seconds at once if the headers of their first request have not arrived." enum:"direct,standard"`
	HTTP2                bool     `yaml:"http2" desc:"Accept HTTP/2 in addition to HTTP/1.1: negotiated by TLS, or with prior knowledge (h2c) on a port without TLS."`
	HTTP2Streams         int      `yaml:"http2_max_concurrent_streams" desc:"Maximum number of concurrent requests on one HTTP/2 connection."`
	Compression          bool     `yaml:"compression" desc:"Compress responses with br, gzip or zstd. The router prefers them in this order unless the client prefers another."`
	CompressionMinBytes  int      `yaml:"compression_min_bytes" desc:"Minimum size of a response to compress."`
}

// DirectServer is the value of http.server for the server that is built into the router.
const DirectServer = "direct"

// RequestExtensions configures which extensions of clients subgraphs get.
type RequestExtensions struct {
	All       []string            `yaml:"all" desc:"Names that all subgraphs get. Requests whose values differ share neither executions nor entries of the entity cache, and no subscription." empty:"no" example:"tenant"`
	Subgraphs map[string][]string `yaml:"subgraphs" desc:"Further names for single subgraphs, by subgraph name." empty:"no" example:"tenant"`
	MaxBytes  int                 `yaml:"max_bytes" desc:"Maximum size of the values of a request that subgraphs get, together. A request with larger ones is rejected with status 413." min:"1"`
}

// Of returns the names that a subgraph gets, sorted.
func (r RequestExtensions) Of(subgraph string) []string {
	names := slices.Concat(r.All, r.Subgraphs[subgraph])
	slices.Sort(names)
	return slices.Compact(names)
}

// Any returns the names that any subgraph gets, sorted.
func (r RequestExtensions) Any() []string {
	names := slices.Clone(r.All)
	for _, more := range r.Subgraphs {
		names = append(names, more...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// check adds names that have a meaning between the router and one of its sides.
func (r RequestExtensions) check(add addFunc) {
	check := func(key string, names []string) {
		for i, name := range names {
			at := fmt.Sprintf("%s[%d]", key, i)
			add(name == "persistedQuery" || name == "subscription", at, fmt.Sprintf("%s: the extension %s cannot be forwarded, because it has a meaning of its own between the router and a client or subgraph", at, name))
		}
	}
	check("request_extensions.all", r.All)
	for name, names := range r.Subgraphs {
		check("request_extensions.subgraphs."+name, names)
	}
}

// FileUploads configures GraphQL multipart requests. They are disabled by default.
type FileUploads struct {
	Enabled       bool          `yaml:"enabled" desc:"Accept requests with files, and forward the files to the subgraph that needs them. The router does not store them: it holds 64 KiB of each request. Keep csrf.enabled: other sites can send such requests without a CORS preflight."`
	MaxFiles      int           `yaml:"max_files" desc:"Maximum number of files in a request." min:"1"`
	MaxFileBytes  int           `yaml:"max_file_bytes" desc:"Maximum size of a file." min:"1"`
	MaxTotalBytes int           `yaml:"max_total_bytes" desc:"Maximum size of all files of a request. limits.http_max_request_bytes bounds the operation and its variables." min:"1"`
	Scalars       []string      `yaml:"scalars" desc:"Scalar types whose values can be files. A file for a variable of another type, such as String, is refused." example:"Upload"`
	Timeout       time.Duration `yaml:"timeout" desc:"How long a request with files may take to arrive, in place of limits.http_body_timeout. The timeouts of traffic_shaping begin after it." min:"1s"`
}

// check adds what uploads lack.
func (f FileUploads) check(add addFunc) {
	add(f.Enabled && len(f.Scalars) == 0, "file_uploads.scalars", "file_uploads.scalars is empty, so that no variable could take a file; name a scalar, such as Upload", "file_uploads.enabled")
}

// Batching configures batches of requests. It is disabled by default.
type Batching struct {
	Enabled bool `yaml:"enabled" desc:"Accept batches."`
	MaxSize int  `yaml:"max_size" desc:"Maximum number of requests in a batch."`
}

// PersistedDocuments configures documents that clients identify by hash.
type PersistedDocuments struct {
	Automatic        bool          `yaml:"automatic" desc:"Let clients register documents (automatic persisted queries, APQ)."`
	Redis            Redis         `yaml:"redis" desc:"Redis that lets several routers share the documents that clients register, if not the one in redis. In front of it, each router has those in memory (caches.persisted_documents_bytes)."`
	TTL              time.Duration `yaml:"ttl" desc:"How long a registered document stays in Redis after its last use." min:"1s"`
	MaxDocumentBytes int           `yaml:"max_document_bytes" desc:"Maximum size of a document that is kept in Redis. Larger ones stay in the memory of a router."`
	Path             string        `yaml:"path" desc:"Trusted documents: a manifest of Apollo, a JSON object that maps IDs to documents, as Relay writes it, or a directory with such files and with .graphql files, whose IDs are their SHA-256." example:"documents.json"`
	Remote           Remote        `yaml:"remote" desc:"A file with trusted documents that is kept elsewhere: at a URL, in an OCI registry or in a bucket of S3. It replaces path."`
	HotReload        bool          `yaml:"hot_reload" desc:"Reload the trusted documents when they change."`
	PollInterval     time.Duration `yaml:"poll_interval" desc:"How often the router checks path for changes." min:"10ms"`
	Require          bool          `yaml:"require" desc:"Reject documents that are not trusted. A document with another layout, with comments, or with its definitions in another order is the same. If false, other documents are executed, too."`
	RequireID        bool          `yaml:"require_id" desc:"Reject trusted documents that are sent as a text without their ID. It needs require."`
	LogUnknown       bool          `yaml:"log_unknown" desc:"Log documents that are not trusted, each once, with the name of the client. Set it without require to find what clients still use."`
}

// Subscriptions configures client subscriptions and the streams from subgraphs.
type Subscriptions struct {
	Enabled           bool                      `yaml:"enabled" desc:"Accept subscriptions over server-sent events, multipart HTTP and WebSocket."`
	MaxConnections    int                       `yaml:"max_connections" desc:"Maximum number of open streams and WebSockets. 0 means no limit."`
	InitTimeout       time.Duration             `yaml:"init_timeout" desc:"How long a WebSocket client may take to send connection_init." min:"1ms"`
	InitHeaders       []string                  `yaml:"init_headers" desc:"Headers that the payload of connection_init may set. Others are ignored." format:"header"`
	InitOverrides     bool                      `yaml:"init_overrides_handshake" desc:"Let the payload of connection_init replace headers that the WebSocket handshake already sent."`
	SingleConnection  SingleConnection          `yaml:"single_connection" desc:"Single connection mode of GraphQL over server-sent events: several operations share one stream."`
	Heartbeat         time.Duration             `yaml:"heartbeat" desc:"Interval of keep-alive messages on a connection without other messages." min:"1ms"`
	ReloadJitter      time.Duration             `yaml:"reload_jitter" desc:"Subscriptions that are not valid for a new supergraph end at random times within this period."`
	DrainPeriod       time.Duration             `yaml:"drain_period" desc:"How long open streams continue when the router stops or its configuration changes. They end at random times in the second half of this period, and clients reconnect."`
	Deduplicate       bool                      `yaml:"deduplicate" desc:"Let identical subscriptions of callers with the same identity, and the same values of headers that go to subgraphs, share one subscription to the subgraph."`
	QueueEvents       int                       `yaml:"queue_events" desc:"Maximum number of events that wait for one client of a shared subscription, or for one subscription to events of a message broker."`
	QueueBytes        int                       `yaml:"queue_bytes" desc:"Maximum total size of the events that wait for one client."`
	SlowClientTimeout time.Duration             `yaml:"slow_client_timeout" desc:"Total time that the other clients of a shared subscription wait for a client whose queue is full. After that the router drops the slow client."`
	Callback          SubscriptionCallback      `yaml:"callback" desc:"Apollo's HTTP callback protocol, for subgraphs with the protocol callback: they send each event as a POST request to the router."`
	All               SubgraphStream            `yaml:"all" desc:"Streams from all subgraphs."`
	Subgraphs         map[string]SubgraphStream `yaml:"subgraphs" desc:"Overrides for single subgraphs, by subgraph name. Missing values are taken from all."`
}

// SingleConnection configures the single connection mode of GraphQL over
// server-sent events.
type SingleConnection struct {
	Enabled         bool          `yaml:"enabled" desc:"Accept stream reservations (PUT requests)."`
	MaxReservations int           `yaml:"max_reservations" desc:"Maximum number of reservations, including open streams. The router rejects further reservations with status 503."`
	Timeout         time.Duration `yaml:"timeout" desc:"How long a reservation is valid before the client opens its stream."`
}

// SubscriptionCallback configures the receiving end of Apollo's HTTP callback protocol.
type SubscriptionCallback struct {
	PublicURL        string        `yaml:"public_url" desc:"URL at which subgraphs reach path of this very router: each replica needs its own, because it knows only its own subscriptions. Required if a subgraph has the protocol callback." format:"http" example:"http://10.0.0.7:4000/callback"`
	Listen           string        `yaml:"listen" desc:"Address of a port of their own for callbacks: host:port, or unix:PATH for a Unix socket. If empty, the public port serves them." format:"address" example:"0.0.0.0:4001"`
	Path             string        `yaml:"path" desc:"Path of callbacks. The ID of a subscription follows it." format:"path" empty:"no"`
	Heartbeat        time.Duration `yaml:"heartbeat_interval" desc:"Interval in which subgraphs send a message at least. After three intervals without one, the subscription is lost, and opened again as resume says. It is 100ms or more. 0s disables it: then the router does not notice that a subgraph has stopped."`
	MaxMessageBytes  int           `yaml:"max_message_bytes" desc:"Maximum size of a message, before and after decompression." min:"1"`
	MaxSubscriptions int           `yaml:"max_subscriptions" desc:"Maximum number of open subscriptions by HTTP callback. 0 means no limit."`
}

// UsesCallback reports whether a subscription of any subgraph uses the HTTP callback protocol.
func (s Subscriptions) UsesCallback() bool {
	for _, one := range s.Subgraphs {
		if one.Protocol == callbackProtocol {
			return true
		}
	}
	return s.All.Protocol == callbackProtocol
}

const callbackProtocol = "callback"

// check adds what the HTTP callback protocol lacks.
func (s Subscriptions) check(add addFunc) {
	add(s.UsesCallback() && s.Callback.PublicURL == "", "subscriptions.callback.public_url",
		"subscriptions.callback.public_url is empty, but a subgraph has the protocol callback; set it to the URL at which subgraphs reach this router, such as http://10.0.0.7:4000/callback",
		"subscriptions.all.protocol", "subscriptions.subgraphs")
	add(s.Callback.Heartbeat > 0 && s.Callback.Heartbeat < minHeartbeat, "subscriptions.callback.heartbeat_interval",
		fmt.Sprintf("subscriptions.callback.heartbeat_interval is %v; it must be %v or more, or 0s for none", s.Callback.Heartbeat, minHeartbeat))
}

// minHeartbeat is the least interval in which subgraphs send messages: with a shorter one, a delay on
// the network looks like the end of a subgraph.
const minHeartbeat = 100 * time.Millisecond

// SubgraphStream configures how the router opens and reopens streams from a
// subgraph.
type SubgraphStream struct {
	Protocol        string        `yaml:"protocol" desc:"Protocol: ws (graphql-transport-ws), sse (GraphQL over server-sent events) or callback (Apollo's HTTP callback protocol; see subscriptions.callback)." enum:"ws,sse,callback"`
	URL             string        `yaml:"url" desc:"URL of the stream, if it differs from the URL of the subgraph. Only for single subgraphs." format:"stream"`
	ConnectTimeout  time.Duration `yaml:"connect_timeout" desc:"How long the subgraph may take to accept a stream."`
	ConnectAttempts int           `yaml:"connect_attempts" desc:"Number of attempts to open a stream before the client receives an error."`
	Resume          *bool         `yaml:"resume" desc:"Reopen a stream when its connection breaks. Events that the subgraph sends in the meantime are lost. A stream that the subgraph completes is not reopened."`
	MaxReconnects   int           `yaml:"max_reconnects" desc:"Maximum number of consecutive attempts to reopen a broken stream. The count restarts when a stream has lasted for max_interval, and for 10 seconds."`
	Interval        time.Duration `yaml:"interval" desc:"Delay before the next attempt. Each further attempt doubles it, with jitter." min:"100ms"`
	MaxInterval     time.Duration `yaml:"max_interval" desc:"Maximum delay between two attempts." min:"100ms"`
	PingInterval    time.Duration `yaml:"ping_interval" desc:"Interval of pings on a WebSocket that receives no messages. The connection counts as lost if no reply arrives within one interval." min:"100ms"`
	ReplayLatest    *bool         `yaml:"replay_latest" desc:"Send the latest event to clients that join a shared subscription. This suits subgraphs whose streams begin with the current state. Disable it if each event is independent."`
}

// Of returns the settings for one subgraph. Settings that the subgraph does not
// override come from All.
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

// Caches bounds the memory of the router's caches, in bytes.
type Caches struct {
	Documents int `yaml:"documents_bytes" desc:"Memory for parsed documents and their operations. 0 disables the cache."`
	Templates int `yaml:"templates_bytes" desc:"Memory for what operations that differ only in literals have in common. They share one plan, and subgraphs get the literals as variables. 0 turns that off."`
	Plans     int `yaml:"plans_bytes" desc:"Memory for query plans. 0 disables the cache."`
	Persisted int `yaml:"persisted_documents_bytes" desc:"Memory for documents that clients register (APQ). 0 disables the cache."`
	WarmUp    int `yaml:"warm_up" desc:"Number of documents, most used first, to plan for a new supergraph before it goes into service, in at most 10 s. The others are planned when they are used."`
}

// QueryPlanner configures how query plans are made.
type QueryPlanner struct {
	CompleteSearch bool `yaml:"complete_search" desc:"Search for the best plan of an operation to the end before its first request is executed. By default, a search that takes longer than some hundred microseconds ends early, with a plan that may need more requests, and is completed in the background when the operation is used again."`
	WeighLatency   bool `yaml:"weigh_latency" desc:"Merge requests to a subgraph by what it costs. A merged request waits for the slowest of its inputs. With this, the router measures how long each subgraph takes, and divides such a request if a response would otherwise take longer than its slowest chain of requests, by more than 5 % and more than 10 ms. It also merges requests if no response becomes so late. The number of requests to a subgraph then changes with the latencies. By default, requests are merged unless a chain of requests becomes longer."`
}

// IncludeErrors configures whether clients see the error messages of subgraphs.
type IncludeErrors struct {
	All       bool            `yaml:"all" desc:"Default for all subgraphs."`
	Subgraphs map[string]bool `yaml:"subgraphs" desc:"Overrides for single subgraphs, by subgraph name."`
}
