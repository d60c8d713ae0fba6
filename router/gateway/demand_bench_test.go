package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/limit"
	"souk/router/supergraph"
)

// costlySDL has lists whose lengths an argument decides.
var costlySDL = strings.NewReplacer(
	"type Query @join__type(graph: A) {", `
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
type Product @join__type(graph: A) { id: ID! name: String price: Int stock: Int reviews: [Review!] @listSize(assumedSize: 2) }
type Review @join__type(graph: A) { stars: Int author: User }
type User @join__type(graph: A) { name: String }
input Page @join__type(graph: A) { first: Int }
type Query @join__type(graph: A) { products(first: Int, page: Page, ids: [ID!]): [Product!] @listSize(slicingArguments: ["first", "page.first"])`,
	"schema @link", `schema @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"]) @link`,
).Replace(sdl)

// constant is a subgraph that always sends one response.
type constant struct {
	*subgraph
	body *execute.SubgraphResponse
}

func (c constant) Send(context.Context, *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	c.body.Body.Retain()
	return c.body, nil
}

// demandModes are configurations of demand control.
var demandModes = []struct {
	name   string
	change func(*config.DemandControl)
}{
	{"off", func(*config.DemandControl) {}},
	{"measure", func(c *config.DemandControl) { c.Enabled, c.Measure = true, true }},
	{"enforce", func(c *config.DemandControl) { c.Enabled = true }},
}

// warmCosts is like warm, for a list of products, with demand control as configured.
func warmCosts(t testing.TB, products int, arguments string, change func(*config.DemandControl)) func() int {
	t.Helper()
	product := `{"id":"1","name":"A product with a name of usual length","price":100,"stock":3,"reviews":[{"stars":5,"author":{"name":"Ada"}},{"stars":1,"author":{"name":"Grace"}}]}`
	from := constant{body: response(`{"data":{"products":[` + strings.TrimSuffix(strings.Repeat(product+",", products), ",") + `]}}`)}
	c := config.Default()
	change(&c.DemandControl)
	o := gateway.Options{Supergraph: costlySDL, Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return from, func() {}, nil }}
	if c.DemandControl.Enabled {
		o.Demand = func(m *supergraph.Model) *limit.Estimator {
			return limit.NewEstimator(m, limit.CostOptions{Measure: c.DemandControl.Measure, Budget: func(string) limit.Budget { return limit.Budget{Max: 10000} }})
		}
	}
	variables := "$first: Int"
	if strings.Contains(arguments, "$ids") {
		variables += ", $ids: [ID!] = []"
	}
	return warmWith(t, c, o, fmt.Sprintf(`{"query":"query Products(%s) { products(%s) { id name price stock reviews { stars author { name } } } }","variables":{"first":%d}}`, variables, arguments, products))
}

// BenchmarkDemandControl compares requests without demand control, with measure and with max. They
// take turns, and the medians count, so that the ratios of one run hold on a busy machine, too. The operation takes a
// variable as the size of a list, so that its cost is computed for each request.
func BenchmarkDemandControl(b *testing.B) {
	for _, c := range []struct {
		name      string
		products  int
		arguments string
	}{
		{"products=1", 1, "first: $first"}, {"products=20", 20, "first: $first"}, {"products=200", 200, "first: $first"},
		{"literals", 1, "page: {first: $first}, ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"}, {"default", 1, "first: $first, ids: $ids"},
	} {
		b.Run(c.name, func(b *testing.B) {
			took := make([][]time.Duration, len(demandModes))
			sends := make([]func() int, len(demandModes))
			for i, m := range demandModes {
				sends[i] = warmCosts(b, c.products, c.arguments, m.change)
			}
			for b.Loop() {
				for i, send := range sends {
					began := time.Now()
					send()
					took[i] = append(took[i], time.Since(began))
				}
			}
			median := func(i int) float64 {
				slices.Sort(took[i])
				return float64(took[i][len(took[i])/2])
			}
			for i, m := range demandModes {
				b.ReportMetric(median(i), m.name+"-ns/op")
				if i > 0 {
					b.ReportMetric(median(i)/median(0), m.name+"/off")
				}
			}
			b.ReportMetric(0, "ns/op") // it is the sum
		})
	}
}
