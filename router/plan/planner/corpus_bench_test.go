package planner_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"souk/router/compose"
	"souk/router/internal/oracle"
	"souk/router/operation"
	"souk/router/plan/planner"
)

var corpusTimes = flag.String("planner.times", "", "the file that BenchmarkCorpus writes the time of each operation to")

// A corpus has operations to measure the planner with.
type corpus struct{ operations []corpusOperation }

type corpusOperation struct {
	name           string
	planner, quick *planner.Planner
	op             *operation.Operation
	labels         []string
}

// add adds an operation, unless it needs variables or cannot be planned.
func (c *corpus) add(name string, in *testCase, text string, labels ...string) {
	doc, err := in.schema.Parse(text, "")
	if err != nil {
		return
	}
	op := doc.Operation(nil)
	if _, err := in.planner.Plan(op, labels...); err == nil {
		c.operations = append(c.operations, corpusOperation{name, in.planner, in.quick, op, labels})
	}
}

// readCorpus returns some 6,000 operations: those of golden files and of the conformance suite, on
// generated graphs, and large ones.
func readCorpus(tb testing.TB) *corpus {
	tb.Helper()
	c := &corpus{}
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatal("no golden files", err)
	}
	suite, err := filepath.Glob("../../conformance/testdata/*.txtar")
	if err != nil || len(suite) == 0 {
		tb.Fatal("no conformance suite", err)
	}
	for _, file := range append(files, suite...) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		c.addFile(tb, strings.TrimSuffix(filepath.Base(file), ".txtar"), archive)
	}
	c.addRandom(tb)
	c.addOracle(tb)
	c.addLarge(tb)
	return c
}

// addFile adds the operations of a golden file.
func (c *corpus) addFile(tb testing.TB, name string, archive *txtar.Archive) {
	tb.Helper()
	names := map[string]bool{}
	var parts []compose.Subgraph
	for _, f := range archive.Files {
		names[f.Name] = true
		if subgraph, ok := strings.CutSuffix(f.Name, ".graphqls"); ok {
			sdl := string(f.Data)
			if !strings.HasPrefix(sdl, "#") {
				sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@interfaceObject", "@authenticated", "@requiresScopes", "@policy", "@context", "@fromContext"])` + "\n" + sdl
			}
			parts = append(parts, compose.Subgraph{Name: subgraph, URL: "http://" + subgraph, SDL: sdl})
		}
	}
	if !names["supergraph.graphql"] && !names["supergraph"] {
		composed, err := compose.Compose(tb.Context(), parts)
		if err != nil {
			tb.Fatal(err)
		}
		archive.Files = append(archive.Files, txtar.File{Name: "supergraph.graphql", Data: []byte(composed.SDL)})
	}
	in := open(tb, archive)
	for _, f := range archive.Files {
		if op, ok := strings.CutSuffix(f.Name, ".graphql"); ok && op != "supergraph" {
			c.add(name+"/"+op, in, string(f.Data), strings.Fields(in.files[op+".labels"])...)
		}
	}
}

// addRandom adds operations on the graphs that TestNoPlanIsCheaper compares with exhaustive search.
func (c *corpus) addRandom(tb testing.TB) {
	tb.Helper()
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := open(tb, supergraphArchive(randomGraph(r)))
		for i := range 5 {
			text := randomQuery(r, in.schema.Definitions(), in.schema.Definitions().Query, 0)
			for _, kind := range []string{"query", "mutation"} {
				c.add(fmt.Sprintf("random/%s/%d.%d", kind, seed, i), in, kind+text)
			}
		}
	}
}

// addOracle adds operations on graphs with all directives.
func (c *corpus) addOracle(tb testing.TB) {
	tb.Helper()
	for seed := range uint64(140) {
		subgraphs := oracle.Split(seed)
		var parts []compose.Subgraph
		for name, sdl := range subgraphs {
			parts = append(parts, compose.Subgraph{Name: name, URL: "http://" + name, SDL: sdl})
		}
		slices.SortFunc(parts, func(a, b compose.Subgraph) int { return strings.Compare(a.Name, b.Name) })
		composed, err := compose.Compose(tb.Context(), parts)
		if err != nil {
			continue
		}
		in := open(tb, supergraphArchive(composed.SDL))
		world, err := oracle.New(oracle.Options{Seed: seed, Subgraphs: subgraphs, API: in.model.APISchema})
		if err != nil {
			tb.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 3))
		for i := range 30 {
			op := world.Generate(r.IntN)
			doc, err := in.schema.Parse(op.Query, "")
			if err != nil {
				continue // conflicting fields
			}
			variables, err := doc.Variables(op.Variables)
			if err != nil {
				tb.Fatal(err)
			}
			parsed := doc.Operation(variables)
			if _, err := in.planner.Plan(parsed); err == nil {
				c.operations = append(c.operations, corpusOperation{fmt.Sprintf("oracle/%d.%d", seed, i), in.planner, in.quick, parsed, nil})
			}
		}
	}
}

// addLarge adds operations with the sizes that other tests use, and those that need a search.
func (c *corpus) addLarge(tb testing.TB) {
	tb.Helper()
	in := open(tb, supergraphArchive(large()))
	for depth := range 5 {
		for root := range 10 {
			c.add(fmt.Sprintf("large/depth=%d/%d", depth, root), in, fmt.Sprintf("{ root%d %s root%d %s }", root*7, nested(depth), root*9+1, nested(depth)))
		}
	}
	for seed := range uint64(4) {
		for _, size := range [][2]int{{10, 20}, {20, 40}, {40, 60}} {
			g := covers(seed, size[0], size[1])
			in := open(tb, supergraphArchive(g.sdl()))
			for _, depth := range []int{1, 4} {
				c.add(fmt.Sprintf("covers/subgraphs=%d/depth=%d/%d", size[0], depth, seed), in, g.query(depth))
			}
		}
	}
	in = open(tb, supergraphArchive(shareable(50)))
	all := "k0 k1 k2 k3 k4 k5 k6 k7 k8 k9"
	c.add("shareable/wide", in, "{"+times(20, " a%d: node { "+all+" }")+"}")
	c.add("shareable/deep", in, "{ node"+strings.Repeat("{ "+all+" next ", 5)+"{ k0 }"+strings.Repeat(" }", 6))
}

func supergraphArchive(sdl string) *txtar.Archive {
	return &txtar.Archive{Files: []txtar.File{{Name: "supergraph.graphql", Data: []byte(sdl)}}}
}

// BenchmarkCorpus plans each operation of the corpus, as for its first request and with a complete search, and
// reports the distribution of the times. The time of an operation is the shortest of all iterations.
func BenchmarkCorpus(b *testing.B) {
	c := readCorpus(b)
	b.Run("quick", func(b *testing.B) { c.measure(b, func(o *corpusOperation) *planner.Planner { return o.quick }) })
	b.Run("complete", func(b *testing.B) { c.measure(b, func(o *corpusOperation) *planner.Planner { return o.planner }) })
}

// measure plans each operation with one of its planners.
func (c *corpus) measure(b *testing.B, by func(*corpusOperation) *planner.Planner) {
	b.Helper()
	shortest := make([]time.Duration, len(c.operations))
	for b.Loop() {
		for i := range c.operations {
			o := &c.operations[i]
			p, began := by(o), time.Now()
			if _, err := p.Plan(o.op, o.labels...); err != nil {
				b.Fatal(err)
			}
			if took := time.Since(began); shortest[i] == 0 || took < shortest[i] {
				shortest[i] = took
			}
		}
	}
	b.StopTimer()
	outcomes := map[planner.Search]int{}
	requests := 0
	var list strings.Builder
	for i := range c.operations {
		o := &c.operations[i]
		_, x, err := by(o).Explain(o.op, o.labels...)
		if err != nil {
			b.Fatal(err)
		}
		outcomes[x.Search]++
		requests += x.Chosen.Requests
		fmt.Fprintf(&list, "%s %d µs, %d requests, %d levels, %s\n", o.name, shortest[i].Microseconds(), x.Chosen.Requests, x.Chosen.Levels, x.Search)
	}
	if *corpusTimes != "" { // those of the last one
		if err := os.WriteFile(*corpusTimes, []byte(list.String()), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(shortest)
	at := func(share float64) float64 {
		return float64(shortest[int(share*float64(len(shortest)-1))].Microseconds())
	}
	for _, x := range []struct {
		unit  string
		value float64
	}{
		{"µs-median", at(0.5)}, {"µs-p90", at(0.9)}, {"µs-p99", at(0.99)}, {"µs-max", at(1)},
		{"operations", float64(len(shortest))}, {"requests", float64(requests)},
		{"exact", float64(outcomes[planner.Exact])}, {"incomplete", float64(outcomes[planner.Incomplete])},
	} {
		b.ReportMetric(x.value, x.unit)
	}
}

// BenchmarkLargeOperation plans an operation of 24 kB over 100 subgraphs.
func BenchmarkLargeOperation(b *testing.B) {
	c, op := largeOperation(b)
	b.Run("complete", func(b *testing.B) { plans(b, c, op) })
	c.planner = c.quick
	b.Run("quick", func(b *testing.B) { plans(b, c, op) })
}

// largeOperation returns an operation of 24 kB over 100 subgraphs.
func largeOperation(tb testing.TB) (*testCase, *operation.Operation) {
	tb.Helper()
	c := open(tb, supergraphArchive(large()))
	c.schema.Limits = operation.Limits{Tokens: 1_000_000, Depth: 1000, Aliases: 10_000, RootFields: 10_000, Fields: 1_000_000}
	var text strings.Builder
	for i := 0; text.Len() < 24_000; i++ {
		fmt.Fprintf(&text, "a%d: root%d %s ", i, i*13%100, nested(5))
	}
	return c, c.operation(tb, "{ "+text.String()+"}")
}
