package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"souk/router/subgraph"
)

// This file has what the parts of the router would refuse when they start, so that the
// configuration is known to be wrong before, with the place.

// checkRate rejects a rate that is too fast to be counted.
func checkRate(add addFunc, at string, requests int, interval time.Duration) {
	add(requests > 0 && interval > 0 && interval/time.Duration(requests) < time.Microsecond, at+".requests",
		fmt.Sprintf("%s.requests is %d in %s; at most a million requests per second can be counted: lower it, or raise %s.interval", at, requests, interval, at), at+".interval")
}

// check rejects a coprocessor that would never be called.
func (c Coprocessor) check(add addFunc) {
	idle := true
	for _, s := range []CoprocessorStage{c.Router.Request, c.Router.Response, c.Supergraph.Request, c.Supergraph.Response, c.Execution.Response} {
		idle = idle && !s.Headers && !s.Body && !s.Context && !s.SDL
	}
	for _, s := range []CoprocessorSubgraphStage{c.Subgraph.All.Request, c.Subgraph.All.Response} {
		idle = idle && !s.Headers && !s.Body && !s.Context
	}
	e := c.Execution.Request
	idle = idle && !e.Headers && !e.Body && !e.Context && !e.SDL && !e.QueryPlan
	add(c.URL != "" && idle, "coprocessor.url",
		"coprocessor.url is set, but no stage is enabled; enable headers, body, context or sdl of a stage, such as coprocessor.router.request.headers",
		"coprocessor.router", "coprocessor.supergraph", "coprocessor.execution", "coprocessor.subgraph")
}

// checkShared rejects types and fields that are shared, but not cached.
func (c *Config) checkShared(add addFunc) {
	for _, name := range slices.Sorted(maps.Keys(c.ResponseCache.Subgraph.Subgraphs)) {
		s := c.ResponseCache.Subgraph.Subgraphs[name]
		for _, list := range []struct {
			key           string
			names, shared []string
		}{{"types", s.Types, s.SharedTypes}, {"root", s.Root, s.SharedRoot}} {
			at := "response_cache.subgraph.subgraphs." + name + "."
			for _, n := range list.shared {
				add(!slices.Contains(list.names, n), at+"shared_"+list.key,
					fmt.Sprintf("%sshared_%s contains %s, which is not in %s; add it there or remove it", at, list.key, n, list.key), at+list.key)
			}
		}
	}
}

// checkTimeoutHeaders rejects headers that cannot carry a timeout.
func (t TrafficShaping) checkTimeoutHeaders(add addFunc) {
	check := func(at, name string) {
		if name != "" {
			err := subgraph.CheckPropagated(name)
			add(err != nil, at+".timeout_header", fmt.Sprintf("%s.timeout_header: %q cannot have the timeout: %v", at, name, err))
		}
	}
	check("traffic_shaping.all", t.All.TimeoutHeader)
	for _, name := range slices.Sorted(maps.Keys(t.Subgraphs)) {
		check("traffic_shaping.subgraphs."+name, t.Subgraphs[name].TimeoutHeader)
	}
}

// checkKeyStorage finds the problem that the environment variable REDIS_URL can resolve.
func (c *Config) checkKeyStorage(source *Source) Errors {
	jwt, key := c.Authentication.JWT, "authentication.jwt.last_good_keys.secret"
	if len(jwt.JWKS) == 0 || jwt.LastGoodKeys.Secret == "" || jwt.LastGoodKeys.Directory != "" || c.CacheRedis().Configured() || source.Unread("redis", "response_cache.redis", key) {
		return nil
	}
	return Errors{source.Problem(key, "%s needs a Redis in response_cache.redis or redis; configure one, or use authentication.jwt.last_good_keys.directory", key)}
}
