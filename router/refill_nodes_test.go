package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// In a Redis Cluster, the leases and values of the cache have one slot. One router fetches what
// all need, also when the slot moves to another node meanwhile.
func TestOneRouterFetchesInARedisCluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	s := newHeldService("public, max-age=60")
	p := startReplicasAt(t, s, config.Redis{Addresses: []string{nodes[0].Addr, nodes[1].Addr}}, nodes, func(*config.Config) {})
	p.sharesFetch(heldQueries["entity"], 1, func() {})
	p.sharesFetch(heldQueries["root field"], 2, p.moveSlot)
	p.noLease()
	for i := range p.routers {
		if got := p.metric(i, `souk_router_entity_cache_wait_seconds_count{result="filled"}`); got != "2" {
			t.Errorf("router %d: %s waits found a value, want 2", i, got)
		}
	}
}

// sharesFetch sends a query to all routers, and wants the value of one fetch in the responses.
func (p *replicas) sharesFetch(query string, value int32, meanwhile func()) {
	p.t.Helper()
	got := []<-chan string{p.query(p.t.Context(), 0, query)}
	proceed := p.service.fetch(p.t)
	for i := range p.routers {
		got = append(got, p.query(p.t.Context(), i, query))
		p.waiting(i, 1)
	}
	meanwhile()
	proceed <- nil
	for _, one := range got {
		p.wants(one, value)
	}
}

// moveSlot moves the slot of the cache, with its keys, from one node to another.
func (p *replicas) moveSlot() {
	p.t.Helper()
	ctx := p.t.Context()
	must := func(cmd redis.Cmder) {
		p.t.Helper()
		if err := cmd.Err(); err != nil {
			p.t.Fatalf("%v: %v", cmd.Args(), err)
		}
	}
	slot, err := p.nodes[0].Client.ClusterKeySlot(ctx, "{souk:entities}").Result()
	if err != nil {
		p.t.Fatal(err)
	}
	ids, from := make([]string, len(p.nodes)), -1
	for i, node := range p.nodes {
		ids[i] = node.Client.Do(ctx, "CLUSTER", "MYID").Val().(string) //nolint:forcetypeassert // a test
		if node.Client.ClusterCountKeysInSlot(ctx, int(slot)).Val() > 0 {
			from = i
		}
	}
	if from < 0 {
		p.t.Fatal("no node has keys of the cache")
	}
	to := (from + 1) % len(p.nodes)
	source, target := p.nodes[from].Client, p.nodes[to]
	must(target.Client.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]))
	must(source.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]))
	host, port, _ := strings.Cut(target.Addr, ":")
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, int(slot), 100).Result()
		if err != nil {
			p.t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"MIGRATE", host, port, "", 0, 10_000, "KEYS"}
		for _, key := range keys {
			args = append(args, key)
		}
		must(source.Do(ctx, args...))
	}
	for _, i := range []int{to, from, (from + 2) % len(p.nodes)} {
		must(p.nodes[i].Client.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]))
	}
}

// failedOver waits until a failover has had an effect.
func failedOver(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// A failover by Sentinels costs no response, and no lease from before it delays requests after it:
// the router that has it ends it at the new primary, although it could not when it had the value.
func TestRefillsSurviveAFailoverBySentinels(t *testing.T) {
	primary := redistest.Start(t, redistest.Options{})
	replica := redistest.StartReplica(t, primary)
	sentinel := redistest.StartSentinel(t, "store", primary, 1)
	s := newHeldService("public, max-age=3600")
	p := startReplicasAt(t, s, config.Redis{MasterName: "store", Addresses: []string{sentinel.Addr}}, []*redistest.Server{primary}, func(c *config.Config) {
		c.ResponseCache.Redis.Timeout = time.Second
		c.ResponseCache.RefillWait = time.Hour // a lease that is left would outlive the test
		c.ResponseCache.LocalBytes = -1
	})
	first := p.query(t.Context(), 0, "{ mine }")
	proceed := s.fetch(t)
	second := p.query(t.Context(), 1, "{ mine }")
	p.waiting(1, 1)
	if n, err := primary.Client.Wait(t.Context(), 1, time.Minute).Result(); n != 1 || err != nil {
		t.Fatalf("%d replicas have the lease: %v", n, err)
	}
	primary.Kill()
	s.fetch(t) <- nil
	p.wants(second, 2)
	proceed <- nil
	p.wants(first, 1)
	p.nodes = []*redistest.Server{replica}
	failedOver(t, "the replica is the primary", func() bool {
		role, err := replica.Client.Do(t.Context(), "ROLE").Slice()
		return err == nil && role[0] == "master"
	})
	failedOver(t, "the lease has ended", func() bool { return p.keys("*}:l:*") == 0 })
	failedOver(t, "both routers find entries in Redis again", func() bool {
		fetches := s.fetches.Load()
		for i := range p.routers {
			if body := p.answered(p.query(t.Context(), i, "{ mine }")); !strings.Contains(body, `"mine":"`) {
				t.Fatalf("got %s", body)
			}
		}
		return s.fetches.Load() == fetches
	})
	for i := range p.routers {
		if got := p.metric(i, `souk_router_entity_cache_wait_seconds_count{result="timeout"}`); got != "" && got != "0" {
			t.Errorf("router %d: %s requests waited in vain", i, got)
		}
	}
	p.sharesFetch(heldQueries["entity"], s.fetches.Load()+1, func() {})
	p.noLease()
}
