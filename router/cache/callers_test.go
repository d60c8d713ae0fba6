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

// ask looks up one product for a caller. If it is not found, ask stores the subgraph's
// response with this Vary header. It returns the response and whether it was cached.
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

func TestResponsesAreSharedOnlyIfDeclared(t *testing.T) {
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
		{name: "the same caller", rule: own, control: maxAge, vary: nil, first: ada, second: ada, found: true},
		{name: "another caller", rule: own, control: maxAge, vary: nil, first: ada, second: bob, found: false},
		{name: "another caller, without Cache-Control", rule: own, control: execute.CacheControl{}, vary: nil, first: ada, second: bob, found: false},
		{name: "anonymous after a caller", rule: own, control: maxAge, vary: nil, first: ada, second: nobody, found: false},
		{name: "a caller after anonymous", rule: own, control: maxAge, vary: nil, first: nobody, second: ada, found: false},
		{name: "anonymous after anonymous", rule: own, control: maxAge, vary: nil, first: nobody, second: nobody, found: true},
		{name: "public, another caller", rule: own, control: public, vary: nil, first: ada, second: bob, found: true},
		{name: "public, anonymous", rule: own, control: public, vary: nil, first: ada, second: nobody, found: true},
		{name: "public, Vary with a propagated header", rule: own, control: public, vary: []string{"Accept, authorization"}, first: ada, second: bob, found: false},
		{name: "public, Vary with a propagated header, the same caller", rule: own, control: public, vary: []string{"Authorization"}, first: ada, second: ada, found: true},
		{name: "public, Vary with other headers", rule: own, control: public, vary: []string{"Accept-Encoding, Origin"}, first: ada, second: bob, found: true},
		{name: "public, Vary: *", rule: own, control: public, vary: []string{"*"}, first: ada, second: ada, found: false},
		{name: "shared by configuration", rule: shared, control: maxAge, vary: nil, first: ada, second: bob, found: true},
		{name: "shared by configuration, contradicted by Vary", rule: shared, control: maxAge, vary: []string{"Authorization"}, first: ada, second: bob, found: false},
		{name: "public, header in vary of the rule", rule: Rule{TTL: time.Minute, Vary: []string{"authorization"}}, control: public, vary: nil, first: ada, second: bob, found: false},
		{name: "a header that is not propagated", rule: own, control: maxAge, vary: nil, first: withHeader("", "X-Other", "1"), second: withHeader("", "X-Other", "2"), found: true},
		{name: "a header with an additional value", rule: own, control: maxAge, vary: nil, first: ada, second: withHeader("", "Authorization", "a", "Authorization", ""), found: false},
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

// TestSharedValuesAreNotUsedAfterSharedIsRemoved checks that values stored while a type
// was declared shared are not found when it no longer is.
func TestSharedValuesAreNotUsedAfterSharedIsRemoved(t *testing.T) {
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

func TestLookupReportsPrivateSelections(t *testing.T) {
	r := newFixture(t).router()
	for s, want := range map[*execute.CacheSelection]bool{secretSelection: true, productName: false} {
		l := request{selection: s, caller: callers[0], reps: product(1)}.lookup()
		r.view.Lookup(context.Background(), callers[0], []*execute.CacheLookup{l})
		if l.Private != want {
			t.Errorf("%s: Private = %v", s.Selections.GraphQL(), l.Private)
		}
	}
}

func TestCachingPerCallerIsLogged(t *testing.T) {
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
			t.Errorf("the log does not contain %s: %s", want, &log)
		}
	}
	if strings.Contains(log.String(), "stock") || strings.Contains(log.String(), "Category") {
		t.Errorf("the log warns about shared types: %s", &log)
	}
}

func TestPrivateAndSharedIsRejected(t *testing.T) {
	o := newFixture(t).options()
	o.Subgraphs = map[string]Subgraph{"shop": {Types: map[string]Rule{"Product": {TTL: time.Minute, Shared: true, Private: true}}}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "both private and shared") {
		t.Errorf("got error %v", err)
	}
}

// TestNoResponseReachesAnotherCaller simulates subgraphs whose responses depend on random
// headers and declare that according to HTTP. A response from the cache must equal the
// response that the subgraph would send to this caller.
func TestNoResponseReachesAnotherCaller(t *testing.T) {
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
		// The headers that responses really depend on: only propagated ones and,
		// if they are declared shared, only those in vary of the rule.
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
			// Public responses list in Vary what they depend on.
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
