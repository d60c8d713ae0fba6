package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	gql "github.com/vektah/gqlparser/v2/ast"
)

// responseCache is response_cache of router.yaml.
type responseCache struct {
	Enabled  bool
	Compare  float64
	Redis    struct{ URL string }
	Subgraph struct {
		All       subgraphCache
		Subgraphs map[string]subgraphCache
	}
	Invalidation struct {
		Stream, Token string
		Events        map[string][]string
	}
}

// subgraphCache is what the router caches from a subgraph.
type subgraphCache struct {
	Enabled     *bool
	TTL         string
	Types, Root []string
	Private     bool
	Shared      bool
	SharedTypes []string `json:"shared_types"`
	SharedRoot  []string `json:"shared_root"`
}

// Bounds of the cache: how long it may keep what no event invalidates, and how many of the
// requests that it could save may be sent to compare their entities. The alert
// EntityCacheDiffers needs some.
const (
	cacheTTL     = 5 * time.Minute
	cacheCompare = 0.1
)

// check wants callers to share only what the schemas declare public, and everything that is
// cached to be invalidated by the events that its service publishes.
func (c responseCache) check(sources string) error {
	all, err := schemas(sources)
	if err != nil {
		return err
	}
	known, err := publishedEvents(sources)
	if err != nil {
		return err
	}
	if !c.Enabled || len(c.Subgraph.Subgraphs) == 0 || c.Compare <= 0 || c.Compare > cacheCompare {
		err = fmt.Errorf("the response cache is off, or compares %v of its requests and not up to %v", c.Compare, cacheCompare)
	}
	if a := c.Subgraph.All; a.Shared || len(a.Types)+len(a.Root)+len(a.SharedTypes)+len(a.SharedRoot) > 0 {
		err = errors.Join(err, errors.New("the response cache shares what all subgraphs have, also private data"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Subgraph.Subgraphs)) {
		s := c.Subgraph.Subgraphs[name]
		err = errors.Join(err, inContext("the response cache of "+name, s.checkTTL(c.Subgraph.All.TTL), s.checkShared(all, name), c.checkEvents(known, name, s)))
	}
	return errors.Join(err, c.checkInvalidation(known))
}

func (s subgraphCache) checkTTL(common string) error {
	if s.TTL == "" {
		s.TTL = common
	}
	if ttl, err := time.ParseDuration(s.TTL); err != nil || ttl < time.Second || ttl > cacheTTL {
		return fmt.Errorf("its entries stay for %q; they must for 1s to %s", s.TTL, cacheTTL)
	}
	if s.Enabled != nil && !*s.Enabled || len(s.Types)+len(s.Root) == 0 {
		return errors.New("it caches nothing")
	}
	return nil
}

// checkShared wants a subgraph to share only types that its schema declares public, and of
// root fields none that is private.
func (s subgraphCache) checkShared(all map[string]*gql.SchemaDocument, subgraph string) (err error) {
	types, roots := s.SharedTypes, s.SharedRoot
	if s.Shared {
		types, roots = slices.Concat(types, s.Types), slices.Concat(roots, s.Root)
	}
	for _, name := range types {
		if wrong := checkPublic(all, subgraph, name); wrong != nil {
			err = errors.Join(err, fmt.Errorf("callers share %s: %w", name, wrong))
		}
	}
	for _, name := range roots {
		var field *gql.FieldDefinition
		if document := all[subgraph]; document != nil && document.Definitions.ForName("Query") != nil {
			field = document.Definitions.ForName("Query").Fields.ForName(name)
		}
		if field == nil || field.Directives.ForName("cacheControl") == nil || private(field.Directives) {
			err = errors.Join(err, fmt.Errorf("callers share Query.%s, which the schema does not declare public with @cacheControl", name))
		}
	}
	return err
}

// checkEvents wants every event of a cached service to invalidate every type that is cached
// of it.
func (c responseCache) checkEvents(known *events, subgraph string, s subgraphCache) (err error) {
	if len(known.published[subgraph]) == 0 {
		return errors.New("the service publishes no events that invalidate entries")
	}
	for _, event := range known.published[subgraph] {
		for _, name := range s.Types {
			if !invalidates(c.Invalidation.Events[event], name) {
				err = errors.Join(err, fmt.Errorf("%s does not invalidate %s", event, name))
			}
		}
	}
	return err
}

func invalidates(entities []string, name string) bool {
	return slices.ContainsFunc(entities, func(entity string) bool { return entity == name || strings.HasPrefix(entity, name+".") })
}

// checkInvalidation wants the router to follow the services' events, and to know all that it
// names. Who erases personal data erases it from the cache as well, whatever it has.
func (c responseCache) checkInvalidation(known *events) (err error) {
	if c.Invalidation.Stream != known.stream {
		err = fmt.Errorf("the response cache follows the stream %q, and the services publish to %q", c.Invalidation.Stream, known.stream)
	}
	for event := range c.Invalidation.Events {
		if !known.knows(event) {
			err = errors.Join(err, fmt.Errorf("no service publishes %s, which is to invalidate entries", event))
		}
	}
	for _, types := range known.published {
		for _, event := range types {
			if subject, erased := strings.CutSuffix(event, ".erased"); erased && !invalidates(c.Invalidation.Events[event], strings.ToUpper(subject[:1])+subject[1:]) {
				err = errors.Join(err, fmt.Errorf("%s leaves personal data in the response cache", event))
			}
		}
	}
	return err
}
