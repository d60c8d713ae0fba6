package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"souk/jwks"
	"souk/router/auth"
	"souk/router/dependency"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/internal/clientaddr"
	"souk/router/internal/panics"
	"souk/router/internal/tlsfile"
	"souk/router/operation"
	"souk/router/supergraph"
	routertelemetry "souk/router/telemetry"
)

// addCallers adds authentication, authorization, the rate limit and the cost limit to the
// gateway's options.
func (r *Router) addCallers(to *gateway.Options) error {
	byClaims := r.config.ResponseCache.Enabled && r.config.ResponseCache.Subgraph.ByClaims()
	byContext := r.config.ResponseCache.Enabled && r.config.ResponseCache.Subgraph.ByContext()
	to.Caller = func(req *http.Request) execute.Caller {
		caller := auth.From(req.Context())
		out := execute.Caller{Scope: caller.Scope(), Header: req.Header}
		if byClaims {
			out.ScopeBy = caller.ScopeBy
		}
		if byContext {
			out.Context = func(name string) string { return contextText(req.Context(), name) }
		}
		return out
	}
	to.Lifetime = r.lifetime
	var err error
	if r.addresses, err = clientaddr.New(r.config.ClientAddress.TrustedProxies, r.config.ClientAddress.Header); err != nil {
		return fmt.Errorf("client_address: %w", err)
	}
	if err := r.addAuthentication(to); err != nil {
		return err
	}
	if err := r.addRateLimit(to); err != nil {
		return err
	}
	if c := r.config.Authorization; c.Enabled {
		to.Authorize, to.Protects = r.authorizer, auth.Protects
	}
	if r.config.DemandControl.Enabled || len(r.costRates) > 0 {
		to.Demand = r.estimator
	}
	if len(r.costRates) > 0 {
		to.Spend = r.spend
	}
	return nil
}

func (r *Router) addAuthentication(to *gateway.Options) error {
	tokens, err := r.tokens()
	if err != nil {
		return err
	}
	custom := r.options.Authenticator
	switch {
	case custom != nil:
		to.Middleware = append(to.Middleware, func(next http.Handler) http.Handler { return r.authenticate(custom, tokens, next) })
	case tokens != nil:
		to.Middleware = append(to.Middleware, tokens)
	default:
		return nil
	}
	to.Admission = append(to.Admission, r.expired)
	return nil
}

// authenticate calls the program's authenticator. If that finds no credentials, the access
// token is verified instead.
func (r *Router) authenticate(custom Authenticator, tokens func(http.Handler) http.Handler, next http.Handler) http.Handler {
	if tokens == nil {
		tokens = r.anonymous
	}
	otherwise := tokens(next)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, err := custom.Authenticate(req)
		var refused *auth.TokenError
		switch {
		case errors.As(err, &refused):
			r.metrics.Authentication("refused").Inc()
			w.Header().Set("WWW-Authenticate", auth.Challenge(cmp.Or(refused.Scheme, r.config.Authentication.JWT.Scheme), refused.Challenge))
			r.reject(w, req, http.StatusUnauthorized, auth.CodeUnauthenticated, refused.Message)
		case err != nil && req.Context().Err() != nil: // says nothing about the authenticator
			w.WriteHeader(auth.StatusClientClosed)
		case err != nil:
			r.metrics.Authentication("unavailable").Inc()
			r.options.Telemetry.Logger.ErrorContext(req.Context(), "authentication failed", "error", err)
			w.Header().Set("Retry-After", "1")
			r.reject(w, req, http.StatusServiceUnavailable, auth.CodeUnavailable, "Credentials cannot be verified at the moment. Try again in 1 s.")
		case caller == nil:
			otherwise.ServeHTTP(w, req)
		default:
			r.metrics.Authentication("ok").Inc()
			next.ServeHTTP(w, req.WithContext(auth.With(req.Context(), caller)))
		}
	})
}

// anonymous is the middleware in place of tokens if no key set is configured.
func (r *Router) anonymous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.metrics.Authentication("anonymous").Inc()
		next.ServeHTTP(w, req)
	})
}

// expired rejects an operation on a connection whose caller's token has expired since the
// connection was opened.
func (r *Router) expired(req *http.Request, _ http.Header) *gateway.Refusal {
	c := r.config.Authentication.JWT
	caller := auth.From(req.Context())
	if !caller.Expired(time.Now(), c.Leeway) {
		return nil
	}
	return r.refuse(req, http.StatusUnauthorized, auth.CodeUnauthenticated, "Invalid access token: it has expired (exp).",
		http.Header{"Www-Authenticate": {auth.Challenge(c.Scheme, auth.ChallengeInvalidToken)}})
}

// tokens returns the middleware that verifies access tokens, or nil if no key set is
// configured.
func (r *Router) tokens() (func(http.Handler) http.Handler, error) {
	c := r.config.Authentication.JWT
	if len(c.JWKS) == 0 {
		return nil, nil
	}
	options := auth.Options{
		Header: c.Header, Scheme: c.Scheme, Leeway: c.Leeway, Required: c.Required, Algorithms: c.Algorithms,
		Metrics: r.metrics, Logger: r.options.Telemetry.Logger,
	}
	keys := map[string]*dependency.Dependency{} // by URL or path
	for _, s := range c.Sources {
		options.Places = append(options.Places, auth.Place(s))
	}
	for _, s := range c.JWKS {
		source, err := r.keySource(s)
		if err != nil {
			return nil, err
		}
		options.Sources = append(options.Sources, source)
		place := cmp.Or(s.URL, s.File)
		keys[place] = r.dependencies.Open(dependency.JWKS, keySetName(s), dependency.Use{Effect: withoutKeys})
		r.closers = append(r.closers, func() error { keys[place].Close(); return nil })
	}
	options.Report = func(ctx context.Context, place string, err error) { keys[place].Observe(ctx, err) }
	var err error
	if options.Storage, err = r.keyStorage(); err != nil {
		return nil, err
	}
	a, err := auth.New(options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		a.KeepKeys(ctx)
	}()
	r.closers = append(r.closers, func() error {
		cancel()
		<-kept
		return nil
	})
	return a.Middleware(r.reject), nil
}

// keyStorage returns where key sets are kept across restarts, or nil if nowhere.
func (r *Router) keyStorage() (func(url string) jwks.Storage, error) {
	c := r.config.Authentication.JWT.LastGoodKeys
	if c.Directory != "" {
		return func(url string) jwks.Storage { return jwks.File(c.Directory, url) }, nil
	}
	if c.Secret == "" {
		return nil, nil
	}
	shared := r.config.CacheRedis()
	client, err := r.redis("last_good_keys", withoutKeyStorage, shared, max(idempotencyTimeout, shared.Timeout))
	if err != nil {
		return nil, redisError("response_cache.redis", err)
	}
	if client == nil {
		return nil, errors.New("authentication.jwt.last_good_keys.secret needs a Redis in response_cache.redis or redis; configure one, or use authentication.jwt.last_good_keys.directory")
	}
	return func(url string) jwks.Storage { return jwks.Redis(client, shared.KeyPrefix, c.Secret, url) }, nil
}

// lifetime returns a context that is canceled when the request's token expires. It allows
// the same leeway as the verification of the token. Otherwise a token within the leeway
// could open a WebSocket whose operations end at once.
func (r *Router) lifetime(req *http.Request) (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(req.Context())
	caller := auth.From(ctx)
	if caller == nil || caller.Expires.IsZero() {
		return ctx, func() {} // never canceled, and costs nothing
	}
	return context.WithDeadline(ctx, caller.Expires.Add(r.config.Authentication.JWT.Leeway))
}

// keySource returns the source of tokens with a key set.
func (r *Router) keySource(s config.JWKS) (auth.Source, error) {
	out := auth.Source{URL: s.URL, File: s.File, Header: config.HeaderOf(s.Headers), Refresh: s.Refresh, Issuers: s.Issuers, Audiences: s.Audiences, Algorithms: s.Algorithms}
	if s.Issuer != "" {
		out.Issuers = append([]string{s.Issuer}, s.Issuers...)
	}
	if s.File != "" {
		if err := jwks.CheckFile(s.File); err != nil {
			return out, fmt.Errorf("key set: %w", err)
		}
		return out, nil
	}
	name := keySetName(s)
	secure, err := s.TLS.Source(tlsfile.Options{Changed: tlsChanged(context.Background(), r.options.Telemetry.Logger.With("key_set", name))})
	if err != nil {
		return out, fmt.Errorf("TLS for the key set of %s: %w", name, err)
	}
	if s.TLS != (config.ClientTLS{}) {
		// Key sets are fetched rarely: each fetch opens a connection.
		out.Client = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: secure.Config(), DialTLSContext: secure.Dial,
		}}
	}
	return out, nil
}

// keySetName returns the name of a key set for readiness and metrics: its issuer or, if it
// has none, its host and path, or its file.
func keySetName(s config.JWKS) string {
	if s.Issuer != "" {
		return s.Issuer
	}
	if s.File != "" {
		return s.File
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "unnamed"
	}
	return u.Host + u.Path
}

// reject writes the response to a request with a missing or invalid token.
func (r *Router) reject(w http.ResponseWriter, req *http.Request, status int, code, message string) {
	r.metrics.Ended(routertelemetry.NewBlame().Outcome([]string{code}, true)).Inc()
	gateway.Reject(w, req, r.refuse(req, status, code, message, nil))
}

// refuse returns the refusal of a request. It logs at debug level only, because clients can
// cause any number of refusals.
func (r *Router) refuse(req *http.Request, status int, code, message string, header http.Header) *gateway.Refusal {
	r.options.Telemetry.Logger.DebugContext(req.Context(), "request rejected",
		"client", r.addresses.Of(req), "code", code, "reason", message)
	return &gateway.Refusal{Status: status, Header: header, Err: &operation.Error{Message: message, Code: code}}
}

// withClientAddress adds the client address to the request's span, and to its header if
// subgraphs are to receive it.
func (r *Router) withClientAddress(next http.Handler) http.Handler {
	name := r.config.ClientAddress.SubgraphHeader
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if name != "" {
			req.Header.Del(name) // the client's own
			if address := r.addresses.Of(req); address.IsValid() {
				req.Header.Set(name, address.String())
			}
		}
		if span := trace.SpanFromContext(req.Context()); span.IsRecording() {
			if address := r.addresses.Of(req); address.IsValid() {
				span.SetAttributes(semconv.ClientAddress(address.String()))
			}
		}
		next.ServeHTTP(w, req)
	})
}

// authorizer returns the authorizer for the supergraph's @authenticated, @requiresScopes and
// @policy directives.
func (r *Router) authorizer(m *supergraph.Model) gateway.Authorizer {
	return &authorizer{policy: auth.NewPolicy(m, r.policies), router: r}
}

// An authorizer is the gateway.Authorizer of one supergraph.
type authorizer struct {
	policy *auth.Policy
	router *Router
}

// Requirements implements gateway.Authorizer.
func (a *authorizer) Requirements(op *operation.Operation) auth.Requirements {
	return a.policy.Requirements(op)
}

// Authorize implements gateway.Authorizer.
func (a *authorizer) Authorize(ctx context.Context, op *operation.Operation) (*operation.Operation, error) {
	r := a.router
	filtered, denied, err := a.policy.Filter(ctx, op, auth.From(ctx))
	if err != nil {
		if panicked := (*panics.Error)(nil); errors.As(err, &panicked) {
			return nil, err // the gateway logs it
		}
		r.options.Telemetry.Logger.ErrorContext(ctx, "authorization failed", "error", err)
		return nil, &gateway.Refusal{
			Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}},
			Err: &operation.Error{Message: "Authorization policies cannot be evaluated at the moment. Try again in 1 s.", Code: auth.CodeAuthorizationUnavailable},
		}
	}
	if len(denied) == 0 {
		return filtered, nil
	}
	r.metrics.DeniedFields.Add(float64(len(denied)))
	if r.config.Authorization.RejectUnauthorized {
		return nil, r.deny(auth.From(ctx), denied[0])
	}
	return filtered, nil
}

// deny returns the refusal of an operation that selects a denied field. The challenge tells
// an authenticated caller that it needs a token with more scopes (RFC 6750, section 3.1),
// and an anonymous one that it needs a token.
func (r *Router) deny(caller *auth.Caller, denied auth.Denied) *gateway.Refusal {
	status, challenge := http.StatusForbidden, auth.ChallengeInsufficientScope
	message := "The operation selects a protected field. " + denied.Message
	if caller == nil {
		status, challenge = http.StatusUnauthorized, ""
		message += " " + r.missingToken()
	}
	return &gateway.Refusal{
		Status: status,
		Header: http.Header{"Www-Authenticate": {auth.Challenge(r.config.Authentication.JWT.Scheme, challenge)}},
		Err: &operation.Error{
			Message: message, Code: auth.CodeUnauthorized,
		},
	}
}
