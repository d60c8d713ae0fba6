package cache

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/execute"
)

// ask looks one product up for a caller and, if it is not found, stores what
// the subgraph answers with this header. It gives the answer, and whether it
// was cached.
func (r *router) ask(q request, vary []string, fetch string) (string, bool) {
	l := q.lookup()
	all := []*execute.CacheLookup{l}
	r.view.Lookup(context.Background(), q.caller, all)
	if found := l.Found[0]; found.JSON != nil {
		return string(found.JSON), true
	}
	l.Control, l.Vary, l.Fetched = q.control, vary, [][]byte{[]byte(fetch)}
	r.view.Store(context.Background(), q.caller, all)
	if r.cache.store != nil {
		r.flush()
	}
	return fetch, false
}

func withHeader(scope string, pairs ...string) execute.Caller {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return execute.Caller{Scope: scope, Header: h}
}

func TestCallersAreKeptApartUnlessAnswersAreShared(t *testing.T) {
	maxAge := execute.CacheControl{Set: true, MaxAge: time.Minute}
	public := execute.CacheControl{Set: true, MaxAge: time.Minute, Public: true}
	ada, bob, nobody := withHeader("", "Authorization", "a"), withHeader("", "Authorization", "b"), withHeader("")
	own := Rule{TTL: time.Minute}
	shared := Rule{TTL: time.Minute, Shared: true}
	for _, c := range []struct {
		name          string
		rule          Rule
		control       execute.CacheControl
		vary          []string
		first, second execute.Caller
		found         bool
	}{
		{"the same caller", own, maxAge, nil, ada, ada, true},
		{"another caller", own, maxAge, nil, ada, bob, false},
		{"another caller, and a subgraph that says nothing", own, execute.CacheControl{}, nil, ada, bob, false},
		{"nobody after a caller", own, maxAge, nil, ada, nobody, false},
		{"a caller after nobody", own, maxAge, nil, nobody, ada, false},
		{"nobody after nobody", own, maxAge, nil, nobody, nobody, true},
		{"public, another caller", own, public, nil, ada, bob, true},
		{"public, nobody", own, public, nil, ada, nobody, true},
		{"public but for a header of the caller", own, public, []string{"Accept, authorization"}, ada, bob, false},
		{"public but for a header of the caller, the same caller", own, public, []string{"Authorization"}, ada, ada, true},
		{"public but for a header that is not the caller's", own, public, []string{"Accept-Encoding, Origin"}, ada, bob, true},
		{"public but for more than headers", own, public, []string{"*"}, ada, ada, false},
		{"shared by configuration", shared, maxAge, nil, ada, bob, true},
		{"shared by configuration, which the subgraph contradicts", shared, maxAge, []string{"Authorization"}, ada, bob, false},
		{"kept apart by a header that is named anyway", Rule{TTL: time.Minute, Vary: []string{"authorization"}}, public, nil, ada, bob, false},
		{"a header that is not propagated", own, maxAge, nil, withHeader("", "X-Other", "1"), withHeader("", "X-Other", "2"), true},
		{"a header with one value more", own, maxAge, nil, ada, withHeader("", "Authorization", "a", "Authorization", ""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			change := func(o *Options) {
				o.Subgraphs = map[string]Subgraph{"shop": {Types: map[string]Rule{"Product": c.rule}, Propagated: []string{"authorization"}}}
			}
			a, b := f.router(change), f.router(change)
			a.ask(request{selection: productName, caller: c.first, control: c.control, reps: product(1)}, c.vary, `{"for":"first"}`)
			for layer, r := range map[string]*router{"local": a, "redis": b} {
				got, found := r.ask(request{selection: productName, caller: c.second, reps: product(1)}, []string{"*"}, `{"for":"second"}`)
				if found != c.found || found != (got == `{"for":"first"}`) {
					t.Errorf("%s: got %s, found %v", layer, got, found)
				}
			}
		})
	}
}

// Values that were stored while a type was declared shared must not be found
// when it is not any more.
func TestTakingBackSharedForgetsWhatWasShared(t *testing.T) {
	f := newFixture(t)
	with := func(shared bool) func(*Options) {
		return func(o *Options) {
			o.Subgraphs = map[string]Subgraph{"shop": {Types: map[string]Rule{"Product": {TTL: time.Minute, Shared: shared}}, Propagated: []string{"Authorization"}}}
		}
	}
	q := request{selection: productName, caller: withHeader("", "Authorization", "a"), reps: product(1)}
	f.router(with(true)).ask(q, nil, `{"for":"a"}`)
	if got, found := f.router(with(false)).ask(q, nil, `{"for":"a again"}`); found {
		t.Errorf("found %s", got)
	}
}

func TestLookupSaysWhatIsPrivate(t *testing.T) {
	r := newFixture(t).router()
	for s, want := range map[*execute.CacheSelection]bool{secretSelection: true, productName: false} {
		l := request{selection: s, caller: callers[0], reps: product(1)}.lookup()
		r.view.Lookup(context.Background(), callers[0], []*execute.CacheLookup{l})
		if l.Private != want {
			t.Errorf("%s: private is %v", s.Selections.GraphQL(), l.Private)
		}
	}
}

func TestWarnsOfAnswersKeptApart(t *testing.T) {
	var log bytes.Buffer
	newFixture(t).router(func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		rule := Rule{TTL: time.Minute}
		o.Subgraphs = map[string]Subgraph{
			"shop":  {Types: map[string]Rule{"Product": rule, "Category": {TTL: time.Minute, Shared: true}}, Root: map[string]Rule{"products": rule}, Propagated: []string{"Authorization"}},
			"stock": {Types: map[string]Rule{"Product": {TTL: time.Minute, Shared: true}}, Propagated: []string{"Authorization"}},
		}
	})
	for _, want := range []string{"level=WARN", "subgraph=shop", `types="[Product Query.products]"`, "headers=[Authorization]", "shared: true"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in %s", want, &log)
		}
	}
	if strings.Contains(log.String(), "stock") || strings.Contains(log.String(), "Category") {
		t.Errorf("warns of what is shared: %s", &log)
	}
}

func TestPrivateAndSharedIsRefused(t *testing.T) {
	o := newFixture(t).options()
	o.Subgraphs = map[string]Subgraph{"shop": {Types: map[string]Rule{"Product": {TTL: time.Minute, Shared: true, Private: true}}}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "both private and shared") {
		t.Errorf("got %v", err)
	}
}

// TestNoAnswerReachesAnotherCaller holds the cache against subgraphs whose
// answers depend on any headers that they are sent, and that say so as HTTP
// wants: whatever is found must be what the subgraph would answer this caller.
func TestNoAnswerReachesAnotherCaller(t *testing.T) {
	names := []string{"Authorization", "X-Tenant", "Accept-Language"}
	some := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string])
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		propagated := some.Draw(rt, "propagated")
		rule := Rule{
			TTL:     time.Duration(rapid.IntRange(1, 60).Draw(rt, "ttl")) * time.Second,
			Private: rapid.Bool().Draw(rt, "private"),
			Vary:    some.Draw(rt, "vary"),
		}
		rule.Shared = !rule.Private && rapid.Bool().Draw(rt, "shared")
		// What the answers truly depend on: on nothing that is not sent, and,
		// if they are declared shared, on nothing that the rule does not name.
		depends := slices.DeleteFunc(some.Draw(rt, "depends"), func(name string) bool {
			return !slices.Contains(propagated, name) || rule.Shared && !slices.Contains(rule.Vary, name)
		})
		change := func(o *Options) {
			o.Subgraphs = map[string]Subgraph{"shop": {Types: map[string]Rule{"Product": rule}, Propagated: propagated}}
		}
		routers := []*router{f.router(change), f.router(change)}
		for range rapid.IntRange(1, 30).Draw(rt, "requests") {
			q := request{selection: productName, reps: product(rapid.IntRange(0, 1).Draw(rt, "product")), caller: execute.Caller{
				Scope: rapid.SampledFrom([]string{"", "u", "v"}).Draw(rt, "scope"), Header: http.Header{},
			}}
			for _, name := range names {
				if values := rapid.SampledFrom([][]string{nil, {"1"}, {"2"}, {"1", "2"}, {""}}).Draw(rt, name); values != nil {
					q.caller.Header[name] = values
				}
			}
			answer := q.reps[0]
			for _, name := range depends {
				answer += fmt.Sprintf(" %s=%q", name, q.caller.Header[name])
			}
			if rule.Private {
				answer += " of " + q.caller.Scope
			}
			q.control = execute.CacheControl{Set: rapid.Bool().Draw(rt, "says"), MaxAge: time.Minute, Private: rapid.Bool().Draw(rt, "says private")}
			var vary []string
			// Public answers name in Vary what they depend on.
			if rapid.Bool().Draw(rt, "names") {
				vary = []string{strings.ToLower(strings.Join(depends, ", "))}
			}
			q.control.Public = q.control.Set && !q.control.Private && (vary != nil || len(depends) == 0) && rapid.Bool().Draw(rt, "says public")
			r := rapid.SampledFrom(routers).Draw(rt, "router")
			if got, _ := r.ask(q, vary, answer); got != answer {
				rt.Fatalf("got %s, want %s", got, answer)
			}
			f.advance(time.Duration(rapid.IntRange(0, 5000).Draw(rt, "later")) * time.Millisecond)
			for _, r := range routers {
				r.step()
			}
		}
	})
}
