package router

import (
	"context"
	"net/http"

	"souk/router/auth"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
)

// addCallers puts what knows callers, what they may see and how often they
// may ask, before the graph.
func (r *Router) addCallers(to *gateway.Options) error {
	to.Caller = func(req *http.Request) execute.Caller {
		return execute.Caller{Scope: auth.From(req.Context()).Scope(), Header: req.Header}
	}
	to.Lifetime = lifetime
	if err := r.addAuthentication(to); err != nil {
		return err
	}
	if err := r.addRateLimit(to); err != nil {
		return err
	}
	if c := r.config.Authorization; c.Enabled {
		to.Authorize, to.Protects = r.authorizer, auth.Protects
	}
	if r.config.DemandControl.Enabled {
		to.Admit = r.admitter
	}
	return nil
}

func (r *Router) addAuthentication(to *gateway.Options) error {
	c := r.config.Authentication.JWT
	if len(c.JWKS) == 0 {
		return nil
	}
	options := auth.Options{
		Header: c.Header, Scheme: c.Scheme, Leeway: c.Leeway, Required: c.Required, Algorithms: c.Algorithms,
		Metrics: r.metrics, Logger: r.options.Telemetry.Logger,
	}
	for _, s := range c.JWKS {
		options.Sources = append(options.Sources, auth.Source(s))
	}
	a, err := auth.New(options)
	if err != nil {
		return err
	}
	to.Middleware = append(to.Middleware, a.Middleware(reject))
	to.Admission = append(to.Admission, func(req *http.Request, _ http.Header) *gateway.Refusal {
		if !a.Expired(auth.From(req.Context())) {
			return nil
		}
		return &gateway.Refusal{Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {a.Challenge(auth.ChallengeInvalidToken)}},
			Err: &operation.Error{Message: "The access token has expired.", Code: auth.CodeUnauthenticated}}
	})
	return nil
}

// lifetime ends when a request's token expires, without the leeway that clocks
// are given when the token is checked.
func lifetime(req *http.Request) (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(req.Context())
	caller := auth.From(ctx)
	if caller == nil || caller.Expires.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, caller.Expires)
}

func (r *Router) addRateLimit(to *gateway.Options) error {
	c := r.config.RateLimit
	if !c.Enabled {
		return nil
	}
	client, err := r.redis(c.RedisURL)
	if err != nil {
		return err
	}
	options := limit.RateOptions{Requests: c.Requests, Interval: c.Interval, Metrics: r.metrics}
	if client != nil {
		options.Redis = client
	}
	rate, err := limit.NewRate(options)
	if err != nil {
		return err
	}
	key := callerKey(c)
	to.Admission = append(to.Admission, func(req *http.Request, header http.Header) *gateway.Refusal {
		d := rate.Allow(req.Context(), key(req))
		rate.Describe(header, d)
		if d.Allowed {
			return nil
		}
		message, retryAfter := rate.Refusal(d)
		return &gateway.Refusal{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {retryAfter}},
			Err: &operation.Error{Message: message, Code: limit.CodeRateLimited}}
	})
	return nil
}

// reject answers a request whose token is refused.
func reject(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	gateway.Reject(w, r, &gateway.Refusal{Status: status, Err: &operation.Error{Message: message, Code: code}})
}

func callerKey(c config.RateLimit) func(*http.Request) string {
	switch c.By {
	case "subject":
		return limit.BySubject
	case "header":
		return limit.ByHeader(c.Header)
	}
	return limit.ByAddress
}

// authorizer decides by the supergraph's @authenticated, @requiresScopes and
// @policy; a policy holds if the token's claim "policies" names it.
func (r *Router) authorizer(m *supergraph.Model) gateway.Authorizer {
	policy := auth.NewPolicy(m, nil)
	return func(ctx context.Context, op *operation.Operation) (*operation.Operation, error) {
		filtered, denied := policy.Filter(ctx, op, auth.From(ctx))
		if len(denied) == 0 {
			return filtered, nil
		}
		r.metrics.DeniedFields.Add(float64(len(denied)))
		if r.config.Authorization.RejectUnauthorized {
			return nil, &gateway.Refusal{Status: http.StatusForbidden, Err: &operation.Error{
				Message: "The operation asks for what the caller may not have: " + denied[0].Message, Code: auth.CodeUnauthorized,
			}}
		}
		return filtered, nil
	}
}

// admitter refuses operations that cost too much.
func (r *Router) admitter(m *supergraph.Model) gateway.Admitter {
	c := r.config.DemandControl
	estimator := limit.NewEstimator(m, limit.CostOptions{Max: c.Max, ListSize: c.ListSize, Measure: c.Measure, Metrics: r.metrics})
	return func(_ context.Context, _ *http.Request, _ http.Header, op *operation.Operation, vars operation.Variables) error {
		_, err := estimator.Check(op, vars)
		return err
	}
}
