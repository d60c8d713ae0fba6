package execute

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	// maxCacheEntries bounds the entries of an inspection, and maxCacheKey the bytes of each key.
	maxCacheEntries = 500
	maxCacheKey     = 200
	// maxUnnamed bounds the names in a reason.
	maxUnnamed = 5
)

// A CacheInspection collects what the entity cache does for one operation.
type CacheInspection struct {
	mu      sync.Mutex
	entries []*CacheEntry
	omitted int
}

// A CacheEntry is what the cache did for one entity or root fetch.
type CacheEntry struct {
	FetchID  int
	Subgraph string
	// Type is the type of an entity. Fields are the fields of a root fetch.
	Type   string
	Fields []string
	// Key is the representation of an entity as JSON, perhaps cut.
	Key string
	// Result is local, redis, miss, stale, expired, corrupt, unavailable, or none if the cache
	// was not asked.
	Result string
	// Age and TTL are those of the entry that was used, or stored. A TTL of 0 is not known.
	Age, TTL time.Duration
	Tags     []string
	// Stored is set if the response was stored, and Reason says why the cache was not asked, or why
	// it was not.
	Stored bool
	Reason string
}

type inspectionKey struct{}

// WithCacheInspection returns a context that makes the operation of a request be inspected.
func WithCacheInspection(ctx context.Context, i *CacheInspection) context.Context {
	return context.WithValue(ctx, inspectionKey{}, i)
}

// CacheInspectionFrom returns the inspection in a context, or nil.
func CacheInspectionFrom(ctx context.Context) *CacheInspection {
	i, _ := ctx.Value(inspectionKey{}).(*CacheInspection)
	return i
}

// Entries returns the entries, and how many are left out. The operation must have ended.
func (i *CacheInspection) Entries() (entries []*CacheEntry, omitted int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.entries, i.omitted
}

// add adds the entries of a lookup, and returns one for each representation. What is left out is
// returned all the same.
func (i *CacheInspection) add(f *fetch, s *CacheSelection, representations [][]byte, typ func([]byte) string) []*CacheEntry {
	i.mu.Lock()
	defer i.mu.Unlock()
	added := make([]*CacheEntry, len(representations))
	for n, r := range representations {
		e := &CacheEntry{FetchID: f.id, Subgraph: f.subgraph, Result: "none"}
		if s.Types == nil {
			e.Fields = s.Root
		} else {
			e.Type, e.Key = typ(r), string(r[:min(len(r), maxCacheKey)])
		}
		if added[n] = e; len(i.entries) < maxCacheEntries {
			i.entries = append(i.entries, e)
		} else {
			i.omitted++
		}
	}
	return added
}

func (x *execution) inspect(f *fetch, l *CacheLookup) {
	if x.req.Inspect != nil {
		l.Inspect = x.req.Inspect.add(f, l.CacheSelection, l.Representations, l.typeOf)
	}
}

// inspectUncovered notes what the cache does not cover.
func (x *execution) inspectUncovered(f *fetch, l CacheLookup) {
	if x.req.Inspect == nil {
		return
	}
	x.inspect(f, &l)
	reason := "response_cache does not name " + x.unnamed(l.CacheSelection)
	for _, e := range l.Inspect {
		e.Reason = reason
	}
}

// unnamed returns the types or root fields of a selection that the configuration does not name.
func (x *execution) unnamed(s *CacheSelection) string {
	var names []string
	for _, name := range s.Types {
		if !x.executor.options.Cache.Covers(&CacheSelection{Subgraph: s.Subgraph, Types: []string{name}}) {
			names = append(names, name)
		}
	}
	for _, name := range s.Root {
		if !x.executor.options.Cache.Covers(&CacheSelection{Subgraph: s.Subgraph, Root: []string{name}}) {
			names = append(names, name)
		}
	}
	if len(names) == 0 { // a selection without names
		return "it"
	}
	if len(names) > maxUnnamed {
		names = append(names[:maxUnnamed:maxUnnamed], "others")
	}
	return strings.Join(names, ", ")
}

// typeOf returns the type of a representation of the executor, which begins with it.
func (l *CacheLookup) typeOf(representation []byte) string {
	if name := extension(representation, "__typename"); len(name) > 2 {
		return string(name[1 : len(name)-1])
	}
	return ""
}
