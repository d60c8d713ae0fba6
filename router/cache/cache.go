package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/execute"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// A Cache outlives supergraphs: each gets its own View of it.
type Cache struct {
	options Options
	local   *local
	// generations are those of the in-process layer.
	generations generations
	store       *store    // nil without Redis
	follower    *follower // nil without Redis
	cancel      context.CancelFunc
	running     sync.WaitGroup
	closed      atomic.Bool
}

// New makes a cache and begins to follow Redis, which need not be there yet.
// Close ends it.
func New(o Options) (*Cache, error) {
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	c.start()
	return c, nil
}

// newCache makes a cache whose background work has not begun.
func newCache(o Options) (*Cache, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	o.warn()
	c := &Cache{options: o, local: newLocal(o.LocalBytes, o.LocalTTL, o.Metrics.EntityCache.LocalBytes)}
	if o.Redis == nil {
		return c, nil
	}
	c.store = newStore(o)
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

// Close ends the background work and lets go of Redis. The cache then finds
// nothing more there.
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

// A View is a Cache as one supergraph sees it.
type View struct {
	cache *Cache
	model *supergraph.Model

	policies *bytecache.Cache[[16]byte, *policy]
}

var _ execute.EntityCache = (*View)(nil)

// View makes the view of a supergraph. Configured types and fields that the
// supergraph does not have are an error.
func (c *Cache) View(m *supergraph.Model) (*View, error) {
	if err := c.checkNames(m); err != nil {
		return nil, err
	}
	return c.LenientView(m), nil
}

// LenientView is View without that error: what the supergraph does not have is
// never asked for.
func (c *Cache) LenientView(m *supergraph.Model) *View {
	return &View{cache: c, model: m, policies: bytecache.New[[16]byte, *policy](maxPolicyBytes, bytecache.Observer{})}
}

func (c *Cache) checkNames(m *supergraph.Model) error {
	var errs []error
	for name, s := range c.options.Subgraphs {
		g := m.Graph(name)
		if g == nil {
			errs = append(errs, unknown("subgraph", name, "", graphNames(m)))
			continue
		}
		for typ := range s.Types {
			t := m.Type(typ)
			if t == nil || t.InGraph(g) == nil || len(t.InGraph(g).Keys) == 0 {
				errs = append(errs, unknown("entity type", typ, name, entityNames(m, g)))
			}
		}
		for field := range s.Root {
			if m.Query == nil || m.Query.Field(field) == nil || m.Query.Field(field).InGraph(g) == nil {
				errs = append(errs, unknown("root field", field, name, rootNames(m, g)))
			}
		}
	}
	return errors.Join(errs...)
}

// maxPolicyBytes bounds the policies remembered. Selections are made of what
// clients ask for, so there may be any number of them.
const maxPolicyBytes = 4 << 20

// policySize sizes a policy without the metrics it counts in.
var policySize = heapsize.NewSizer((*telemetry.EntityType)(nil))

// policy finds or makes the policy of a selection.
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
