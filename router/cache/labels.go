package cache

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"souk/router/execute"
	"souk/router/plan"
	"souk/router/supergraph"
)

// Cache tags are version tokens, too: invalidating a cache tag deletes its token. Those of
// @cacheTag are known before a fetch and are treated like the token of the entity. Those in
// the extensions of a response are known only after it, so the value lists them, and they
// are read after the value.
//
// Their tokens did not protect the fetch: an invalidation in the meantime deleted a token that
// nobody had read. Therefore each subgraph with such responses has a guard, a token that
// every invalidation by cache tag deletes as well. A value is stored only if the guard is the
// same as before the fetch.

// labelTag returns the tag of a cache tag of a subgraph. Names of subgraphs contain no colon.
func labelTag(subgraph, label string) string { return "c:" + subgraph + ":" + label }

// guardTag returns the tag of the guard of a subgraph.
func guardTag(subgraph string) string { return "x:" + subgraph }

// labelTags returns the tags to invalidate for a cache tag, in the subgraphs or, without any, in
// all. Guards come first: who sees a label's new version sees the guard's, too.
func (o Options) labelTags(label string, subgraphs []string) []string {
	var guards, tags []string
	for name := range o.Subgraphs {
		if len(subgraphs) == 0 || slices.Contains(subgraphs, name) {
			guards, tags = append(guards, guardTag(name)), append(tags, labelTag(name, label))
		}
	}
	return append(guards, tags...)
}

// entitySources returns the sources of the cache tags of an entity type. It returns false if
// entities cannot have them.
func (v *View) entitySources(g *supergraph.Subgraph, name string) ([]tagSource, bool) {
	t := v.model.Type(name)
	if t == nil || len(t.Directives) == 0 {
		return nil, true
	}
	templates, ok := v.templates(cacheTags(t.Directives, g), "$key", name, g)
	sources := make([]tagSource, len(templates))
	for i, template := range templates {
		sources[i] = keySource(template)
	}
	return sources, ok
}

// rootSources returns the sources of the cache tags of the selected root fields.
func (v *View) rootSources(g *supergraph.Subgraph, list plan.Selections) (sources []tagSource, ok bool) {
	ok = true
	for _, selection := range list {
		switch s := selection.(type) {
		case *plan.SelectedField:
			f := v.model.Query.Field(s.Name)
			if f == nil || len(f.Directives) == 0 {
				continue
			}
			templates, valid := v.templates(cacheTags(f.Directives, g), "$args", "Query."+s.Name, g)
			ok = ok && valid
			for _, template := range templates {
				source, has := argumentSource(template, s)
				ok, sources = ok && has, append(sources, source)
			}
		case *plan.InlineFragment:
			more, valid := v.rootSources(g, s.Selections)
			ok, sources = ok && valid, append(sources, more...)
		}
	}
	return sources, ok
}

func (v *View) templates(formats []string, root, where string, g *supergraph.Subgraph) (templates []tagTemplate, ok bool) {
	ok = true
	for _, format := range formats {
		t, err := parseTemplate(format, root)
		if err != nil {
			ok = false
			v.cache.options.Logger.Warn("entity cache: responses are not cached because a @cacheTag is not valid", "subgraph", g.Name, "at", where, "format", format, "error", err)
			continue
		}
		templates = append(templates, t)
	}
	return templates, ok
}

// label determines the cache tags of an item that are known before the fetch. It returns false
// if the item has none that it must have, or too many.
func (it *item) label(scratch *[]byte) bool {
	t := it.typ
	if len(t.sources) == 0 {
		return !t.untaggable
	}
	if t.untaggable || len(t.sources) > maxCacheTags {
		return false
	}
	it.labels = make([]string, len(t.sources))
	for i, source := range t.sources {
		*scratch = append((*scratch)[:0], t.labelPrefix...)
		b, ok := source.append(*scratch, it.lookup, it.lookup.Representations[it.index])
		*scratch = b
		if !ok {
			return false
		}
		it.labels[i] = string(b)
	}
	return true
}

// told returns the cache tags in the extensions of the response for an item, without duplicates.
// It returns false if the item must not be stored.
func (it *item) told(l *execute.CacheLookup) ([]string, bool) {
	if !it.policy.tellsTags || l.Tags == nil && !l.TagsUnclear {
		return nil, true
	}
	if l.TagsUnclear {
		return nil, false
	}
	tags := slices.Clone(l.Tags[it.index])
	slices.Sort(tags)
	tags = slices.Compact(tags)
	tooLong := func(tag string) bool { return len(tag) > maxCacheTagBytes }
	return tags, len(tags)+len(it.labels) <= maxCacheTags && !slices.ContainsFunc(tags, tooLong)
}

// appendLabels appends the cache tags of a value, and readLabels reads them: their length in two
// bytes, then each with its length before it.
func appendLabels(b []byte, labels []string) []byte {
	start := len(b)
	b = append(b, 0, 0)
	for _, label := range labels {
		b = appendPart(b, label)
	}
	binary.LittleEndian.PutUint16(b[start:], uint16(len(b)-start-2)) // maxCacheTags short ones
	return b
}

func readLabels(b []byte) (labels []string, rest []byte, ok bool) {
	if len(b) < 2 || len(b) < 2+int(binary.LittleEndian.Uint16(b)) {
		return nil, nil, false
	}
	end := 2 + int(binary.LittleEndian.Uint16(b))
	list, rest := b[2:end], b[end:]
	for len(list) > 0 {
		n, size := binary.Uvarint(list)
		if size <= 0 || n > uint64(len(list)-size) {
			return nil, nil, false
		}
		labels = append(labels, string(list[size:size+int(n)]))
		list = list[size+int(n):]
	}
	return labels, rest, true
}

// extendStamp returns the stamp of a value that depends on further tokens; 0 if one of them, or
// the stamp without them, is unknown.
func extendStamp(stamp uint64, tokens []string) uint64 {
	if stamp == 0 || slices.Contains(tokens, "") {
		return 0
	}
	var h xxhash.Digest
	h.Reset()
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, stamp))
	for _, t := range tokens {
		_, _ = h.WriteString(t)
	}
	return max(h.Sum64(), 1)
}

// putLocal stores a value in the in-process layer. If it has cache tags of its own, an
// invalidation by any cache tag since the lookup prevents that.
func (c *Cache) putLocal(it *item, e *localEntry, labels []string, fresh, now time.Time) {
	if c.local == nil {
		return
	}
	e.stamp = it.local
	if len(labels) > 0 {
		if !it.policy.tellsTags {
			return // another router has stored it
		}
		for _, label := range labels {
			e.extra = append(e.extra, slotString(labelTag(it.policy.subgraph, label)))
		}
		e.extraStamp = c.versions.sum(e.extra)
		// After the sum: labelTags bumps guards first.
		if c.versions[it.policy.guardSlot].Load() != it.guardLocal {
			return
		}
	}
	c.local.put(e, fresh, now)
}
