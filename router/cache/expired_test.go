package cache

import (
	"context"
	"testing"
	"time"

	"souk/router/execute"
)

// expiring returns a router whose values of products are used after they have expired.
func expiring(f *fixture, change ...func(*Options)) *router {
	return f.router(append(change, func(o *Options) {
		o.LocalBytes = -1
		o.Subgraphs["shop"].Types["Product"] = Rule{
			TTL: 10 * time.Second, StaleWhileRevalidate: 20 * time.Second, StaleIfError: time.Minute, NegativeTTL: 3 * time.Second,
		}
	})...)
}

// pass advances the clock while the router follows the events.
func (r *router) pass(d time.Duration) {
	for ; d > 0; d -= time.Second {
		r.advance(min(d, time.Second))
		r.step()
	}
}

func (r *router) lookup(q request) *execute.CacheLookup {
	l := q.lookup()
	r.view.Lookup(context.Background(), q.caller, []*execute.CacheLookup{l})
	return l
}

func (r *router) expired(q request) string {
	l := r.lookup(q)
	r.view.Expired(context.Background(), q.caller, []*execute.CacheLookup{l})
	return string(l.Found[0].JSON)
}

func (r *router) refresh(l *execute.CacheLookup, answer string) {
	done := &execute.CacheLookup{CacheSelection: l.CacheSelection, State: l.Refresh.State, Fetched: make([][]byte, len(l.Found))}
	for _, i := range l.Refresh.Indices {
		done.Fetched[i] = []byte(answer)
	}
	r.view.Store(context.Background(), execute.Caller{}, []*execute.CacheLookup{done})
	r.flush()
	l.Refresh.Done()
}

func TestExpiredValuesAreUsedWhileTheyAreRefreshedOnce(t *testing.T) {
	r := expiring(newFixture(t))
	q := request{selection: productName, reps: product(1, 2)}
	r.run(q, always("1"))
	r.pass(15 * time.Second)
	first, second := r.lookup(q), r.lookup(q)
	for _, l := range []*execute.CacheLookup{first, second} {
		for i, found := range l.Found {
			if string(found.JSON) != "1" || found.TTL != 0 || found.Age.Round(time.Second) != 15*time.Second {
				t.Errorf("found[%d] = %+v", i, found)
			}
		}
	}
	if first.Refresh == nil || len(first.Refresh.Indices) != 2 || second.Refresh != nil {
		t.Fatalf("refreshes: %+v, %+v; want one for each key", first.Refresh, second.Refresh)
	}
	first.Refresh.Done() // it has failed
	third := r.lookup(q)
	if third.Refresh == nil {
		t.Fatal("a failed refresh is not repeated")
	}
	r.refresh(third, "2")
	r.want("after the refresh", q, "null", "2* 2*")

	r.pass(15 * time.Second)
	r.refresh(r.lookup(q), "null")
	if l := r.lookup(q); l.Found[0].JSON != nil && string(l.Found[0].JSON) != "null" {
		t.Errorf("a deleted entity is still used: %s", l.Found[0].JSON)
	}
}

func TestRefreshesAreBounded(t *testing.T) {
	r := expiring(newFixture(t))
	for id := range maxRefreshes + 1 {
		r.run(request{selection: productName, reps: product(id)}, always("1"))
	}
	r.pass(15 * time.Second)
	running := 0
	for id := range maxRefreshes + 1 {
		l := r.lookup(request{selection: productName, reps: product(id)})
		if string(l.Found[0].JSON) != "1" {
			t.Errorf("product %d is not found", id)
		}
		if l.Refresh != nil {
			running++
		}
	}
	if running != maxRefreshes {
		t.Errorf("%d refreshes, want %d", running, maxRefreshes)
	}
}

func TestExpiredValuesAreUsedIfTheSubgraphFails(t *testing.T) {
	for _, tt := range []struct {
		name    string
		control execute.CacheControl
		pass    time.Duration
		happen  func(*router)
		want    string
	}{
		{name: "after the lifetime", pass: 40 * time.Second, want: "1"},
		{name: "after the time allowed", pass: 71 * time.Second},
		{name: "must be revalidated", control: execute.CacheControl{Set: true, MaxAge: 10 * time.Second, Revalidate: true}, pass: 11 * time.Second},
		{name: "invalidated", pass: 40 * time.Second, happen: func(r *router) {
			if err := r.cache.Invalidate(context.Background(), "Product", "1"); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "another invalidated", pass: 40 * time.Second, want: "1", happen: func(r *router) {
			if err := r.cache.Invalidate(context.Background(), "Product", "2"); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "Redis stopped", pass: 40 * time.Second, happen: func(r *router) { r.redis.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := expiring(newFixture(t))
			q := request{selection: productName, reps: product(1), control: tt.control}
			r.run(q, always("1"))
			r.pass(tt.pass)
			if tt.happen != nil {
				tt.happen(r)
			}
			if got := r.expired(q); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMissingEntitiesAreRememberedForTheirOwnTime(t *testing.T) {
	r := expiring(newFixture(t))
	q := request{selection: productName, reps: product(1)}
	store := func() {
		l := r.lookup(q)
		l.Fetched = [][]byte{[]byte("null")}
		r.view.Store(context.Background(), q.caller, []*execute.CacheLookup{l})
		r.flush()
	}
	store()
	if got := string(r.lookup(q).Found[0].JSON); got != "null" {
		t.Errorf("got %q, want null", got)
	}
	if err := r.cache.Invalidate(context.Background(), "Product", "1"); err != nil {
		t.Fatal(err)
	}
	if got := r.expired(q); got != "" {
		t.Errorf("after its invalidation: got %q", got)
	}
	store()
	r.pass(4 * time.Second)
	if got := r.expired(q); got != "" {
		t.Errorf("after its time: got %q", got)
	}
}
