package router

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"souk/router/cache"
	"souk/router/supergraph"
)

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

// check returns what is wrong. What names nothing that could be cached would do nothing.
func (i *invalidation) check(m *supergraph.Model) string {
	if i.Subgraphs != nil && len(i.Subgraphs) == 0 {
		return "The list subgraphs is empty; leave it out to invalidate in all subgraphs."
	}
	if i.Subgraph != "" {
		i.Subgraphs = append(i.Subgraphs, i.Subgraph)
	}
	if wrong := i.checkKind(); wrong != "" {
		return wrong
	}
	for _, name := range i.Subgraphs {
		if m.Subgraph(name) == nil {
			return fmt.Sprintf("There is no subgraph %q; the supergraph has %s.", name, strings.Join(subgraphNames(m), ", "))
		}
	}
	if i.Type != "" {
		return i.checkType(m)
	}
	return ""
}

func (i *invalidation) checkKind() string {
	given := i.Kind
	switch {
	case given != "":
	case i.Type != "":
		given = "type"
	case i.CacheTag != "":
		given = "cache_tag"
	case len(i.Subgraphs) > 0:
		given = "subgraph"
	}
	switch {
	case i.Type != "" && i.CacheTag != "":
		return "An invalidation has either a type or a cache_tag."
	case given == "":
		return "Each invalidation needs a type, a cache_tag or a subgraph."
	case given == "type" && i.Type == "", given == "cache_tag" && i.CacheTag == "":
		return "An invalidation of the kind " + given + " needs the member " + given + "."
	case given == "subgraph" && len(i.Subgraphs) == 0:
		return "An invalidation of the kind subgraph needs the member subgraph."
	case given == "subgraph" && (i.Type != "" || i.CacheTag != ""), given == "type" && i.CacheTag != "", given == "cache_tag" && i.Type != "":
		return "An invalidation of the kind " + given + " has no type or cache_tag of another kind."
	case given != "type" && given != "cache_tag" && given != "subgraph":
		return "The kind " + strconv.Quote(given) + " is not supported; use type, cache_tag or subgraph."
	case given == "cache_tag" && i.Keys != nil:
		return "An invalidation by cache_tag has no keys; put the key into the cache tag."
	case given == "subgraph" && i.Keys != nil:
		return "An invalidation by subgraph has no keys; they need a type."
	}
	return ""
}

func (i *invalidation) checkType(m *supergraph.Model) string {
	switch {
	case i.Type == "Query" && i.Keys != nil:
		return "The type Query has no keys; without them, all root fields are invalidated."
	case i.Type == "Query":
		return ""
	case i.Keys != nil && len(i.Keys) == 0:
		return "The list keys is empty; leave it out to invalidate all entities of the type " + i.Type + "."
	case len(i.Keys) > 0 && len(i.Subgraphs) > 0:
		return "An invalidation with keys applies to all subgraphs; leave out the subgraphs, or the keys."
	}
	if t := m.Type(i.Type); t != nil && isEntity(t) {
		return ""
	}
	return fmt.Sprintf("The supergraph has no entity type %q; use an entity type, or Query for root fields.", i.Type)
}

// isEntity reports whether a type, or one that it may be, has a key.
func isEntity(t *supergraph.Type) bool {
	return t.Entity() || t.Abstract() && slices.ContainsFunc(t.Possible, func(p *supergraph.Type) bool { return p != t && isEntity(p) })
}

func subgraphNames(m *supergraph.Model) (names []string) {
	for _, g := range m.Subgraphs {
		names = append(names, g.Name)
	}
	return names
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
	graph, ok := r.gateway.Supergraph()
	if !ok {
		http.Error(w, "The router is shutting down. Send the request again.", http.StatusServiceUnavailable)
		return
	}
	if len(list) == 0 {
		http.Error(w, `The list of invalidations is empty; it needs at least one, such as {"type":"Product","keys":["1"]}.`, http.StatusUnprocessableEntity)
		return
	}
	for i := range list {
		if wrong := list[i].check(graph.Model); wrong != "" {
			http.Error(w, wrong, http.StatusUnprocessableEntity)
			return
		}
	}
	var err error
	for _, i := range list {
		err = errors.Join(err, r.invalidateOne(req, graph.Model, i))
	}
	if err != nil {
		r.options.Telemetry.Logger.ErrorContext(req.Context(), "invalidating the response cache failed", "error", err)
		http.Error(w, "The entries could not be invalidated in Redis. Send the request again.", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// invalidateOne invalidates what has been checked. An interface or union stands for itself and
// for the types that its objects may have.
func (r *Router) invalidateOne(req *http.Request, m *supergraph.Model, i invalidation) error {
	switch {
	case i.CacheTag != "":
		return r.cache.InvalidateTag(req.Context(), i.CacheTag, i.Subgraphs...)
	case i.Type == "":
		return r.cache.InvalidateSubgraphs(req.Context(), i.Subgraphs...)
	}
	types := []string{i.Type}
	if t := m.Type(i.Type); t != nil && t.Abstract() {
		for _, possible := range t.Possible {
			types = append(types, possible.Name)
		}
	}
	var err error
	for _, typ := range types {
		if len(i.Keys) > 0 {
			err = errors.Join(err, r.cache.Invalidate(req.Context(), typ, i.Keys...))
		} else {
			err = errors.Join(err, r.cache.InvalidateType(req.Context(), typ, i.Subgraphs...))
		}
	}
	return err
}
