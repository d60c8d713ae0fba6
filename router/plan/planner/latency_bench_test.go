package planner_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"souk/router/compose"
	"souk/router/operation"
	"souk/router/plan/planner"
)

// A shape is a graph and operations on it that have requests to merge.
type shape struct {
	name       string
	subgraphs  map[string]string
	operations []string
}

// shapes are graphs with requests that wait for different ones.
var shapes = []shape{
	{"branches", map[string]string{ // root fields of four services, whose items share prices, taxes and stock
		"a": `type Query { a: Item } type Item @key(fields: "id") { id: ID! }`,
		"b": `type Query { b: Item } type Item @key(fields: "id") { id: ID! }`,
		"c": `type Query { c: Item } type Item @key(fields: "id") { id: ID! }`,
		"d": `type Query { d: Item } type Item @key(fields: "id") { id: ID! }`,
		"p": `type Item @key(fields: "id") { id: ID! price: Int }`,
		"t": `type Item @key(fields: "id") { id: ID! price: Int @external tax: Int @requires(fields: "price") }`,
		"s": `type Item @key(fields: "id") { id: ID! tax: Int @external count: Int delivery: Int @requires(fields: "tax") }`,
	}, []string{
		`{ a { price tax } b { price } }`,
		`{ a { price tax } b { price tax } c { price } d { price } }`,
		`{ a { delivery } b { count } c { tax } d { price } }`,
		`{ a { price count } b { price count } c { delivery } }`,
		`{ a { id ... @defer { delivery } } b { id ... @defer { price } } c { tax } }`,
	}},
	{"chain", map[string]string{ // things that refer to each other across services
		"a": `type Query { a: A } type A @key(fields: "id") { id: ID! b: B } type B @key(fields: "id") { id: ID! } `,
		"b": `type Query { b: B } type B @key(fields: "id") { id: ID! c: C name: String } type C @key(fields: "id") { id: ID! }`,
		"c": `type Query { c: C } type C @key(fields: "id") { id: ID! a: A name: String d: D } type A @key(fields: "id") { id: ID! } type D @key(fields: "id") { id: ID! }`,
		"d": `type Query { d: D } type D @key(fields: "id") { id: ID! name: String owner: O } type O @key(fields: "id") { id: ID! }`,
		"e": `type Query { far: C } type C @key(fields: "id") { id: ID! }`,
		"o": `type O @key(fields: "id") { id: ID! name: String } type A @key(fields: "id") { id: ID! score: Int } type B @key(fields: "id") { id: ID! score: Int } type C @key(fields: "id") { id: ID! score: Int }`,
	}, []string{
		`{ a { score b { score name c { score name } } } }`,
		`{ a { b { c { d { name owner { name } } } } } d { owner { name } } }`,
		`{ b { c { d { name owner { name } } } } far { d { name } } }`,
		`{ b { c { name score } } far { name score d { owner { name } } } }`,
		`{ a { score } b { score c { d { owner { name } } } } c { a { score b { name } } } }`,
	}},
	{"requires", map[string]string{ // one entity, whose fields need each other
		"a": `type Query { item: Item items: [Item] } type Item @key(fields: "id") { id: ID! weight: Int }`,
		"b": `type Query { best: Item } type Item @key(fields: "id") { id: ID! weight: Int @external size: Int volume: Int @requires(fields: "weight") }`,
		"c": `type Item @key(fields: "id") { id: ID! volume: Int @external zone: Int cost: Int @requires(fields: "volume") }`,
		"e": `type Query { gift: Item } type Item @key(fields: "id") { id: ID! }`,
		"d": `type Item @key(fields: "id") { id: ID! cost: Int @external zone: Int @external rank: Int total: Int @requires(fields: "cost zone") }`,
	}, []string{
		`{ item { total rank } }`,
		`{ item { total } gift { zone } }`,
		`{ item { cost } gift { size } }`,
		`{ item { size volume zone cost rank total } best { weight } }`,
		`{ items { zone rank } best { total rank size } }`,
	}},
}

// A latencyMix has latencies in milliseconds.
type latencyMix struct {
	name string
	ms   []int
}

// latencyMixes are the latencies of subgraphs in turn, by the place of their name.
var latencyMixes = []latencyMix{
	{"even", []int{50}},
	{"slow root", []int{30, 700, 40, 60, 50, 80, 40}},
	{"slow entities", []int{30, 40, 30, 40, 500, 300, 60}},
	{"uneven", []int{20, 150, 400, 60, 10, 250, 90}},
}

func openShape(tb testing.TB, s shape) *testCase {
	tb.Helper()
	var parts []compose.Subgraph
	for name, sdl := range s.subgraphs {
		parts = append(parts, compose.Subgraph{Name: name, URL: "http://" + name,
			SDL: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires"])` + sdl})
	}
	composed, err := compose.Compose(tb.Context(), parts)
	if err != nil {
		tb.Fatal(err)
	}
	return open(tb, &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(composed.SDL)}}})
}

// A trade compares ways of merging requests, over several operations.
type trade struct {
	// The sums of how long responses take in proportion to their critical paths, and of the
	// numbers of requests: without any merging, merged by levels, and by latency.
	operations                       int
	byLevels, byLatency              float64
	alone, levelRequests, byLatencyN int
	worst, worstByLevels             float64 // times
	fewest                           int
	late                             int // later than 5 % and 10 ms
}

func (t *trade) add(tb testing.TB, c *testCase, text string, l planner.Latencies) {
	tb.Helper()
	op := c.operation(tb, text)
	usual, err := c.planner.Plan(op)
	if err != nil {
		tb.Fatal(err)
	}
	p, batching, err := c.planner.PlanBy(op, l)
	if err != nil {
		tb.Fatal(err)
	}
	usually, most := took(usual, l)
	total, requests := took(p, l)
	critical, alone := usually, most // nothing to merge
	if batching.Matters {
		critical, alone = time.Duration(batching.Critical.Seconds*float64(time.Second)), batching.Critical.Requests
	}
	t.worstByLevels = max(t.worstByLevels, usually.Seconds()/critical.Seconds())
	t.operations++
	t.byLevels += usually.Seconds() / critical.Seconds()
	t.byLatency += total.Seconds() / critical.Seconds()
	t.worst = max(t.worst, total.Seconds()/critical.Seconds())
	if total > critical+critical/20 && total > critical+10*time.Millisecond {
		t.late++
	}
	t.alone += alone
	t.levelRequests += most
	t.byLatencyN += requests
	t.fewest += min(most, requests)
}

// TestLatencyTrade plans the operations of each shape with many mixes of latencies. No response
// takes more than 5 % longer than its critical path, or 10 ms, and altogether at most a tenth
// more requests than the fewest are made.
func TestLatencyTrade(t *testing.T) {
	var all trade
	for _, s := range shapes {
		c := openShape(t, s)
		var some trade
		rng := rand.New(rand.NewPCG(1, 2))
		for range 6 {
			l := planner.Latencies{}
			for _, g := range c.model.Subgraphs { // from 5 ms to 1 s
				l[g.Name] = time.Duration(5 * math.Pow(200, rng.Float64()) * float64(time.Millisecond))
			}
			for _, text := range s.operations {
				some.add(t, c, text, l)
				all.add(t, c, text, l)
			}
		}
		n := float64(some.operations)
		t.Logf("%-10s time by levels %.3f (worst %.3f), by latency %.3f (worst %.3f); requests by levels %.3f, by latency %.3f, without merging %.3f", s.name,
			some.byLevels/n, some.worstByLevels, some.byLatency/n, some.worst, some.ratio(some.levelRequests), some.ratio(some.byLatencyN), some.ratio(some.alone))
	}
	if n := float64(all.operations); all.late > 0 || all.byLatency/n > 1.05 {
		t.Errorf("responses take %.3f times as long as their critical paths, at worst %.3f; %d are late", all.byLatency/n, all.worst, all.late)
	}
	if got := all.ratio(all.byLatencyN); got > 1.1 {
		t.Errorf("%.3f times the fewest requests", got)
	}
	if all.byLevels/float64(all.operations) < 1.02 {
		t.Error("the latencies make no difference, so nothing is shown")
	}
}

// ratio is a number of requests in proportion to the fewest.
func (t *trade) ratio(requests int) float64 { return float64(requests) / float64(t.fewest) }

// report reports the averages.
func (t *trade) report(b *testing.B) {
	n := float64(t.operations)
	b.ReportMetric(1, "never-time")
	b.ReportMetric(t.ratio(t.alone), "never-requests")
	b.ReportMetric(t.byLevels/n, "levels-time")
	b.ReportMetric(t.ratio(t.levelRequests), "levels-requests")
	b.ReportMetric(t.byLatency/n, "latency-time")
	b.ReportMetric(t.worstByLevels, "levels-worst-time")
	b.ReportMetric(t.worst, "latency-worst-time")
	b.ReportMetric(t.ratio(t.byLatencyN), "latency-requests")
}

func (m latencyMix) of(c *testCase) planner.Latencies {
	l := planner.Latencies{}
	for i, g := range c.model.Subgraphs {
		l[g.Name] = time.Duration(m.ms[i%len(m.ms)]) * time.Millisecond
	}
	return l
}

// BenchmarkByLatency plans the operations of each shape with each mix of latencies. It reports how
// long responses take in simulated time, in proportion to their critical paths, and the number of
// requests, in proportion to the fewest: if nothing is merged (never), if all is merged that makes
// no chain longer (levels), and by latency. ns/op is the time of planning by latency.
func BenchmarkByLatency(b *testing.B) {
	for _, s := range shapes {
		c := openShape(b, s)
		for _, mix := range latencyMixes {
			l := mix.of(c)
			b.Run(s.name+"/"+mix.name, func(b *testing.B) {
				var ops []*operation.Operation
				var t trade
				for _, text := range s.operations {
					ops = append(ops, c.operation(b, text))
					t.add(b, c, text, l)
				}
				for b.Loop() {
					for _, op := range ops {
						if _, _, err := c.planner.PlanBy(op, l); err != nil {
							b.Fatal(err)
						}
					}
				}
				t.report(b)
			})
		}
	}
}

// BenchmarkWithoutLatency is the time of planning the same operations without latencies.
func BenchmarkWithoutLatency(b *testing.B) {
	for _, s := range shapes {
		c := openShape(b, s)
		b.Run(s.name, func(b *testing.B) {
			var ops []*operation.Operation
			for _, text := range s.operations {
				ops = append(ops, c.operation(b, text))
			}
			for b.Loop() {
				for _, op := range ops {
					if _, err := c.planner.Plan(op); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
