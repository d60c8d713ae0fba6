package limit_test

import (
	"strings"
	"testing"

	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
)

// FuzzActualCost computes the cost of any text: subgraphs may send anything.
func FuzzActualCost(f *testing.F) {
	m, err := supergraph.Parse(costSDL)
	if err != nil {
		f.Fatal(err)
	}
	schema, err := operation.NewSchema(m.APISchema)
	if err != nil {
		f.Fatal(err)
	}
	d, err := schema.Parse(`{ books(first: 3) { nodes { title author { name rating } } } media { ... on Film { cast { name } } ... on Book { cast: pages { text } } } }`, "")
	if err != nil {
		f.Fatal(err)
	}
	op, estimator := d.Operation(nil), limit.NewEstimator(m, limit.CostOptions{})
	for text, want := range map[string]float64{
		`{"books":{"nodes":[{"title":"a","author":{"name":"b","rating":1}},{"author":null}]},"media":{"cast":[{"name":"c"}]}}`: 1 + 2 + 3 + 7 + 1 + 3,
		` {}`: 0, `{"books" : { "nodes" : [ ] } , "media" : null}`: 1, `{"books":{"nodes":[[{}]]}}`: 2, `{"books":{"no`: 1,
		`{"books":{"nodes":` + strings.Repeat("[", 1<<20): 1,
	} {
		if got := estimator.Actual(op, []byte(text)); got != want {
			f.Errorf("%.100s costs %v, want %v", text, got, want)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if cost := estimator.Actual(op, text); cost < 0 {
			t.Errorf("it costs %v", cost)
		}
	})
}
