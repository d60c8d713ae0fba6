package config

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Authentication configures how the router authenticates callers.
type Authentication struct {
	JWT JWT `yaml:"jwt" desc:"Bearer tokens (RFC 7519)."`
}

// JWT configures the verification of JSON Web Tokens.
type JWT struct {
	JWKS       []JWKS        `yaml:"jwks" desc:"JSON Web Key Sets. A token is valid if a key in one of them verifies its signature."`
	Header     string        `yaml:"header" desc:"Request header that carries the token." format:"header" empty:"no"`
	Scheme     string        `yaml:"scheme" desc:"Authentication scheme that precedes the token in the header."`
	Sources    []TokenSource `yaml:"sources" desc:"Further places of the token, in order, for requests without one in header."`
	Algorithms []string      `yaml:"algorithms" desc:"Accepted signature algorithms (RFC 7518, RFC 8037)." enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,Ed25519"`
	Leeway     time.Duration `yaml:"leeway" desc:"Allowed clock skew when the router checks exp and nbf."`
	Required   bool          `yaml:"required" desc:"Reject requests without a token. If false, requests without a token, or with another scheme such as Basic, are anonymous. Invalid tokens are always rejected."`
	// LastGoodKeys outlive the process.
	LastGoodKeys LastGoodKeys `yaml:"last_good_keys" desc:"Copy of the last good key sets, so that a router that starts while an issuer is unavailable can verify tokens, for up to a day. Whoever can write the copy can sign tokens."`
}

// LastGoodKeys configures where copies of the key sets are kept.
type LastGoodKeys struct {
	Directory string `yaml:"directory" desc:"Directory for a file for each key set. If empty, secret decides." example:"/var/lib/souk/keys"`
	Secret    string `yaml:"secret" desc:"HMAC key that protects the copies in the Redis of response_cache, or the one in redis, at least 16 characters. All routers need the same key. If empty, and directory is too, there are no copies." secret:"yes"`
}

// TokenSource is a place where requests carry tokens: a header or a cookie.
type TokenSource struct {
	Header string `yaml:"header" desc:"Request header that carries the token." format:"header" example:"X-Access-Token"`
	Scheme string `yaml:"scheme" desc:"Authentication scheme that precedes the token in the header. If empty, the value of the header is the token."`
	Cookie string `yaml:"cookie" desc:"Cookie that carries the token, instead of a header. Browsers send cookies with requests that other sites cause: keep csrf.enabled." example:"access_token"`
}

// Headers returns the headers that may carry a token, in canonical form: Cookie for cookies.
func (j JWT) Headers() []string {
	names := []string{http.CanonicalHeaderKey(j.Header)}
	for _, s := range j.Sources {
		names = append(names, http.CanonicalHeaderKey(cmp.Or(s.Header, "Cookie")))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// JWKS configures one JSON Web Key Set (RFC 7517).
type JWKS struct {
	URL        string            `yaml:"url" desc:"URL of the key set." format:"jwks"`
	File       string            `yaml:"file" desc:"File with the key set, in place of url. The router reads it again within a second of a change, before it verifies the next token. A token that it has verified before stays accepted for up to a minute, as with a URL. If a changed file cannot be read, the last good keys stay in use." example:"keys.json" alternative:"url"`
	Refresh    time.Duration     `yaml:"refresh" desc:"Age at which the router fetches the key set again, once a token needs it. 0 is 10 minutes. A withdrawn key is accepted for this time and 10 seconds more, and longer only while the issuer does not respond. A token that was verified before stays accepted for up to a minute more, or this time if it is shorter."`
	Headers    map[string]string `yaml:"headers" desc:"Headers of the requests for the key set, such as credentials. A redirect to another host is then an error." secret:"yes"`
	TLS        ClientTLS         `yaml:"tls" desc:"TLS for an https URL."`
	Issuer     string            `yaml:"issuer" desc:"Required value of the iss claim." example:"https://issuer.example/"`
	Issuers    []string          `yaml:"issuers" desc:"Further accepted values of the iss claim." example:"https://old-issuer.example/"`
	Algorithms []string          `yaml:"algorithms" desc:"Accepted signature algorithms of tokens by keys of this set. By default, those of authentication.jwt.algorithms." enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,Ed25519"`
	Audiences  []string          `yaml:"audiences" desc:"Accepted audiences. The aud claim must contain one of them." example:"shop"`
}

// Authorization configures the enforcement of @authenticated, @requiresScopes
// and @policy.
type Authorization struct {
	Enabled            bool `yaml:"enabled" desc:"Enforce the directives."`
	RejectUnauthorized bool `yaml:"reject_unauthorized" desc:"Reject an operation that selects a field the caller may not access. If false, the field is null."`

	PolicyCache PolicyCache `yaml:"policy_cache" desc:"Decisions on @policy that the coprocessor (coprocessor.policies) or an evaluator in Go has made. They are kept by caller, that is, by the claims of the token, and policy: keep it off if decisions depend on anything else, such as headers."`
}

// PolicyCache configures the cache of decisions on @policy.
type PolicyCache struct {
	Enabled  bool          `yaml:"enabled" desc:"Keep decisions. The coprocessor is not called at supergraph.request for an operation on whose policies it has decided, if that stage has context and nothing else, and nothing else can read what it sets there: no set_from_context, no context at a later stage, no hook in Go, no label of @override in the supergraph."`
	TTL      time.Duration `yaml:"ttl" desc:"How long a decision is used. A change of it takes effect after this time." min:"1ms"`
	MaxBytes int           `yaml:"max_bytes" desc:"Maximum memory of the cache." min:"1"`
}

// ClientAddress configures how the router determines the address of a client
// behind proxies.
type ClientAddress struct {
	TrustedProxies []string `yaml:"trusted_proxies" desc:"Addresses or networks, such as 10.0.0.0/8, of the proxies in front of the router, and unix for those that connect to a Unix socket. The router trusts only these to report a client address. Any other peer is itself the client." example:"10.0.0.0/8"`
	Header         string   `yaml:"header" desc:"Header to which the proxies append the address of their peer. The router reads no other, because proxies forward other headers unchanged from the client." enum:"X-Forwarded-For,Forwarded"`
	SubgraphHeader string   `yaml:"subgraph_header" desc:"Header in which subgraphs receive the client address with mutations, such as Souk-Client-Address. Queries do not carry it, so that clients can share responses. The router replaces a header of this name in requests of clients. By default, subgraphs do not learn the address." format:"header"`
}

// RateLimit limits the operations of each caller.
type RateLimit struct {
	Enabled  bool          `yaml:"enabled" desc:"Enforce the rate limit. HTTP requests, members of a batch, REST calls and WebSocket operations each count. A subscription counts once."`
	Requests int           `yaml:"requests" desc:"Number of operations of a caller allowed in each interval. 0 means that only policies apply."`
	Interval time.Duration `yaml:"interval" desc:"Length of an interval."`
	By       string        `yaml:"by" desc:"What identifies a caller: the client address (see client_address; the /64 prefix for IPv6), the subject of the token, or a header. If the subject or header is missing, the client address applies." enum:"ip,subject,header"`
	Header   string        `yaml:"header" desc:"Header that identifies a caller, if by is header." format:"header"`
	Redis    Redis         `yaml:"redis" desc:"Redis that lets several routers share their counts, if not the one in redis. Without both, or while it is unavailable, each router counts on its own."`
	RedisURL string        `yaml:"redis_url" desc:"Short form of redis.url." example:"redis://localhost:6379"`
	Policies []RatePolicy  `yaml:"policies" desc:"Further limits. An operation must pass all of them."`
	Mode     string        `yaml:"mode" desc:"What happens to operations beyond a limit: enforce rejects them; log executes them, and counts them in souk_router_limits_exceeded_total. Clients then get no headers about the limit." enum:"enforce,log"`
}

// Logs reports whether operations beyond a policy are executed.
func (r RateLimit) Logs(p RatePolicy) bool { return cmp.Or(p.Mode, r.Mode) == LogLimits }

// A RatePolicy is a limit on the operations of a caller, or on what they cost.
type RatePolicy struct {
	Name     string        `yaml:"name" desc:"Name in the headers RateLimit and RateLimit-Policy, and in Redis." format:"name" example:"tenant"`
	Requests int           `yaml:"requests" desc:"Number of operations allowed in each interval, or their total cost." min:"1"`
	Interval time.Duration `yaml:"interval" desc:"Length of an interval." min:"1ms"`
	By       string        `yaml:"by" desc:"What identifies a caller, as in rate_limit.by, or: claim, a claim of the token; client, the name in GraphQL-Client-Name or apollographql-client-name; all, which counts all callers together." enum:"ip,subject,header,claim,client,all"`
	Header   string        `yaml:"header" desc:"Header that identifies a caller, if by is header." format:"header"`
	Claim    string        `yaml:"claim" desc:"Claim that identifies a caller, if by is claim." example:"tenant"`
	Count    string        `yaml:"count" desc:"What counts: requests, or the estimated cost of operations (see demand_control), rounded up. Costs are counted after the document is validated." enum:"requests,cost"`
	Mode     string        `yaml:"mode" desc:"Mode of this policy, in place of rate_limit.mode." enum:"enforce,log"`
}

// DemandControl limits the estimated cost of an operation.
type DemandControl struct {
	Enabled  bool          `yaml:"enabled" desc:"Estimate the cost of each operation before it runs, and compute that of its response."`
	Max      float64       `yaml:"max" desc:"Maximum estimated cost of an operation. 0 means no limit."`
	ListSize int           `yaml:"list_size" desc:"Assumed length of lists without @listSize."`
	Measure  bool          `yaml:"measure" desc:"Estimate and record costs, but reject no operation. Those that would be rejected are counted in souk_router_limits_exceeded_total."`
	Expose   bool          `yaml:"expose" desc:"Show clients the estimated, actual and maximum cost of an operation, also for each subgraph, in the extensions cost of the response. REST responses have the header Souk-Cost."`
	Subgraph SubgraphCosts `yaml:"subgraph" desc:"Budgets of subgraphs: how much the requests of one operation to a subgraph may cost."`

	Clients map[string]ClientCost `yaml:"clients" desc:"Maximum costs of single clients in place of max, by the name that a client states in GraphQL-Client-Name or apollographql-client-name. The router does not verify names; see limits.clients."`
}

// ClientCost is what the operations of a client may cost.
type ClientCost struct {
	Max float64 `yaml:"max" desc:"Maximum estimated cost of an operation. 0 means no limit." example:"50000"`
}

// MaxOf returns what an operation of a client may cost; 0 means no limit.
func (d DemandControl) MaxOf(client string) float64 {
	if own, ok := d.Clients[client]; ok {
		return own.Max
	}
	return d.Max
}

// SubgraphCosts limit the estimated costs of requests to subgraphs.
type SubgraphCosts struct {
	Measure   bool                    `yaml:"measure" desc:"Reject no operation because of the budget of a subgraph, but count it in souk_router_limits_exceeded_total."`
	All       SubgraphCost            `yaml:"all" desc:"Budget of each subgraph."`
	Subgraphs map[string]SubgraphCost `yaml:"subgraphs" desc:"Overrides for single subgraphs, by subgraph name. Missing values are taken from all."`
}

// A SubgraphCost is the budget of a subgraph.
type SubgraphCost struct {
	Max      float64 `yaml:"max" desc:"Maximum estimated cost of the requests to the subgraph. It is checked after planning. Requests for entities cost as much as all entities that the lists above them may have. 0 means no limit." example:"500"`
	ListSize int     `yaml:"list_size" desc:"Assumed length of lists without @listSize in these requests, if it differs from demand_control.list_size."`
}

// Of returns the budget of a subgraph.
func (s SubgraphCosts) Of(subgraph string) SubgraphCost {
	out := s.Subgraphs[subgraph]
	fill(&out.Max, s.All.Max)
	fill(&out.ListSize, s.All.ListSize)
	return out
}

// limits reports whether any subgraph has a budget.
func (s SubgraphCosts) limits() bool {
	for _, b := range s.Subgraphs {
		if b.Max > 0 {
			return true
		}
	}
	return s.All.Max > 0
}

// check adds an error if demand control has no effect.
func (d DemandControl) check(add addFunc) {
	limited := d.Max > 0 || d.Subgraph.limits()
	for _, own := range d.Clients {
		limited = limited || own.Max > 0
	}
	add(len(d.Clients) > maxLimitedClients, "demand_control.clients", fmt.Sprintf("demand_control.clients has %d clients; at most %d can have a maximum of their own", len(d.Clients), maxLimitedClients))
	add(d.Enabled && !limited && !d.Measure && !d.Expose, "demand_control.max",
		"demand_control.max is 0, and no subgraph or client has a limit: nothing is limited; set it to 1 or more, demand_control.measure to true, or demand_control.enabled to false", "demand_control.enabled", "demand_control.subgraph", "demand_control.clients", "demand_control.measure", "demand_control.expose")
}

// ResponseCache configures the cache of subgraph responses.
type ResponseCache struct {
	Enabled      bool              `yaml:"enabled" desc:"Use the response cache."`
	Redis        Redis             `yaml:"redis" desc:"Redis that stores the entries, if not the one in redis."`
	Subgraph     SubgraphCaches    `yaml:"subgraph" desc:"What the router caches from which subgraph."`
	Invalidation CacheInvalidation `yaml:"invalidation" desc:"How entries are invalidated."`
	RefillWait   time.Duration     `yaml:"refill_wait" desc:"How long a request waits at most for an entry that another request or router fetches, before it asks the subgraph itself. 0s disables it: then each router asks the subgraph for an entry that is missing or expired. It costs two more Redis commands for each request to a subgraph, and needs the commands EVAL and MULTI." min:"0s"`
	LocalBytes   int               `yaml:"local_bytes" desc:"Size of the in-memory cache in front of Redis. -1 disables it." min:"-1"`
	MarkStale    bool              `yaml:"mark_stale" desc:"Mark responses that contain expired entries (stale_if_error, stale_while_revalidate) with extensions.stale: the number of these entries, and the age of the oldest one in seconds. Age and Cache-Control show them in any case."`
	Compare      float64           `yaml:"compare" desc:"Fraction of the requests to subgraphs that the router sends although it found their entries in Redis, to count how many entries differ from the subgraph's response. All entries of such a request are compared. Clients get the fetched response, so that these requests fail while the subgraph does. 0.01 compares one request in a hundred. Entries of the in-memory cache are not compared." max:"1"`
}

// MarksStale reports whether a response may need the mark of mark_stale.
func (r ResponseCache) MarksStale() bool {
	uses := func(s SubgraphCache) bool {
		return s.StaleIfError != nil && *s.StaleIfError > 0 || s.StaleWhileRevalidate != nil && *s.StaleWhileRevalidate > 0
	}
	if !r.Enabled || !r.MarkStale {
		return false
	}
	for _, s := range r.Subgraph.Subgraphs {
		if uses(s) {
			return true
		}
	}
	return uses(r.Subgraph.All)
}

// SubgraphCaches configures caching for all subgraphs and for single ones.
type SubgraphCaches struct {
	All       SubgraphCache            `yaml:"all" desc:"Settings for all subgraphs."`
	Subgraphs map[string]SubgraphCache `yaml:"subgraphs" desc:"Settings for single subgraphs, by subgraph name."`
}

// PrivateTo returns the claim or the value of the request context to which private entries of a
// subgraph belong. Both are empty if it is the subject of the token.
func (c SubgraphCaches) PrivateTo(subgraph string) (claim, context string) {
	s := c.Subgraphs[subgraph]
	if s.PrivateBy == "" && s.PrivateByContext == "" {
		s = c.All
	}
	if s.PrivateByContext != "" {
		return "", s.PrivateByContext
	}
	return s.PrivateBy, ""
}

// ByClaims reports whether private entries of any subgraph belong to a claim.
func (c SubgraphCaches) ByClaims() bool {
	return c.any(func(s SubgraphCache) bool { return s.PrivateBy != "" })
}

// ByContext reports whether private entries of any subgraph belong to a value of the request context.
func (c SubgraphCaches) ByContext() bool {
	return c.any(func(s SubgraphCache) bool { return s.PrivateByContext != "" })
}

func (c SubgraphCaches) any(fits func(SubgraphCache) bool) bool {
	for _, s := range c.Subgraphs {
		if fits(s) {
			return true
		}
	}
	return fits(c.All)
}

// ContextOf returns the names of the values in the request context on which the responses of some
// subgraphs depend, sorted: those in headers, and those to which private entries of the cache belong.
func (c *Config) ContextOf(subgraphs ...string) []string {
	values := c.Headers.ContextOf(subgraphs...)
	if !c.ResponseCache.Enabled {
		return values
	}
	for _, name := range subgraphs {
		if _, value := c.ResponseCache.Subgraph.PrivateTo(name); value != "" {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// SubgraphCache configures what the router caches from a subgraph.
type SubgraphCache struct {
	Enabled *bool         `yaml:"enabled" default:"true" desc:"Cache responses of the subgraph."`
	TTL     time.Duration `yaml:"ttl" desc:"How long entries stay valid if the subgraph sends no Cache-Control header." min:"1ms"`

	StaleIfError         *time.Duration `yaml:"stale_if_error" default:"0s" desc:"How long an expired entry may be used while the subgraph cannot be reached, times out, responds with status 5xx or has an open circuit breaker. 0s disables it."`
	StaleWhileRevalidate *time.Duration `yaml:"stale_while_revalidate" default:"0s" desc:"How long an expired entry may be used while the router fetches it again in the background. 0s disables it."`
	NegativeTTL          *time.Duration `yaml:"negative_ttl" default:"0s" desc:"How long the router remembers that an entity does not exist, that is, that the subgraph responds with null and without an error. 0s disables it."`

	Types        []string `yaml:"types" only:"subgraph" desc:"Entity types to cache." example:"Product"`
	Root         []string `yaml:"root" only:"subgraph" desc:"Fields of Query to cache. A response is cached if all root fields of the request are listed." example:"products"`
	ResponseTags *bool    `yaml:"response_tags" default:"false" desc:"Use the cache tags that the subgraph states in the extensions of its responses: apolloCacheTags, a list, for root fields, and apolloEntityCacheTags, a list of lists, for entities. Cache tags of @cacheTag are used in any case."`

	Private          bool     `yaml:"private" desc:"Cache separately for each caller, even if @cacheControl does not declare private scope."`
	PrivateBy        string   `yaml:"private_by" desc:"Claim of the token whose value private entries belong to, or its path, such as realm.tenant; if empty, they belong to the subject. Callers with equal claims and the same issuer share them. Responses for callers without the claim are not cached. Claims in headers for the subgraph (set_from_claims) and propagated client headers still keep entries apart. Use no claim that callers can set themselves." example:"tenant_id"`
	PrivateByContext string   `yaml:"private_by_context" desc:"Value of the request context, which hooks and the coprocessor set, that private entries belong to. It takes the place of private_by. Responses for requests without it are not cached. Propagated client headers still keep entries apart." example:"user_id"`
	Vary             []string `yaml:"vary" desc:"Client headers that responses depend on, whether or not the subgraph names them in Vary." format:"header"`

	Shared      bool     `yaml:"shared" desc:"Responses are the same for all callers, even though the subgraph receives client headers (headers.*.propagate). If false, a cached response serves only requests with the same headers, unless the subgraph sends public or s-maxage in Cache-Control."`
	SharedTypes []string `yaml:"shared_types" only:"subgraph" desc:"Entity types in types whose responses are shared, if not all are." example:"Product"`
	SharedRoot  []string `yaml:"shared_root" only:"subgraph" desc:"Fields in root whose responses are shared, if not all are." example:"products"`
}

// Idempotency configures how the router stores responses to REST requests with an
// Idempotency-Key header.
type Idempotency struct {
	Secret           string        `yaml:"secret" desc:"HMAC key that hides callers and requests from Redis. All routers need the same key. If empty, the first router generates one and stores it in Redis." secret:"yes"`
	TTL              time.Duration `yaml:"ttl" desc:"How long a response stays available to repeated requests."`
	Lease            time.Duration `yaml:"lease" desc:"How long a key stays locked if the router that processes its request crashes."`
	MaxResponseBytes int           `yaml:"max_response_bytes" desc:"Maximum size of a stored response. If the response was larger, the router rejects a repeated request with status 409 and does not execute it again."`
	MaxBytes         int           `yaml:"max_bytes" desc:"Maximum total size of stored responses in Redis. The oldest are evicted first."`
}

// CacheInvalidation configures how cache entries are invalidated.
type CacheInvalidation struct {
	Stream    string              `yaml:"stream" desc:"Redis stream of CloudEvents that announce changes: its whole name, to which key_prefix is not added." example:"events"`
	Events    map[string][]string `yaml:"events" desc:"Maps event types to the entity types they invalidate. The subject of the event is the key of the entity. Use Type, or Type.key if the key field is not id." example:"Product"`
	EventTags map[string][]string `yaml:"event_tags" desc:"Maps event types to the cache tags they invalidate. {subject} stands for the subject of the event." example:"product-{subject}"`
	Mutations CacheMutations      `yaml:"mutations" desc:"Entities that mutations invalidate."`
	Token     string              `yaml:"token" desc:"Shared secret of the invalidation API on the admin port. If empty, the API is disabled." secret:"yes"`
}

// CacheMutations configures which entities in responses to mutations are invalidated.
type CacheMutations struct {
	Enabled bool     `yaml:"enabled" desc:"Invalidate the entities in the response of a subgraph to a mutation, before the client gets it. They are identified by their type and their key, which the mutation must select. Those that are reached through another entity, such as the products of an order, stay."`
	Except  []string `yaml:"except" desc:"Entity types that mutations do not invalidate, such as those that mutations return but do not change." example:"Product"`
}
