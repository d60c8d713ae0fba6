package cache

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// beforeLease calls a function before the first pipeline that creates a lease.
type beforeLease struct {
	once sync.Once
	do   func()
}

func (*beforeLease) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*beforeLease) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (b *beforeLease) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		for _, c := range commands {
			if args := c.Args(); args[0] == "set" && args[len(args)-1] == "nx" {
				b.once.Do(b.do)
			}
		}
		return next(ctx, commands)
	}
}

// A router may read an expired value before, and create the lease after, another router has
// replaced it.
func TestValuesThatAnotherRouterHasRefreshedAreNotFetchedAgain(t *testing.T) {
	f := newFixture(t)
	waits := func(o *Options) { o.RefillWait = time.Minute }
	first, second := expiring(f, waits), expiring(f, waits)
	q, one := request{selection: productName, reps: product(1, 2)}, request{selection: productName, reps: product(1)}
	first.run(q, always("1"))
	first.pass(15 * time.Second)
	second.step()
	replaced := false
	second.cache.store.client.AddHook(&beforeLease{do: func() {
		replaced = true
		first.refresh(first.lookup(one), "2")
	}})

	l := second.lookup(q)
	if !replaced {
		t.Fatal("the other router has not replaced the value")
	}
	if l.Refresh == nil || len(l.Refresh.Indices) != 1 || l.Refresh.Indices[0] != 1 {
		t.Fatalf("the refresh is %+v, want only the value that was not replaced", l.Refresh)
	}
	second.refresh(l, "3")
	second.want("after both refreshes", q, "null", "2* 3*")
	if l := second.lookup(q); l.Refresh != nil {
		t.Errorf("a fresh value is refreshed: %+v", l.Refresh)
	}
	second.flush()
	for _, key := range f.redis.Keys() {
		if strings.HasPrefix(key, second.cache.store.prefix+leaseKey) {
			t.Errorf("the lease %q is left", key)
		}
	}
}
