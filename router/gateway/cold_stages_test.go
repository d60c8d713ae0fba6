package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// coldDistinct is an operation of the workload distinct (bench/).
const coldDistinct = `query Item7 { item7: item(id: "7") { id name price stock note warehouse { code city } } top: topProducts(first: 3) { upc name price } }`

// BenchmarkColdStages measures the stages of operations of the workloads distinct and fragments (bench/) that
// are not in the caches.
func BenchmarkColdStages(b *testing.B) {
	const fragments = `query Item7($more: Boolean! = true) { item7: item(id: "7") { ...Item } top: topProducts(first: 3) { ...Product @include(if: $more) } }
fragment Item on Item { id name ...Stock price @skip(if: false) }
fragment Stock on Item { id stock note warehouse @include(if: $more) { code city } }
fragment Product on Product { upc name price }`
	model := benchSupergraph(b)
	for _, d := range []struct{ name, text string }{{"distinct", coldDistinct}, {"fragments", fragments}} {
		b.Run(d.name, func(b *testing.B) { benchmarkStages(b, model, d.text) })
	}
}

func benchmarkStages(b *testing.B, model *supergraph.Model, text string) {
	b.Helper()
	for _, stage := range coldStages(b, model, text) {
		if err := stage.run(); err != nil { // the next stage needs the result
			b.Fatal(err)
		}
		b.Run(stage.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := stage.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A coldStage is a stage of an operation that is not in the caches. It has the result of the one before.
type coldStage struct {
	name string
	run  func() error
}

func coldStages(t testing.TB, model *supergraph.Model, text string) []coldStage {
	t.Helper()
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	planning, executor := planner.New(model, planner.Options{}), execute.New(execute.Options{})
	var op *operation.Operation
	var made planner.Draft
	return []coldStage{
		{name: "parse", run: func() error {
			d, err := schema.Parse(text, "")
			if err != nil {
				return err
			}
			d.Compact()
			vars, err := d.Variables(nil)
			op = d.Operation(vars)
			return err
		}},
		{name: "plan", run: func() (err error) {
			if made.Plan != nil {
				made.Release()
			}
			made, err = planning.Draft(op)
			return err
		}},
		{name: "compile", run: func() error { _, err := executor.Compile(made.Plan); return err }},
	}
}

// benchSupergraph composes the subgraphs of bench/.
func benchSupergraph(b testing.TB) *supergraph.Model {
	b.Helper()
	files, err := filepath.Glob("../../bench/graph/*.graphql")
	if err != nil || len(files) == 0 {
		b.Fatalf("reading the subgraphs: %v", err)
	}
	var list []compose.Subgraph
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".graphql")
		if strings.HasSuffix(name, ".operation") {
			continue
		}
		sdl, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: string(sdl)})
	}
	composed, err := compose.Compose(b.Context(), list)
	if err != nil {
		b.Fatal(err)
	}
	model, err := supergraph.Parse(composed.SDL)
	if err != nil {
		b.Fatal(err)
	}
	return model
}
