package cache

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
	"souk/router/telemetry"
)

// The functions here do nothing unless the operation is inspected.

const untaggable = "a value of one of its cache tags is missing, or there are too many cache tags or too long ones"

// inspection returns the entry to fill in, or nil.
func (it *item) inspection() *execute.CacheEntry {
	if it.lookup == nil || it.lookup.Inspect == nil {
		return nil
	}
	return it.lookup.Inspect[it.index]
}

// explain notes why nothing was found.
func (it *item) explain(result, reason string) {
	if e := it.inspection(); e != nil {
		e.Result, e.Reason = result, reason
	}
}

// inspected notes the result of a lookup.
func (it *item) inspected(result string, labels []string, age, ttl time.Duration) {
	e := it.inspection()
	if e == nil {
		return
	}
	e.Result, e.Age, e.TTL = result, age, ttl
	e.Tags = it.allLabels(labels)
}

func (it *item) allLabels(labels []string) []string {
	var all []string
	for _, label := range it.labels {
		all = append(all, label[len(it.typ.labelPrefix):])
	}
	return append(all, labels...)
}

// explain notes why nothing of a lookup is cached.
func (p *policy) explain(l *execute.CacheLookup) {
	reason := "@cacheControl or the configuration allows no time"
	if p.ttl > 0 {
		reason = "it is private, and the caller is anonymous"
		if len(p.privateBy) > 0 {
			reason = "it is private, and the caller has no claim " + p.privateBy[0]
		}
		if p.privateByContext != "" {
			reason = "it is private, and the request context has no " + p.privateByContext
		}
	}
	for _, e := range l.Inspect {
		e.Reason = reason
	}
}

// resultOf returns the result that a counter counts.
func resultOf(c prometheus.Counter, m *telemetry.EntityType) string {
	switch c {
	case m.Stale:
		return "stale"
	case m.Corrupt:
		return "corrupt"
	}
	return "miss"
}

// stored notes whether a response is stored, and why not.
func (it *item) stored(l *execute.CacheLookup, json []byte, ttl time.Duration, mayVary, tagged bool, labels []string, most int) {
	if l.Inspect == nil {
		return
	}
	e := l.Inspect[it.index]
	switch {
	case json == nil:
		e.Reason = "the response has an error there"
	case ttl <= 0 && string(json) == "null":
		e.Reason = "it does not exist, and negative_ttl is 0s"
	case ttl <= 0 && l.Control.Private && !it.policy.private:
		e.Reason = "the subgraph's Cache-Control is private"
	case ttl <= 0:
		e.Reason = "the subgraph's Cache-Control allows no time"
	case len(json) > most:
		e.Reason = "it is too large"
	case !mayVary:
		e.Reason = "the subgraph's Vary names a header of the client"
	case !tagged:
		e.Reason = untaggable
	default:
		e.Stored, e.TTL, e.Tags = true, ttl, it.allLabels(labels)
	}
}
