package router

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"souk/router/cache"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// addCache puts the entity cache before the subgraphs, if there is to be one.
func (r *Router) addCache(to *gateway.Options) error {
	c := r.config.ResponseCache
	if !c.Enabled {
		return nil
	}
	options := cache.Options{
		Timeout:    c.Redis.Timeout,
		LocalBytes: int64(c.LocalBytes),
		Subgraphs:  map[string]cache.Subgraph{},
		Events:     map[string][]cache.Entity{},
		Metrics:    r.metrics,
		Logger:     r.options.Telemetry.Logger,
	}
	for name, s := range c.Subgraph.Subgraphs {
		if s.Enabled == nil || *s.Enabled {
			options.Subgraphs[name] = kept(s, c.Subgraph.All)
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
	var err error
	if options.Redis, err = redisOptions(c.Redis.URL); err != nil {
		return err
	}
	if r.cache, err = cache.New(options); err != nil {
		return err
	}
	r.closers = append(r.closers, r.cache.Close)
	to.EntityCache = func(m *supergraph.Model) (execute.EntityCache, error) { return r.cache.View(m) }
	return nil
}

func kept(s, all config.SubgraphCache) cache.Subgraph {
	rule := cache.Rule{TTL: cmp.Or(s.TTL, all.TTL), Private: s.Private, Vary: s.Vary}
	out := cache.Subgraph{Types: map[string]cache.Rule{}, Root: map[string]cache.Rule{}}
	for _, name := range s.Types {
		out.Types[name] = rule
	}
	for _, name := range s.Root {
		out.Root[name] = rule
	}
	return out
}

// entityOf reads "Type" or "Type.key".
func entityOf(text string) cache.Entity {
	if name, key, ok := strings.Cut(text, "."); ok {
		return cache.Entity{Type: name, Key: key}
	}
	return cache.Entity{Type: text, Key: cache.DefaultKey}
}

// redis is a client for what is not the entity cache; nil without a URL. Close
// closes it.
func (r *Router) redis(url string) (redis.UniversalClient, error) {
	options, err := redisOptions(url)
	if err != nil || options == nil {
		return nil, err
	}
	client := redis.NewUniversalClient(options)
	r.closers = append(r.closers, client.Close)
	return client, nil
}

func redisOptions(url string) (*redis.UniversalOptions, error) {
	if url == "" {
		return nil, nil
	}
	one, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis %q: %w; it looks like redis://localhost:6379", url, err)
	}
	return &redis.UniversalOptions{
		Addrs: []string{one.Addr}, DB: one.DB, Username: one.Username, Password: one.Password, TLSConfig: one.TLSConfig,
	}, nil
}

// bearer lets only those through who know a secret.
func bearer(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "The invalidation token is needed: Authorization: Bearer ….", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const maxInvalidations = 1 << 20 // bytes of one request

// invalidate takes a JSON array of [cache.Invalidation]s.
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
		r.options.Telemetry.Logger.ErrorContext(req.Context(), "invalidation", "error", err)
		http.Error(w, "Redis cannot be told now; try again.", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
