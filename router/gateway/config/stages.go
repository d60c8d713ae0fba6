package config

import "time"

// Authentication says how callers are known.
type Authentication struct {
	JWT JWT `yaml:"jwt" desc:"Bearer tokens (RFC 7519)."`
}

// JWT says whose tokens are trusted.
type JWT struct {
	JWKS       []JWKS        `yaml:"jwks" desc:"Key sets; a token is good if a key of one of them signed it."`
	Header     string        `yaml:"header" desc:"The header tokens come in." format:"header" empty:"no"`
	Scheme     string        `yaml:"scheme" desc:"The word before the token."`
	Algorithms []string      `yaml:"algorithms" desc:"Signature algorithms that are accepted (RFC 7518, RFC 8037)." enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,Ed25519"`
	Leeway     time.Duration `yaml:"leeway" desc:"How far clocks may be apart."`
	Required   bool          `yaml:"required" desc:"Refuse requests without a token. Otherwise they, and those with credentials of another scheme such as Basic, are anonymous; a token that is not valid is always refused."`
}

// JWKS is one key set (RFC 7517).
type JWKS struct {
	URL       string        `yaml:"url" desc:"Where it is." format:"jwks"`
	Refresh   time.Duration `yaml:"refresh" desc:"How often it is read again."`
	Issuer    string        `yaml:"issuer" desc:"The iss claim its tokens must have."`
	Audiences []string      `yaml:"audiences" desc:"Of which the aud claim must name one."`
}

// Authorization is about @authenticated, @requiresScopes and @policy.
type Authorization struct {
	Enabled            bool `yaml:"enabled" desc:"Heed the directives."`
	RejectUnauthorized bool `yaml:"reject_unauthorized" desc:"Refuse an operation that has a field the caller may not see, instead of answering null for it."`
}

// ClientAddress says how the address of a client behind proxies is known.
type ClientAddress struct {
	TrustedProxies []string `yaml:"trusted_proxies" desc:"Networks, such as 10.0.0.0/8, or addresses of the proxies in front of the router. They are believed about the client's address; any other peer is the client."`
	Header         string   `yaml:"header" desc:"The header in which those proxies append the address of their peer. No other is read, since proxies hand on what the client sent in it." enum:"X-Forwarded-For,Forwarded"`
}

// RateLimit counts operations of each caller.
type RateLimit struct {
	Enabled  bool          `yaml:"enabled" desc:"Whether operations are counted: each over HTTP, in a batch, by REST and on a socket. A subscription counts once."`
	Requests int           `yaml:"requests" desc:"Operations in an interval."`
	Interval time.Duration `yaml:"interval" desc:"The interval."`
	By       string        `yaml:"by" desc:"What tells callers apart: their address (see client_address; of IPv6, the first 64 bits), the subject of their token, or a header. Without a subject or the header it is the address." enum:"ip,subject,header"`
	Header   string        `yaml:"header" desc:"The header, for header." format:"header"`
	Redis    Redis         `yaml:"redis" desc:"Where routers count together; each counts for itself without it and while it is away."`
	RedisURL string        `yaml:"redis_url" desc:"Short for redis.url."`
}

// DemandControl estimates what an operation costs before it is run.
type DemandControl struct {
	Enabled  bool    `yaml:"enabled" desc:"Whether costs are estimated."`
	Max      float64 `yaml:"max" desc:"The highest cost that is run."`
	ListSize int     `yaml:"list_size" desc:"The length assumed of lists without @listSize."`
	Measure  bool    `yaml:"measure" desc:"Only measure; refuse nothing."`
}

// ResponseCache keeps what subgraphs answered.
type ResponseCache struct {
	Enabled      bool              `yaml:"enabled" desc:"Whether it is used."`
	Redis        Redis             `yaml:"redis" desc:"Where it is kept."`
	Subgraph     SubgraphCaches    `yaml:"subgraph" desc:"What is kept."`
	Invalidation CacheInvalidation `yaml:"invalidation" desc:"How it is taken back."`
	LocalBytes   int               `yaml:"local_bytes" desc:"Size of what is kept in the process, before Redis; -1 for nothing." min:"-1"`
}

// SubgraphCaches has settings for all and for single subgraphs.
type SubgraphCaches struct {
	All       SubgraphCache            `yaml:"all" desc:"For all subgraphs."`
	Subgraphs map[string]SubgraphCache `yaml:"subgraphs" desc:"For single ones."`
}

// SubgraphCache says what of a subgraph is kept.
type SubgraphCache struct {
	Enabled *bool         `yaml:"enabled" desc:"Whether anything is."`
	TTL     time.Duration `yaml:"ttl" desc:"How long, if the subgraph does not say." min:"1ms"`
	Types   []string      `yaml:"types" desc:"Entity types that are kept."`
	Root    []string      `yaml:"root" desc:"Fields of Query that are kept; a request is, if all its fields are named."`
	Private bool          `yaml:"private" desc:"Keep answers apart by caller, even if @cacheControl does not say so."`
	Vary    []string      `yaml:"vary" desc:"Client headers that answers depend on in any case." format:"header"`

	Shared      bool     `yaml:"shared" desc:"Answers are the same for all callers, although the subgraph is sent client headers (headers.*.propagate). Otherwise an answer is given only to requests with equal headers, unless the subgraph says public or s-maxage in Cache-Control."`
	SharedTypes []string `yaml:"shared_types" desc:"Those of types that are shared, if not all are."`
	SharedRoot  []string `yaml:"shared_root" desc:"Those of root that are shared, if not all are."`
}

// Idempotency says how the responses of REST requests with an Idempotency-Key
// are kept.
type Idempotency struct {
	Secret           string        `yaml:"secret" desc:"Key of the HMAC by which Redis sees callers and requests, the same for all routers. Without one the first router makes it and all share it by Redis."`
	TTL              time.Duration `yaml:"ttl" desc:"How long a response is kept for a repeated request."`
	Lease            time.Duration `yaml:"lease" desc:"How long a key stays taken when the router that answers its request is killed."`
	MaxResponseBytes int           `yaml:"max_response_bytes" desc:"Largest response that is kept. A repeated request with a larger one is refused with 409 and not carried out again."`
	MaxBytes         int           `yaml:"max_bytes" desc:"Size of all responses in Redis; the oldest make room for others."`
}

// CacheInvalidation says how entries are taken back.
type CacheInvalidation struct {
	Stream string              `yaml:"stream" desc:"A Redis stream of CloudEvents that tell of changes."`
	Events map[string][]string `yaml:"events" desc:"The entity types each type of event is about: those whose key is its subject. Type, or Type.key if the key is not id."`
	Token  string              `yaml:"token" desc:"Shared secret for the invalidation API on the admin port; none without it."`
}

// Telemetry is beside the standard OTEL_ environment variables.
type Telemetry struct {
	ServiceName string `yaml:"service_name" desc:"service.name of traces and metrics." empty:"no"`
	Traces      bool   `yaml:"traces" desc:"Send traces by OTLP, as the OTEL_ environment variables say."`
	Document    bool   `yaml:"document" desc:"Put the text of operations into traces, with the values of arguments taken out."`
	Metrics     bool   `yaml:"metrics" desc:"Serve Prometheus metrics at /metrics."`
}
