package router

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
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
		Timeout:    connection.Timeout,
		LocalBytes: int64(c.LocalBytes),
		Compare:    c.Compare,
		RefillWait: c.RefillWait,

		Mutations:       c.Invalidation.Mutations.Enabled,
		MutationsExcept: c.Invalidation.Mutations.Except,

		Subgraphs: map[string]cache.Subgraph{},
		Events:    map[string][]cache.Entity{},
		Invalidated: func(i cache.Invalidated) {
			one := record.Invalidation{Time: time.Now(), Type: i.Type, Reason: i.Reason, Count: len(i.Keys)}
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
	if options.Redis, err = connection.Options(options.Dependency.WatchCertificates); err != nil {
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
	fromClaims := len(c.Headers.All.SetFromClaims)+len(c.Headers.Subgraphs[name].SetFromClaims) > 0
	out := cache.Subgraph{Types: map[string]cache.Rule{}, Root: map[string]cache.Rule{}, Propagated: sent.Names}
	rule := cache.Rule{
		TTL:     cmp.Or(s.TTL, all.TTL),
		Private: s.Private || all.Private,
		Shared:  s.Shared || all.Shared,
		Vary:    slices.Concat(all.Vary, s.Vary),

		StaleIfError:         durationOf(s.StaleIfError, all.StaleIfError),
		StaleWhileRevalidate: durationOf(s.StaleWhileRevalidate, all.StaleWhileRevalidate),
		NegativeTTL:          durationOf(s.NegativeTTL, all.NegativeTTL),
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
		separate(list.rules, len(sent.Patterns) > 0, fromClaims)
	}
	return out, nil
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

// bearer rejects requests without the secret as bearer token. It compares in constant time.
func bearer(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "Missing or wrong invalidation token. Send Authorization: Bearer <token>.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const maxInvalidations = 1 << 20 // maximum size of a request body, in bytes

// invalidate serves the invalidation API. The request body is a JSON array of
// [cache.Invalidation].
func (r *Router) invalidate(w http.ResponseWriter, req *http.Request) {
	var list []cache.Invalidation
	decoder := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxInvalidations))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		http.Error(w, `The body must be a JSON array such as [{"type":"Product","keys":["1"]}]: `+err.Error(), http.StatusBadRequest)
		return
	}
	if slices.ContainsFunc(list, func(i cache.Invalidation) bool { return i.Type == "" }) {
		http.Error(w, "Each invalidation needs a type.", http.StatusUnprocessableEntity)
		return
	}
	var err error
	for _, i := range list {
		err = errors.Join(err, r.cache.Invalidate(req.Context(), i.Type, i.Keys...))
	}
	if err != nil {
		r.options.Telemetry.Logger.ErrorContext(req.Context(), "invalidating the response cache failed", "error", err)
		http.Error(w, "The entries could not be invalidated in Redis. Send the request again.", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
