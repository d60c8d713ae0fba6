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
	"strconv"
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
	if by := cmp.Or(s.PrivateBy, all.PrivateBy); by != "" {
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

// An invalidation is an element of a request to the invalidation API: a [cache.Invalidation], or
// one in the form of Apollo Router, which has a kind, and the only subgraph apart.
type invalidation struct {
	cache.Invalidation
	Kind     string `json:"kind"`
	Subgraph string `json:"subgraph"`
}

// check returns what is wrong.
func (i *invalidation) check() string {
	if i.Subgraph != "" {
		i.Subgraphs = append(i.Subgraphs, i.Subgraph)
	}
	switch {
	case i.Kind != "" && i.Kind != "type" && i.Kind != "cache_tag":
		return "The kind " + strconv.Quote(i.Kind) + " is not supported; use type or cache_tag."
	case (i.Type == "") == (i.CacheTag == ""):
		return "Each invalidation needs either a type or a cache_tag."
	case i.CacheTag != "" && len(i.Keys) > 0:
		return "An invalidation by cache_tag has no keys; put the key into the cache tag."
	}
	return ""
}

// invalidate serves the invalidation API. The request body is a JSON array of invalidations.
func (r *Router) invalidate(w http.ResponseWriter, req *http.Request) {
	var list []invalidation
	decoder := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxInvalidations))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		http.Error(w, `The body must be a JSON array such as [{"type":"Product","keys":["1"]}]: `+err.Error(), http.StatusBadRequest)
		return
	}
	for i := range list {
		if wrong := list[i].check(); wrong != "" {
			http.Error(w, wrong, http.StatusUnprocessableEntity)
			return
		}
	}
	var err error
	for _, i := range list {
		if i.CacheTag != "" {
			err = errors.Join(err, r.cache.InvalidateTag(req.Context(), i.CacheTag, i.Subgraphs...))
			continue
		}
		err = errors.Join(err, r.cache.Invalidate(req.Context(), i.Type, i.Keys...))
	}
	if err != nil {
		r.options.Telemetry.Logger.ErrorContext(req.Context(), "invalidating the response cache failed", "error", err)
		http.Error(w, "The entries could not be invalidated in Redis. Send the request again.", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
