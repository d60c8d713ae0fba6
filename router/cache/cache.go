package cache

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/execute"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// A Cache is the entity cache. It outlives supergraphs; each supergraph uses it through
// its own View.
type Cache struct {
	options Options
	name    string // unique, to recognize what it has written to Redis itself
	local   *local
	// versions are the version counters of the in-process layer.
	versions  versions
	refreshes refreshes
	refills   refills
	store     *store    // nil without Redis
	follower  *follower // nil without Redis
	cancel    context.CancelFunc
	running   sync.WaitGroup
	closed    atomic.Bool
	random    func() float64 // from 0 to 1, for compares
}

// New returns a cache and starts to follow Redis, which need not be available yet. Call
// Close to stop it.
func New(o Options) (*Cache, error) {
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	c.start()
	return c, nil
}

// newCache returns a cache whose background work has not started.
func newCache(o Options) (*Cache, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	o.warn()
	o.export()
	c := &Cache{options: o, name: rand.Text(), local: newLocal(o.LocalBytes, o.LocalTTL, o.Metrics.EntityCache.LocalBytes), random: mathrand.Float64}
	if o.Redis == nil {
		return c, nil
	}
	c.store = newStore(o)
	c.store.ended = c.refills.end
	c.follower = newFollower(c)
	return c, nil
}

func (c *Cache) start() {
	if c.store == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.running.Go(func() { c.follower.run(ctx) })
	c.running.Go(func() { c.store.write(ctx) })
}

// Close stops the background work and closes the connections to Redis. After that, the
// cache finds nothing in Redis.
func (c *Cache) Close() error {
	if c.store == nil || c.closed.Swap(true) {
		return nil
	}
	c.follower.usable.Store(false)
	if c.cancel != nil {
		c.cancel()
	}
	c.running.Wait()
	return errors.Join(c.follower.client.Close(), c.store.client.Close())
}

// A View is a Cache as used by one supergraph.
type View struct {
	cache *Cache
	model *supergraph.Model

	policies *bytecache.Cache[[16]byte, *policy]
}

var _ execute.EntityCache = (*View)(nil)

// View returns the view for a supergraph. Configured types and fields that the
// supergraph does not define are an error.
func (c *Cache) View(m *supergraph.Model) (*View, error) {
	if err := c.checkNames(m); err != nil {
		return nil, err
	}
	return c.LenientView(m), nil
}

// LenientView is like View but ignores configured names that the supergraph does not
// define.
func (c *Cache) LenientView(m *supergraph.Model) *View {
	return &View{cache: c, model: m, policies: bytecache.New[[16]byte, *policy](maxPolicyBytes, bytecache.Observer{})}
}

func (c *Cache) checkNames(m *supergraph.Model) error {
	var errs []error
	for name, s := range c.options.Subgraphs {
		g := m.Subgraph(name)
		if g == nil {
			errs = append(errs, unknown("subgraph", name, "", graphNames(m)))
			continue
		}
		for typ := range s.Types {
			t := m.Type(typ)
			if t == nil || t.InSubgraph(g) == nil || len(t.InSubgraph(g).Keys) == 0 {
				errs = append(errs, unknown("entity type", typ, name, entityNames(m, g)))
			}
		}
		for field := range s.Root {
			if m.Query == nil || m.Query.Field(field) == nil || m.Query.Field(field).InSubgraph(g) == nil {
				errs = append(errs, unknown("root field", field, name, rootNames(m, g)))
			}
		}
	}
	return errors.Join(errs...)
}

// maxPolicyBytes bounds the cached policies. Selections depend on the operations of
// clients, so their number is not limited.
const maxPolicyBytes = 4 << 20

// policySize estimates the memory of a policy without its metrics.
var policySize = heapsize.NewSizer((*telemetry.EntityType)(nil))

// policy returns the cached policy of a selection, or creates it.
func (v *View) policy(s *execute.CacheSelection) *policy {
	if p, ok := v.policies.Get(s.Key); ok {
		return p
	}
	p := v.newPolicy(s)
	return v.policies.Put(s.Key, p, policySize.Of(p))
}

// Covers implements execute.EntityCache.
func (v *View) Covers(s *execute.CacheSelection) bool {
	config, ok := v.cache.options.Subgraphs[s.Subgraph]
	if !ok || len(s.Types) == 0 && len(s.Root) == 0 {
		return false
	}
	for _, name := range s.Types {
		if _, ok := config.Types[name]; !ok {
			return false
		}
	}
	for _, name := range s.Root {
		if _, ok := config.Root[name]; !ok {
			return false
		}
	}
	return true
}
