package config

import (
	"fmt"
	"strconv"
	"time"
)

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Version:    "1",
		Listen:     "127.0.0.1:4000",
		TLS:        serverTLS(),
		Path:       "/graphql",
		Supergraph: Supergraph{File: "supergraph.graphql", HotReload: true, PollInterval: time.Second, Remote: remoteSource("application/apollo.schema", 32<<20)},
		Admin:      Admin{Listen: "127.0.0.1:9090", TLS: serverTLS(), Console: Console{Sample: 0.01}},
		Health:     Health{Enabled: true, LivenessPaths: []string{"/health", "/healthz"}, ReadinessPaths: []string{"/readiness", "/readyz"}, Details: true},
		Playground: Playground{Path: "/playground"},
		Log:        Log{Level: "info", Format: "json"},
		TrafficShaping: TrafficShaping{
			Router: RouterTraffic{Timeout: 30 * time.Second, ShutdownTimeout: 20 * time.Second, StreamResponses: StreamResponses{MinBytes: 64 << 10, After: 10 * time.Millisecond}, AdaptiveLimit: AdaptiveLimit{Min: 10, Max: 2000, Initial: 100, Tolerance: 2}},
			All: SubgraphTraffic{
				Timeout: 10 * time.Second, MaxConnections: 512, MaxIdleConnections: 128, IdleTimeout: 90 * time.Second,
				MaxConnectionAge: 2 * time.Minute, MaxResponseBytes: 64 << 20, HTTPClient: "direct",
				AdaptiveLimit:  AdaptiveLimit{Min: 5, Max: 1000, Initial: 50, Tolerance: 2},
				Retry:          Retry{MaxAttempts: 2, Interval: 50 * time.Millisecond, MaxRetryAfter: 5 * time.Second, Budget: 0.1},
				CircuitBreaker: CircuitBreaker{ErrorThreshold: 0.5, MinRequests: 20, Window: 10 * time.Second, ConsecutiveTimeouts: 5, Rest: 5 * time.Second},
			},
		},
		Headers: Headers{All: HeaderRules{Propagate: []string{"Authorization"}}},
		CORS: CORS{MaxAge: 10 * time.Minute, ExposeHeaders: []string{
			"Age", "Deprecation", "ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Souk-Cost", "Souk-Partial",
			"Sunset", "WWW-Authenticate", "X-Total-Count"}},
		CSRF: CSRF{Enabled: true, RequiredHeaders: []string{
			"GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name"}},
		Limits: Limits{
			MaxBodyBytes: 2 << 20, MaxURLBytes: 8 << 10, MaxHeaderBytes: 32 << 10, HeaderTimeout: 10 * time.Second, BodyTimeout: 10 * time.Second,
			WriteTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxConnections: 4096, ConnectionRate: 500, MaxInFlightBytes: 64 << 20, Mode: "enforce", MaxTokens: 15000, MaxRecursion: 500, MaxDepth: 100,
			MaxAliases: 1000, MaxRootFields: 200, MaxDirectives: 500, MaxFields: 10000, MaxListItems: 10000},
		HTTP:               HTTP{Batching: Batching{MaxSize: 10}, Server: DirectServer, HTTP2: true, HTTP2Streams: 250, Compression: true, CompressionMinBytes: 1024},
		RequestExtensions:  RequestExtensions{MaxBytes: 16 << 10},
		FileUploads:        FileUploads{Scalars: []string{"Upload"}, MaxFiles: 10, MaxFileBytes: 10 << 20, MaxTotalBytes: 20 << 20, Timeout: time.Minute},
		PersistedDocuments: PersistedDocuments{Automatic: true, Redis: Redis{Timeout: 150 * time.Millisecond}, TTL: 24 * time.Hour, MaxDocumentBytes: 64 << 10, HotReload: true, PollInterval: time.Second, Remote: remoteSource("application/json", 32<<20)},
		MCP:                MCP{Path: "/mcp", MaxTools: 500, MaxSessions: 1000, MaxPerClient: 100, SessionTimeout: 30 * time.Minute, MaxResultBytes: 1 << 20},
		Subscriptions:      subscriptions(),
		EventSources: EventSources{
			MaxTopics: 1000, MaxEventBytes: 1 << 20, ConnectTimeout: 5 * time.Second,
			Interval: 500 * time.Millisecond, MaxInterval: 30 * time.Second,
		},
		Introspection:  true,
		Canary:         Canary{Mode: "serve", By: "random", Remote: remoteSource("application/apollo.schema", 32<<20), Shadow: CanaryShadow{Queue: 64, Concurrency: 4, MaxBytes: 256 << 10}},
		Caches:         Caches{Documents: 32 << 20, Templates: 8 << 20, Plans: 32 << 20, Persisted: 8 << 20, WarmUp: 200},
		Redis:          Redis{Timeout: 150 * time.Millisecond},
		ClientAddress:  ClientAddress{Header: "X-Forwarded-For"},
		Authentication: Authentication{JWT: JWT{Header: "Authorization", Scheme: "Bearer", Algorithms: []string{"RS256", "ES256", "EdDSA", "Ed25519"}, Leeway: 30 * time.Second}},
		Authorization:  Authorization{Enabled: true, PolicyCache: PolicyCache{TTL: 30 * time.Second, MaxBytes: 4 << 20}},
		RateLimit:      RateLimit{Requests: 100, Interval: time.Second, By: "ip", Mode: "enforce", Redis: Redis{Timeout: 50 * time.Millisecond}},
		DemandControl:  DemandControl{Max: 10000, ListSize: 10},
		ResponseCache: ResponseCache{
			LocalBytes: 32 << 20,
			MarkStale:  true,
			Redis:      Redis{Timeout: 150 * time.Millisecond},
			Subgraph:   SubgraphCaches{All: SubgraphCache{TTL: time.Minute}},

			Invalidation: CacheInvalidation{Mutations: CacheMutations{Enabled: true}},
		},
		Idempotency: Idempotency{TTL: 24 * time.Hour, Lease: 10 * time.Second, MaxResponseBytes: 64 << 10, MaxBytes: 64 << 20},
		Coprocessor: coprocessor(),
		Telemetry:   telemetry(),

		ExposeQueryPlan: ExposeQueryPlan{Header: "Souk-Expose-Query-Plan"},
	}
}

func serverTLS() ServerTLS { return ServerTLS{ClientCertificates: "required", MinVersion: "1.2"} }

func subscriptions() Subscriptions {
	yes := true
	return Subscriptions{
		Enabled: true, MaxConnections: 2048, InitTimeout: 5 * time.Second, InitHeaders: []string{"Authorization"},
		SingleConnection: SingleConnection{Enabled: true, MaxReservations: 1000, Timeout: 10 * time.Second},
		Heartbeat:        15 * time.Second, ReloadJitter: 5 * time.Second, DrainPeriod: 5 * time.Second,
		Callback:    SubscriptionCallback{Path: "/callback", Heartbeat: 5 * time.Second, MaxMessageBytes: 4 << 20, MaxSubscriptions: 10000},
		Deduplicate: true, QueueEvents: 128, QueueBytes: 4 << 20, SlowClientTimeout: time.Second,
		All: SubgraphStream{
			Protocol: "ws", ConnectTimeout: 5 * time.Second, ConnectAttempts: 2, Resume: &yes, MaxReconnects: 10, ReplayLatest: &yes,
			Interval: 500 * time.Millisecond, MaxInterval: 30 * time.Second, PingInterval: 15 * time.Second,
		},
	}
}

// environment has the environment variables that replace single keys.
var environment = map[string]string{
	"ROUTER_LISTEN":        "listen",
	"ROUTER_ADMIN_LISTEN":  "admin.listen",
	"SUPERGRAPH_FILE_PATH": "supergraph.file",
	"LOG_LEVEL":            "log.level",
	"REDIS_URL":            "response_cache.redis.url",
}

// ApplyEnvironment applies the environment variables that replace single keys:
// ROUTER_LISTEN, ROUTER_ADMIN_LISTEN, SUPERGRAPH_FILE_PATH, LOG_LEVEL, REDIS_URL
// and, if ROUTER_LISTEN is not set, PORT. It fails if PORT is not a port number. It
// records in source, which may be nil, which keys it has set.
func (c *Config) ApplyEnvironment(lookup func(string) (string, bool), source *Source) error {
	targets := map[string]*string{
		"listen": &c.Listen, "admin.listen": &c.Admin.Listen, "supergraph.file": &c.Supergraph.File, "log.level": &c.Log.Level,
		"response_cache.redis.url": &c.ResponseCache.Redis.URL,
	}
	for name, path := range environment {
		if v, ok := lookup(name); ok && v != "" {
			*targets[path] = v
			source.Override(path, "the environment variable "+name)
			if name == "SUPERGRAPH_FILE_PATH" {
				c.Supergraph.Remote.URL = "" // the file replaces it
			}
			if name == "REDIS_URL" {
				c.ResponseCache.Redis.Addresses = nil // the URL replaces them
			}
		}
	}
	if _, given := lookup("ROUTER_LISTEN"); given {
		return nil
	}
	if v, ok := lookup("PORT"); ok && v != "" {
		if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 65535 {
			return fmt.Errorf("the environment variable PORT is %q; it must be a number from 0 to 65535", v)
		}
		c.Listen = ":" + v
		source.Override("listen", "the environment variable PORT")
	}
	return nil
}
