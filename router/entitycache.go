package router

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"souk/router/cache"
	"souk/router/console/record"
	"souk/router/dependency"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// addCache adds the entity cache to the gateway's options if it is enabled.
func (r *Router) addCache(to *gateway.Options) error {
	c := r.config.ResponseCache
	if !c.Enabled {
		return nil
	}
	connection := r.config.CacheRedis()
	recorder := r.shared.recorder
	options := cache.Options{
		KeyPrefix:  connection.KeyPrefix,
		Variant:    r.variantKeys(),
		Timeout:    connection.Timeout,
		LocalBytes: int64(c.LocalBytes),
		Compare:    c.Compare,
		RefillWait: c.RefillWait,

		Mutations:       c.Invalidation.Mutations.Enabled,
		MutationsExcept: c.Invalidation.Mutations.Except,

		Subgraphs: map[string]cache.Subgraph{},
		Events:    map[string][]cache.Entity{},
		EventTags: c.Invalidation.EventTags,
		Invalidated: func(i cache.Invalidated) {
			one := record.Invalidation{Time: time.Now(), Type: i.Type, Key: i.CacheTag, Reason: i.Reason, Count: len(i.Keys)}
			if i.Type == "" && i.CacheTag == "" {
				one.Key = "subgraph " + strings.Join(i.Subgraphs, ", ")
			}
			if len(i.Keys) == 1 {
				one.Key = i.Keys[0]
			}
			recorder.Invalidated(one)
		},
		Metrics: r.metrics,
		Logger:  r.options.Telemetry.Logger,
	}
	// For a configuration file, config.Check has reported this with its position.
	if all := c.Subgraph.All; len(all.Types)+len(all.Root)+len(all.SharedTypes)+len(all.SharedRoot) > 0 {
		return errors.New("response_cache.subgraph.all cannot list types or fields; list them for each subgraph under response_cache.subgraph.subgraphs")
	}
	var err error
	for name, s := range c.Subgraph.Subgraphs {
		if enabled := cmp.Or(s.Enabled, c.Subgraph.All.Enabled); enabled != nil && !*enabled {
			continue
		}
		if options.Subgraphs[name], err = kept(name, r.config); err != nil {
			return err
		}
	}
	for event, entities := range c.Invalidation.Events {
		for _, e := range entities {
			options.Events[event] = append(options.Events[event], entityOf(e))
		}
	}
	if c.Invalidation.Stream != "" {
		options.Streams = []string{c.Invalidation.Stream}
	}
	r.dependencies.Hide(connection.Secrets()...)
	r.dependencies.Hide(c.Invalidation.Token)
	if connection.Configured() {
		options.Dependency = r.dependencies.Open(dependency.Redis, "response_cache", dependency.Use{Effect: withoutCache, Settle: cache.Settle})
		r.closers = append(r.closers, func() error { options.Dependency.Close(); return nil })
	}
	if options.Redis, err = config.RedisOptions(connection, options.Dependency.WatchCertificates); err != nil {
		return redisError("response_cache.redis", err)
	}
	if r.cache, err = cache.New(options); err != nil {
		return err
	}
	r.closers = append(r.closers, r.cache.Close)
	// The transport has already checked the names in the configuration.
	to.EntityCache = func(m *supergraph.Model) (execute.EntityCache, error) { return r.cache.LenientView(m), nil }
	return nil
}

// kept returns the cache settings of one subgraph, combined with those for all subgraphs.
func kept(name string, c config.Config) (cache.Subgraph, error) {
	all, s := c.ResponseCache.Subgraph.All, c.ResponseCache.Subgraph.Subgraphs[name]
	sent := c.ClientHeaders(name)
	claims := slices.AppendSeq(slices.Collect(maps.Values(c.Headers.All.SetFromClaims)), maps.Values(c.Headers.Subgraphs[name].SetFromClaims))
	out := cache.Subgraph{Types: map[string]cache.Rule{}, Root: map[string]cache.Rule{}, Propagated: sent.Names, ResponseTags: boolOf(s.ResponseTags, all.ResponseTags)}
	rule := cache.Rule{
		TTL:     cmp.Or(s.TTL, all.TTL),
		Private: s.Private || all.Private,
		Shared:  s.Shared || all.Shared,
		Vary:    slices.Concat(all.Vary, s.Vary),

		StaleIfError:         durationOf(s.StaleIfError, all.StaleIfError),
		StaleWhileRevalidate: durationOf(s.StaleWhileRevalidate, all.StaleWhileRevalidate),
		NegativeTTL:          durationOf(s.NegativeTTL, all.NegativeTTL),
	}
	by, byContext := c.ResponseCache.Subgraph.PrivateTo(name)
	rule.PrivateByContext = byContext
	if by != "" {
		// Responses depend on the claims in headers, and not on the rest of the token.
		slices.Sort(claims)
		rule.PrivateBy = append([]string{by}, slices.Compact(claims)...)
		out.Propagated = c.HeadersBesideClaims(name).Names
	}
	for _, list := range []struct {
		key           string
		names, shared []string
		rules         map[string]cache.Rule
	}{{"types", s.Types, s.SharedTypes, out.Types}, {"root", s.Root, s.SharedRoot, out.Root}} {
		for _, n := range list.names {
			list.rules[n] = rule
		}
		for _, n := range list.shared {
			r, ok := list.rules[n]
			if !ok {
				return out, fmt.Errorf("response_cache.subgraph.subgraphs.%s.shared_%s contains %s, which is not in %s; add it there or remove it", name, list.key, n, list.key)
			}
			r.Shared = true
			list.rules[n] = r
		}
		separate(list.rules, len(sent.Patterns) > 0, len(claims) > 0)
	}
	return out, nil
}

// boolOf returns a setting of a subgraph or, if there is none, that for all subgraphs.
func boolOf(one, all *bool) bool {
	b := cmp.Or(one, all)
	return b != nil && *b
}

// durationOf returns a duration of a subgraph or, if there is none, that for all subgraphs.
func durationOf(one, all *time.Duration) time.Duration {
	if d := cmp.Or(one, all); d != nil {
		return *d
	}
	return 0
}

// separate changes the rules of responses that are not shared. If the subgraph receives any
// headers that match a pattern, which differ between clients, they are not cached. If it receives
// headers made of claims, they are private.
func separate(rules map[string]cache.Rule, patterns, claims bool) {
	maps.DeleteFunc(rules, func(_ string, r cache.Rule) bool { return patterns && !r.Shared })
	for name, r := range rules {
		r.Private = r.Private || claims && !r.Shared
		rules[name] = r
	}
}

// entityOf parses "Type" or "Type.key".
func entityOf(text string) cache.Entity {
	if name, key, ok := strings.Cut(text, "."); ok {
		return cache.Entity{Type: name, Key: key}
	}
	return cache.Entity{Type: text, Key: cache.DefaultKey}
}
