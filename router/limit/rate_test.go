package limit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"souk/router/auth"
	"souk/router/internal/clientaddr"
	"souk/router/limit"
)

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // some tests stop Redis deliberately
	m.Run()
}

// A fixture has one rate limit in Redis and one in the process, with a common
// clock.
type fixture struct {
	redis  *miniredis.Miniredis
	mu     sync.Mutex
	now    time.Time
	shared *limit.Rate
	local  *limit.Rate
}

func newFixture(t testing.TB, requests int, interval time.Duration) *fixture {
	t.Helper()
	f := &fixture{redis: miniredis.RunT(t), now: time.Unix(1_800_000_000, 0)}
	f.redis.SetTime(f.now)
	client := redis.NewClient(&redis.Options{Addr: f.redis.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	now := func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }
	var err error
	if f.shared, err = limit.NewRate(limit.RateOptions{Requests: requests, Interval: interval, Redis: client, Timeout: 10 * time.Second, Now: now}); err != nil {
		t.Fatal(err)
	}
	if f.local, err = limit.NewRate(limit.RateOptions{Requests: requests, Interval: interval, Now: now}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	f.redis.SetTime(f.now)
	f.redis.FastForward(d)
}

func TestRateAllowsBurstAndRefills(t *testing.T) {
	f := newFixture(t, 3, 3*time.Second)
	for name, r := range map[string]*limit.Rate{"shared": f.shared, "local": f.local} {
		t.Run(name, func(t *testing.T) {
			for i := range 3 {
				if d := r.Allow(t.Context(), name, 1); !d.Allowed || d.Remaining != 2-i || d.Reset != time.Duration(i+1)*time.Second {
					t.Errorf("request %d: got %+v", i, d)
				}
			}
			if d := r.Allow(t.Context(), name, 1); d.Allowed || d.Remaining != 0 || d.RetryAfter != time.Second {
				t.Errorf("request above the burst: got %+v", d)
			}
			if d := r.Allow(t.Context(), name+"'s neighbour", 1); !d.Allowed {
				t.Errorf("another caller: got %+v", d)
			}
			f.advance(time.Second)
			if d := r.Allow(t.Context(), name, 1); !d.Allowed {
				t.Errorf("a second later: got %+v", d)
			}
			if d := r.Allow(t.Context(), name, 1); d.Allowed {
				t.Errorf("next request: got %+v", d)
			}
		})
	}
}

// TestSharedAndLocalRateAgree compares the decisions of Redis with those of the
// process, and checks the number of requests allowed within any interval.
func TestSharedAndLocalRateAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		requests := rapid.IntRange(1, 5).Draw(rt, "requests")
		interval := time.Duration(rapid.IntRange(1, 5).Draw(rt, "seconds")) * time.Second
		f := newFixture(t, requests, interval)
		defer f.redis.Close()
		var passed []time.Time
		for range rapid.IntRange(1, 30).Draw(rt, "n") {
			f.advance(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "ms")) * time.Millisecond)
			n := rapid.IntRange(1, requests+1).Draw(rt, "cost")
			a, b := f.shared.Allow(context.Background(), "x", n), f.local.Allow(context.Background(), "x", n)
			if a != b {
				rt.Fatalf("Redis decided %+v, the process %+v", a, b)
			}
			if a.Never != (n > requests) {
				rt.Fatalf("a cost of %d of %d: got %+v", n, requests, a)
			}
			if !a.Allowed {
				continue
			}
			for range n {
				passed = append(passed, f.now)
			}
			within := 0
			for _, at := range passed {
				if f.now.Sub(at) < interval {
					within++
				}
			}
			// GCRA allows a full burst plus the requests refilled in the interval.
			if within > 2*requests {
				rt.Fatalf("%d of %d requests passed within %s", within, requests, interval)
			}
		}
	})
}

func TestProcessCountsWhileRedisIsUnavailable(t *testing.T) {
	f := newFixture(t, 2, time.Minute)
	f.redis.Close()
	var got []bool
	for range 8 {
		got = append(got, f.shared.Allow(t.Context(), "x", 1).Allowed)
	}
	if s := fmt.Sprint(got); s != "[true true false false false false false false]" {
		t.Errorf("got keys %s", s)
	}
}

func TestDecisionsSetRateLimitHeaders(t *testing.T) {
	f := newFixture(t, 2, 90*time.Second)
	for i, want := range []string{`"default";r=1;t=45`, `"default";r=0;t=90`, `"default";r=0;t=90`} {
		d := f.shared.Allow(t.Context(), "x", 1)
		header := http.Header{}
		f.shared.Describe(header, d)
		if header.Get("RateLimit-Policy") != `"default";q=2;w=90` || header.Get("RateLimit") != want {
			t.Errorf("request %d: got headers %v, want %s", i, header, want)
		}
		if d.Allowed != (i < 2) {
			t.Errorf("request %d: got %+v", i, d)
		}
		if message, wait := f.shared.Refusal(d); i == 2 && (wait != "45" || message != "Too many requests: 2 per 1m30s are allowed. Try again in 45 s.") {
			t.Errorf("got message %q, Retry-After %s", message, wait)
		}
	}
}

func TestCallersAreIdentified(t *testing.T) {
	request := func(address string, caller *auth.Caller, key string) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = address
		r.Header.Set("X-Key", key)
		return r.WithContext(auth.With(r.Context(), caller))
	}
	subject := &auth.Caller{Subject: "1", Issuer: "a"}
	of := new(clientaddr.Resolver).Of
	address := limit.ByAddress(of)
	same := []struct {
		name string
		key  func(*http.Request) string
		a, b *http.Request
		same bool
	}{
		{name: "ports of an address", key: address, a: request("192.0.2.1:1", nil, ""), b: request("192.0.2.1:2", nil, ""), same: true},
		{name: "addresses", key: address, a: request("192.0.2.1:1", nil, ""), b: request("192.0.2.2:1", nil, ""), same: false},
		{name: "addresses of an IPv6 network", key: address, a: request("[2001:db8::1]:1", nil, ""), b: request("[2001:db8::2]:1", nil, ""), same: true},
		{name: "IPv6 networks", key: address, a: request("[2001:db8::1]:1", nil, ""), b: request("[2001:db8:0:1::1]:1", nil, ""), same: false},
		{name: "Unix sockets", key: address, a: request("@", nil, ""), b: request("@", nil, ""), same: true},
		{name: "IPv4 in IPv6", key: address, a: request("[::ffff:192.0.2.1]:1", nil, ""), b: request("192.0.2.1:1", nil, ""), same: true},
		{name: "one subject at two addresses", key: limit.BySubject(of), a: request("192.0.2.1:1", subject, ""), b: request("192.0.2.2:1", subject, ""), same: true},
		{name: "two subjects at an address", key: limit.BySubject(of), a: request("192.0.2.1:1", subject, ""), b: request("192.0.2.1:1", &auth.Caller{Subject: "2", Issuer: "a"}, ""), same: false},
		{name: "anonymous at two addresses", key: limit.BySubject(of), a: request("192.0.2.1:1", nil, ""), b: request("192.0.2.2:1", nil, ""), same: false},
		{name: "two keys at an address", key: limit.ByHeader("X-Key", of), a: request("192.0.2.1:1", nil, "a"), b: request("192.0.2.1:1", nil, "b"), same: false},
	}
	for _, tt := range same {
		if got := tt.key(tt.a) == tt.key(tt.b); got != tt.same {
			t.Errorf("%s: got keys %q and %q", tt.name, tt.key(tt.a), tt.key(tt.b))
		}
	}
}

func TestInvalidRateIsRejected(t *testing.T) {
	for _, o := range []limit.RateOptions{{Interval: 1}, {Requests: 1}, {Requests: 1000, Interval: time.Microsecond}} {
		if _, err := limit.NewRate(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
