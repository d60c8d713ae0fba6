package execute_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	budgets "souk/internal/memory"
	"souk/router/execute"
	"souk/router/operation"
	"souk/router/plan"
)

// memory is an EntityCache that keeps everything in a map and records its calls.
type memory struct {
	covers func(*execute.CacheSelection) bool
	stored func(*execute.CacheLookup) // called for each lookup passed to Store, unless nil

	mu      sync.Mutex
	kept    map[string]execute.Found
	expired map[string]execute.Found
	lookups []string
	// ttl is for responses that state none; 0 keeps none of them.
	ttl time.Duration
}

func (m *memory) Covers(s *execute.CacheSelection) bool { return m.covers == nil || m.covers(s) }

func key(l *execute.CacheLookup, i int) string {
	return fmt.Sprintf("%x %s %s", l.Key, l.Variables, l.Representations[i])
}

func (m *memory) Lookup(_ context.Context, _ execute.Caller, lookups []*execute.CacheLookup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range lookups {
		for i, r := range l.Representations {
			l.Found[i] = m.kept[key(l, i)]
			m.lookups = append(m.lookups, fmt.Sprintf("%s %v%v %s %t", l.Subgraph, l.Types, l.Root, r, l.Found[i].JSON != nil))
		}
	}
}

func (m *memory) Store(_ context.Context, _ execute.Caller, lookups []*execute.CacheLookup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range lookups {
		if m.stored != nil {
			m.stored(l)
		}
		ttl := l.Control.MaxAge
		if !l.Control.Set {
			ttl = m.ttl
		}
		for i, text := range l.Fetched {
			if text != nil && ttl > 0 && string(text) != "null" {
				m.kept[key(l, i)] = execute.Found{JSON: slices.Clone(text), TTL: ttl, Private: l.Control.Private, Stated: l.Control.Set}
			}
		}
	}
}

func (m *memory) Expired(_ context.Context, _ execute.Caller, lookups []*execute.CacheLookup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range lookups {
		for i := range l.Representations {
			if f, ok := m.expired[key(l, i)]; ok {
				f.Age, f.TTL = time.Hour, 0
				l.Found[i] = f
			}
		}
	}
}

func (m *memory) Mutated(context.Context, plan.Selections, []byte) {}

func (m *memory) texts() string {
	var list []string
	for k, f := range m.kept {
		_, k, _ = strings.Cut(k, " ")
		list = append(list, k+" = "+string(f.JSON))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

const cachePlan = `
query Query
fetch a : { all { __typename id } }
entities b dependsOn 0 vars v
  _entities r @all P{id} : { name }
projection { all:[P] { id:ID name:String } }`

func TestCachedEntitiesAreNotFetched(t *testing.T) {
	cache := &memory{kept: map[string]execute.Found{}, covers: func(s *execute.CacheSelection) bool { return s.Root == nil }}
	transport := &canned{t: t, answers: map[string]string{
		"0": `{"data":{"all":[{"__typename":"P","id":"1"},{"__typename":"P","id":"2"},{"__typename":"P","id":"3"},{"__typename":"P","id":"1"}]}}`,
		"1": "Cache-Control: private, max-age=60\nAge: 20\n" +
			`{"data":{"_entities":[{"name":"one"},null,{"name":null}]},"errors":[{"message":"no","path":["_entities",2,"name"]}]}`,
	}}
	executor := execute.New(execute.Options{Transport: transport, Cache: cache})
	program := compile(t, cachePlan)
	run := func(vars operation.Variables, want string) *execute.Response {
		t.Helper()
		response := executor.Execute(t.Context(), &execute.Request{Program: program, Variables: vars})
		var got struct{ Data json.RawMessage }
		if err := json.Unmarshal(response.Body, &got); err != nil || string(got.Data) != want {
			t.Errorf("got %s\nwant %s", response.Body, want)
		}
		return response
	}
	const answer = `{"all":[{"id":"1","name":"one"},{"id":"2","name":null},{"id":"3","name":null},{"id":"1","name":"one"}]}`
	run(nil, answer).Release()
	// Neither null nor an entity with an error is stored.
	if got, want := cache.texts(), `[] {"__typename":"P","id":"1"} = {"name":"one"}`; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}

	// Only the missing entities are fetched.
	transport.requests = nil
	transport.answers["1"] = "Cache-Control: max-age=100\n" + `{"data":{"_entities":[{"name":"two"},{"name":"three"}]}}`
	response := run(nil, `{"all":[{"id":"1","name":"one"},{"id":"2","name":"two"},{"id":"3","name":"three"},{"id":"1","name":"one"}]}`)
	if got := transport.requests[1]; got != `1 b {"r":[{"__typename":"P","id":"2"},{"__typename":"P","id":"3"}]}` {
		t.Errorf("got request %s", got)
	}
	if f := response.Fetches[1]; f.Found != 1 || f.Representations != 3 {
		t.Errorf("got statistics %+v", f)
	}
	if response.Control.Set {
		t.Error("a response with a part without Cache-Control has Cache-Control")
	}
	response.Release()

	// Nothing is missing, so nothing is sent.
	transport.requests = nil
	transport.answers["0"] = "Cache-Control: max-age=50\n" + transport.answers["0"]
	response = run(nil, `{"all":[{"id":"1","name":"one"},{"id":"2","name":"two"},{"id":"3","name":"three"},{"id":"1","name":"one"}]}`)
	if len(transport.requests) != 1 {
		t.Errorf("got requests %v, want none", transport.requests)
	}
	if want := (execute.CacheControl{Set: true, MaxAge: 40 * time.Second, Private: true}); response.Control != want {
		t.Errorf("got Cache-Control %+v, want %+v", response.Control, want)
	}
	response.Release()

	// A cached value that is not JSON is a miss.
	for k, f := range cache.kept {
		f.JSON = f.JSON[:len(f.JSON)-1]
		cache.kept[k] = f
	}
	transport.answers["1"] = `{"data":{"_entities":[{"name":"1"},{"name":"2"},{"name":"3"}]}}`
	run(nil, `{"all":[{"id":"1","name":"1"},{"id":"2","name":"2"},{"id":"3","name":"3"},{"id":"1","name":"1"}]}`).Release()
}

// A hit must not state a longer lifetime than the miss before it: clients could
// keep a response that only the router can invalidate.
func TestCacheHitHasNoLifetimeThatTheSubgraphDidNotState(t *testing.T) {
	for _, stated := range []bool{false, true} {
		cache := &memory{kept: map[string]execute.Found{}, ttl: time.Minute}
		header := ""
		if stated {
			header = "Cache-Control: max-age=9\n"
		}
		transport := &canned{t: t, answers: map[string]string{"0": header + `{"data":{"a":1}}`}}
		executor := execute.New(execute.Options{Transport: transport, Cache: cache})
		program := compile(t, "query Query fetch s vars v : { a } projection { a:Int }")
		for range 3 {
			response := executor.Execute(t.Context(), &execute.Request{Program: program, Variables: variables(t, `{"v":1}`)})
			if response.Control.Set != stated {
				t.Errorf("stated %t: got Cache-Control %+v after %d requests", stated, response.Control, len(transport.requests))
			}
			response.Release()
		}
		if len(transport.requests) != 1 {
			t.Errorf("stated %t: got %d requests", stated, len(transport.requests))
		}
	}
}

func TestCachedRootFetchIsNotSent(t *testing.T) {
	cache := &memory{kept: map[string]execute.Found{}}
	transport := &canned{t: t, answers: map[string]string{"0": "Cache-Control: s-maxage=9, max-age=5\n" + `{"data":{"a":1}}`}}
	executor := execute.New(execute.Options{Transport: transport, Cache: cache})
	program := compile(t, "query Query fetch s vars v : { a } projection { a:Int }")
	for i, test := range []struct {
		vars string
		sent int
	}{{vars: `{"v":1}`, sent: 1}, {vars: `{"v":1}`, sent: 1}, {vars: `{"v":2}`, sent: 2}, {vars: `{"v":2,"other":1}`, sent: 2}} {
		response := executor.Execute(t.Context(), &execute.Request{Program: program, Variables: variables(t, test.vars)})
		if string(response.Body) != `{"data":{"a":1}}` || len(transport.requests) != test.sent {
			t.Errorf("%d: got %s after %d requests, want %d", i, response.Body, len(transport.requests), test.sent)
		}
		if want := (execute.CacheControl{Set: true, MaxAge: 9 * time.Second}); response.Control != want {
			t.Errorf("got Cache-Control %+v", response.Control)
		}
		response.Release()
	}
	if got := cache.lookups[0]; got != "s [][a]  false" {
		t.Errorf("got lookups %q", got)
	}
	// A response with an error is not stored, and a mutation is not looked up.
	transport.answers["0"] = "Cache-Control: max-age=5\n" + `{"data":{"a":null},"errors":[{"message":"no"}]}`
	executor.Execute(t.Context(), &execute.Request{Program: program, Variables: variables(t, `{"v":3}`)}).Release()
	if len(cache.kept) != 2 {
		t.Errorf("stored %s, want nothing", cache.texts())
	}
	asked := len(cache.lookups)
	transport.answers["0"] = `{"data":{"a":1}}`
	executor.Execute(t.Context(), &execute.Request{Program: compile(t, "mutation Mutation mutate s : { a } projection { a:Int }")}).Release()
	if len(cache.lookups) != asked {
		t.Error("the cache was called for a mutation")
	}
}

// Equal selections of an entity have one cache key, whatever query they are in.
func TestEqualSelectionsHaveOneCacheKey(t *testing.T) {
	var mu sync.Mutex
	var selections []*execute.CacheSelection
	cache := &memory{kept: map[string]execute.Found{}, covers: func(s *execute.CacheSelection) bool {
		mu.Lock()
		defer mu.Unlock()
		if s.Root == nil {
			selections = append(selections, s)
		}
		return true
	}}
	transport := &canned{t: t, answers: map[string]string{
		"0": `{"data":{"x":{"id":1},"y":{"id":2}}}`,
		"1": `{"data":{"_e0":[{"name":"x"}],"_e1":[{"name":"y"}]}}`,
	}}
	executor := execute.New(execute.Options{Transport: transport, Cache: cache})
	executor.Execute(t.Context(), &execute.Request{Program: compile(t, `
query Query
fetch a : { x { id } y { id } }
entities b dependsOn 0
  _e0 r0 @x P{id} : { name }
  _e1 r1 @y P{id} : { name }
projection { x:P { name:String } y:P { name:String } }`)}).Release()
	if len(selections) != 2 || selections[0].Key != selections[1].Key || selections[0].Selections.GraphQL() != selections[1].Selections.GraphQL() {
		t.Errorf("got selections %+v", selections)
	}
	if got := strings.Join(selections[0].Types, " "); got != "P" {
		t.Errorf("got types %s", got)
	}
}

// Cached values are charged to the memory budget like subgraph responses.
func TestCachedResponsesAreChargedToTheBudget(t *testing.T) {
	budget := budgets.NewBudget(1 << 20)
	cache := &memory{kept: map[string]execute.Found{}, covers: func(s *execute.CacheSelection) bool { return s.Root == nil }}
	transport := &canned{t: t, answers: map[string]string{
		"0": `{"data":{"all":[{"__typename":"P","id":"1"}]}}`,
		"1": "Cache-Control: max-age=60\n" + `{"data":{"_entities":[{"name":"` + strings.Repeat("x", 100<<10) + `"}]}}`,
	}}
	executor := execute.New(execute.Options{Transport: transport, Cache: cache, Memory: budget})
	program := compile(t, cachePlan)
	for range 2 {
		executor.Execute(t.Context(), &execute.Request{Program: program}).Release()
	}
	if len(transport.requests) != 3 {
		t.Fatalf("got requests %v", transport.requests)
	}
	var held budgets.Lease
	held.Of(budget)
	if err := held.Grow(t.Context(), 900<<10); err != nil {
		t.Fatal(err)
	}
	response := executor.Execute(t.Context(), &execute.Request{Program: program})
	if !response.Shed || !slices.Contains(response.Codes, execute.CodeOverloaded) {
		t.Errorf("a hit of 100 KiB exceeds the budget, but got %.200s", response.Body)
	}
	response.Release()
	held.Release()
	if budget.Used() != 0 {
		t.Errorf("%d bytes are still charged", budget.Used())
	}
}
