package cache

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// compares decides whether the values that a request to a subgraph finds in Redis are fetched
// nevertheless: all of them or none. A decision for each value would send most requests for
// many entities.
func (c *Cache) compares() bool {
	return c.options.Compare > 0 && c.random() < c.options.Compare
}

// compare counts whether the subgraph responded with the value that was in Redis. It
// counts nothing if the response has no value to compare, or if an invalidation arrived in
// the meantime.
func (c *Cache) compare(it *item, fetched []byte) {
	if it.found == nil || fetched == nil {
		return
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	if c.localStamp(scratch, it) != it.local || it.policy.tellsTags && c.versions[it.policy.guardSlot].Load() != it.guardLocal {
		return
	}
	if sameJSON(it.found, fetched) {
		it.typ.metrics.Equal.Inc()
		return
	}
	it.typ.metrics.Different.Inc()
	// The value may be private, so the log has only its size.
	c.options.Logger.Warn("entity cache: a cached value differs from the subgraph's response",
		"subgraph", it.lookup.Subgraph, "type", it.typ.name, "cached_bytes", len(it.found), "fetched_bytes", len(fetched))
}

// sameJSON reports whether two JSON texts have the same value. The order of an object's
// members does not matter.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err := decodeJSON(a)
	if err != nil {
		return false
	}
	y, err := decodeJSON(b)
	return err == nil && reflect.DeepEqual(x, y)
}

func decodeJSON(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// export makes the time series of everything that is cached exist before the first
// request.
func (o Options) export() {
	for subgraph, s := range o.Subgraphs {
		for typ := range s.Types {
			o.Metrics.EntityCache.Type(subgraph, typ)
		}
		if len(s.Root) > 0 {
			o.Metrics.EntityCache.Type(subgraph, "Query")
		}
	}
	for _, entities := range o.Events {
		for _, e := range entities {
			o.Metrics.EntityCache.Invalidated(e.Type, "event")
			o.Metrics.EntityCache.Invalidated(e.Type, "api")
			o.Metrics.EntityCache.Invalidated(e.Type, "mutation")
		}
	}
}
