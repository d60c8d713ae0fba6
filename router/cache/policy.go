package cache

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// A policy is the caching decision for a selection: whether and how long its responses are
// cached, and which versions they depend on.
type policy struct {
	ttl time.Duration
	// staleIfError and staleWhileRevalidate are how long an expired value may be used, and
	// negative is how long null may be stored.
	staleIfError, staleWhileRevalidate, negative time.Duration

	private bool
	// privateBy are the claims that private values belong to; without any, they belong to the
	// caller's scope.
	privateBy []string
	// privateByContext is the value of the request context that they belong to instead.
	privateByContext string
	vary             []string
	// callers are the headers besides vary that distinguish callers. propagated
	// are all headers besides vary that the subgraph receives.
	callers, propagated []string
	// contradicted limits the warning about a Vary header that contradicts the
	// rule.
	contradicted sync.Once
	subgraph     string
	// variant is Options.Variant.
	variant string
	// tellsTags is set if responses tell cache tags. guardSlot is that of the subgraph's guard.
	tellsTags bool
	guardSlot uint32
	// types are the policies by the __typename of a representation. The policy
	// of a root fetch has the key "".
	types map[string]*typePolicy
}

type typePolicy struct {
	name string
	// key is the field that identifies the entity in its tag, or empty if there
	// is no tag for single entities.
	key string
	// tags are the tags that all responses depend on, and slots their indices in
	// the table of local versions. If a representation lacks the key field,
	// fallback and fallbackSlot replace the tag of the entity.
	tags         []string
	slots        []uint32
	fallback     string
	fallbackSlot uint32
	// sources are the cache tags of @cacheTag, and labelPrefix is what they begin with as tags.
	// If untaggable is set, values cannot have them and are not cached.
	sources     []tagSource
	labelPrefix string
	untaggable  bool
	metrics     *telemetry.EntityType
}

// newPolicy decides how a selection is cached.
func (v *View) newPolicy(s *execute.CacheSelection) *policy {
	o := v.cache.options
	config := o.Subgraphs[s.Subgraph]
	reader := &selectionReader{model: v.model, graph: v.model.Subgraph(s.Subgraph), any: map[string]bool{}}
	p := &policy{ttl: o.longestTTL(), subgraph: s.Subgraph, variant: o.Variant, tellsTags: config.ResponseTags, guardSlot: slotString(guardTag(s.Subgraph)), types: map[string]*typePolicy{}}
	p.staleIfError, p.staleWhileRevalidate, p.negative = unlimited, unlimited, unlimited
	if len(s.Types) == 0 {
		for _, name := range s.Root {
			p.apply(config, config.Root[name])
		}
		reader.selections(v.model.Query, s.Selections)
		t := v.typePolicy(s.Subgraph, rootType, "", []string{wholeTag(s.Subgraph, rootType)}, reader.tags(s.Subgraph))
		t.labelled(s.Subgraph)(v.rootSources(reader.graph, s.Selections))
		p.types[""] = t
	} else {
		for _, name := range s.Types {
			p.apply(config, config.Types[name])
			reader.hints(v.model.Type(name))
		}
		reader.selections(nil, s.Selections)
		for _, name := range s.Types {
			t := v.entityPolicy(s.Subgraph, name, reader.tags(s.Subgraph))
			t.labelled(s.Subgraph)(v.entitySources(reader.graph, name))
			p.types[name] = t
		}
	}
	if reader.maxAge != nil {
		p.ttl = min(p.ttl, *reader.maxAge)
	}
	p.private = p.private || reader.private
	for _, names := range []*[]string{&p.vary, &p.callers, &p.propagated} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return p
}

// rootType is the type of root fields in tags and metrics.
const rootType = "Query"

// unlimited is longer than any duration in the configuration.
const unlimited = time.Duration(math.MaxInt64)

func (p *policy) apply(s Subgraph, r Rule) {
	p.callers = append(p.callers, s.callers(r)...)
	r.Shared = false
	p.propagated = append(p.propagated, s.callers(r)...)
	p.ttl = min(p.ttl, r.TTL)
	p.staleIfError = min(p.staleIfError, r.StaleIfError)
	p.staleWhileRevalidate = min(p.staleWhileRevalidate, r.StaleWhileRevalidate)
	p.negative = min(p.negative, r.NegativeTTL)
	p.private, p.privateBy = p.private || r.Private, r.PrivateBy // that of all rules of a subgraph
	p.privateByContext = r.PrivateByContext
	for _, name := range r.Vary {
		p.vary = append(p.vary, http.CanonicalHeaderKey(name))
	}
}

// entityPolicy returns the policy for an entity type. If it is an object type, responses
// depend on the tag of the entity. An interface's key can identify an object of any of its
// possible types, and is invalidated under the name of that type.
func (v *View) entityPolicy(subgraph, name string, nested []string) *typePolicy {
	tags := []string{wholeTag(subgraph, name)}
	t := v.model.Type(name)
	if t == nil || !t.Abstract() {
		return v.typePolicy(subgraph, name, v.cache.options.keyField(name), tags, nested)
	}
	for _, possible := range t.Possible {
		tags = append(tags, anyTag(subgraph, possible.Name))
	}
	return v.typePolicy(subgraph, name, "", tags, nested)
}

func (v *View) typePolicy(subgraph, name, key string, tags, nested []string) *typePolicy {
	tags = append(slices.Clone(tags), nested...)
	p := &typePolicy{name: name, key: key, tags: tags, metrics: v.cache.options.Metrics.EntityCache.Type(subgraph, name)}
	for _, tag := range tags {
		p.slots = append(p.slots, slotString(tag))
	}
	if key != "" {
		p.fallback = anyTag(subgraph, name)
		p.fallbackSlot = slotString(p.fallback)
	}
	return p
}

func (t *typePolicy) labelled(subgraph string) func([]tagSource, bool) {
	return func(sources []tagSource, ok bool) {
		t.sources, t.labelPrefix, t.untaggable = sources, labelTag(subgraph, ""), !ok
	}
}

// A selectionReader gathers @cacheControl and the types of entities from a
// selection as a subgraph sees it.
type selectionReader struct {
	model   *supergraph.Model
	graph   *supergraph.Subgraph
	maxAge  *time.Duration // the shortest of all hints
	private bool
	any     map[string]bool // entity types that answers hold or depend on
}

func (r *selectionReader) tags(subgraph string) []string {
	tags := make([]string, 0, len(r.any))
	for name := range r.any {
		tags = append(tags, anyTag(subgraph, name))
	}
	slices.Sort(tags)
	return tags
}

// selections reads a selection set on a type, nil where only fragments say.
func (r *selectionReader) selections(t *supergraph.Type, list plan.Selections) {
	for _, selection := range list {
		switch s := selection.(type) {
		case *plan.SelectedField:
			r.field(t, s)
		case *plan.InlineFragment:
			r.fragment(t, s)
		}
	}
}

func (r *selectionReader) fragment(t *supergraph.Type, f *plan.InlineFragment) {
	if f.On != "" {
		t = r.model.Type(f.On)
		r.hints(t)
	}
	r.selections(t, f.Selections)
}

func (r *selectionReader) field(t *supergraph.Type, s *plan.SelectedField) {
	if t == nil || s.Name == "__typename" {
		return
	}
	f := t.Field(s.Name)
	if f == nil {
		return
	}
	r.directives(f.Directives)
	if f.Named == nil || !f.Named.Composite() {
		return
	}
	r.hints(f.Named)
	if !r.onlyKeys(f.Named, s.Selections) {
		r.dependsOn(f.Named, map[*supergraph.Type]bool{})
	}
	r.selections(f.Named, s.Selections)
}

// onlyKeys reports whether a selection contains only an entity's identity, which does not
// change with the entity.
func (r *selectionReader) onlyKeys(t *supergraph.Type, list plan.Selections) bool {
	for _, selection := range list {
		f, ok := selection.(*plan.SelectedField)
		if !ok || f.Name != "__typename" && !r.isKey(t, f.Name) {
			return false
		}
	}
	return true
}

// isKey reports whether a leaf field is part of a key of its type.
func (r *selectionReader) isKey(t *supergraph.Type, field string) bool {
	for _, in := range t.In {
		for _, key := range in.Keys {
			for _, s := range key.Fields.Selections {
				if f, ok := s.(*operation.Field); ok && f.Name == field && len(f.Selections) == 0 {
					return true
				}
			}
		}
	}
	return false
}

// dependsOn records the entity types that a value depends on: the type itself if it is an
// entity, else the entity types it can refer to. For example, the count in a connection
// changes with the entities it connects.
func (r *selectionReader) dependsOn(t *supergraph.Type, seen map[*supergraph.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	if t.Abstract() {
		for _, possible := range t.Possible {
			r.dependsOn(possible, seen)
		}
	}
	if t.Entity() {
		r.any[t.Name] = true
		return
	}
	for _, f := range t.Fields {
		if f.Named != nil && f.Named.Composite() && (r.graph == nil || f.InSubgraph(r.graph) != nil) {
			r.dependsOn(f.Named, seen)
		}
	}
}

// hints reads @cacheControl on a type. The directive can have another name or a prefix in the
// supergraph, and another directive its name: its specification says what it is.
func (r *selectionReader) hints(t *supergraph.Type) {
	if t != nil {
		r.directives(t.Directives)
	}
}

func (r *selectionReader) directives(list []supergraph.Directive) {
	for _, d := range list {
		if d.Original != "cacheControl" || d.Subgraphs != nil && !slices.Contains(d.Subgraphs, r.graph) {
			continue
		}
		if seconds, err := strconv.Atoi(d.Argument("maxAge")); err == nil {
			age := time.Duration(max(seconds, 0)) * time.Second
			if r.maxAge == nil || age < *r.maxAge {
				r.maxAge = &age
			}
		}
		r.private = r.private || d.Argument("scope") == "PRIVATE"
	}
}
