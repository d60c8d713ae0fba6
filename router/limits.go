package router

import (
	"math"
	"net/http"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
)

// A rate is a limit on the requests of callers, or on what they cost.
type rate struct {
	*limit.Rate
	caller func(*http.Request) string
	// logs is set if what exceeds the limit is only counted.
	logs bool
}

// addRateLimit adds the rate limits.
func (r *Router) addRateLimit(to *gateway.Options) error {
	to.Agent = limit.BySubject(r.addresses.Of)
	c := r.config.RateLimit
	if !c.Enabled {
		return nil
	}
	policies := c.Policies
	if c.Requests > 0 {
		own := config.RatePolicy{Name: "default", Requests: c.Requests, Interval: c.Interval, By: c.By, Header: c.Header}
		policies = append([]config.RatePolicy{own}, policies...)
	}
	shared := r.config.RateLimitRedis()
	client, err := r.redis("rate_limit", withoutSharedLimit, shared, shared.Timeout)
	if err != nil {
		return redisError("rate_limit.redis", err)
	}
	for _, p := range policies {
		options := limit.RateOptions{
			Name: p.Name, Requests: p.Requests, Interval: p.Interval, Costs: p.Count == "cost",
			Timeout: shared.Timeout, KeyPrefix: shared.KeyPrefix + r.variantKeys(), Metrics: r.metrics,
		}
		if client != nil {
			options.Redis = client
		}
		made, err := limit.NewRate(options)
		if err != nil {
			return err
		}
		one := rate{made, r.callerKey(p), c.Logs(p)}
		if options.Costs {
			r.costRates = append(r.costRates, one)
			continue
		}
		to.Admission = append(to.Admission, func(req *http.Request, header http.Header) *gateway.Refusal {
			return r.allow(one, req, header, 1)
		})
	}
	return nil
}

// allow counts n requests, or a cost of n. It returns nil if the limit allows them.
func (r *Router) allow(of rate, req *http.Request, header http.Header, n int) *gateway.Refusal {
	if n == 0 {
		return nil
	}
	d := of.Allow(req.Context(), of.caller(req), n)
	if of.logs {
		if !d.Allowed {
			r.metrics.LimitExceeded(limit.CodeRateLimited).Inc()
		}
		return nil
	}
	of.Describe(header, d)
	if d.Allowed {
		return nil
	}
	message, retryAfter := of.Refusal(d)
	refused := http.Header{}
	if retryAfter != "" {
		refused.Set("Retry-After", retryAfter)
	}
	return r.refuse(req, http.StatusTooManyRequests, limit.CodeRateLimited, message, refused)
}

// callerKey returns what identifies the caller of a request.
func (r *Router) callerKey(p config.RatePolicy) func(*http.Request) string {
	address := r.addresses.Of
	switch p.By {
	case "subject":
		return limit.BySubject(address)
	case "header":
		return limit.ByHeader(p.Header, address)
	case "claim":
		return limit.ByClaim(p.Claim, address)
	case "client":
		return limit.ByClient(address)
	case "all":
		return limit.Together
	}
	return limit.ByAddress(address)
}

// estimate returns a function that estimates costs, for the console.
func (r *Router) estimate(m *supergraph.Model) func(*operation.Operation, operation.Variables) (float64, error) {
	return limit.NewEstimator(m, limit.CostOptions{ListSize: r.config.DemandControl.ListSize}).Estimate
}

// estimator returns what estimates the costs of operations, and rejects expensive ones if
// demand control is on.
func (r *Router) estimator(m *supergraph.Model) *limit.Estimator {
	o := costOptions(r.config.DemandControl)
	o.Metrics = r.metrics
	return limit.NewEstimator(m, o)
}

// costOptions returns the limits on costs in a configuration.
func costOptions(c config.DemandControl) limit.CostOptions {
	o := limit.CostOptions{ListSize: c.ListSize, Measure: c.Measure}
	if c.Enabled {
		o.MeasureBudgets = c.Subgraph.Measure
		o.Budget = func(subgraph string) limit.Budget { return limit.Budget(c.Subgraph.Of(subgraph)) }
	}
	return o
}

// spend takes the cost of an operation from the limits of its caller on costs.
func (r *Router) spend(req *http.Request, header http.Header, cost float64) *gateway.Refusal {
	for _, each := range r.costRates {
		if refused := r.allow(each, req, header, tokens(cost)); refused != nil {
			return refused
		}
	}
	return nil
}

// tokens rounds a cost up.
func tokens(cost float64) int { return int(min(math.Ceil(max(cost, 0)), math.MaxInt32)) }
