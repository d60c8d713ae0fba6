package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"time"
)

//go:embed graph/benchmark.operation.graphql
var benchmarkOperation string

// A workload is a series of requests to a gateway.
type workload struct {
	name, description string
	// operations is the number of different operations, which are sent in turn; operation returns
	// one of them.
	operations int
	operation  func(i int) string
	// connections send requests, each the next one when it has the response.
	connections int
	// delay is how long the subgraphs wait before each response.
	delay time.Duration
	// goal is the ratio to the floor that the router shall not exceed, without deduplication.
	goal float64
}

func same(text string) func(int) string { return func(int) string { return text } }

// distinct is the number of operations of the workloads with different ones: more plans than the
// router's cache holds. Four times as many are also more documents than it holds.
const distinct = 10_000

// workloads are all workloads, in the order in which they run.
var workloads = []workload{
	{
		name: "benchmark", description: "the query of the public gateway benchmark: 4 subgraphs, 87 kB",
		operations: 1, operation: same(benchmarkOperation), connections: 50, goal: 1.0,
	},
	{
		name: "flat", description: "10 objects of one subgraph, 1 kB",
		operations: 1, operation: same(`{ items(first: 10) { id name price } }`), connections: 50, goal: 0.75,
	},
	{
		name: "join", description: "5,000 entities of two subgraphs, 1.3 MB",
		operations: 1, operation: same(`{ items(first: 5000) { id name price stock note warehouse { code city } } }`), connections: 4, goal: 2.0,
	},
	{
		name: "literals", description: "10,000 operations in turn that differ in the values of arguments",
		operations: distinct, connections: 20, goal: 2.0,
		operation: func(i int) string {
			return fmt.Sprintf(`query Item { item(id: "%d") { id name price stock note warehouse { code city } } top: topProducts(first: %d) { upc name price } }`, i+1, i%5+1)
		},
	},
	{
		name: "distinct", description: "10,000 operations in turn that differ in their names and aliases",
		operations: distinct, connections: 20, goal: 2.0,
		operation: func(i int) string {
			return fmt.Sprintf(`query Item%d { item%d: item(id: "7") { id name price stock note warehouse { code city } } top: topProducts(first: 3) { upc name price } }`, i, i)
		},
	},
	{
		name: "fragments", description: "40,000 operations in turn with fragments and conditions",
		operations: 4 * distinct, connections: 20, goal: 3.0,
		operation: func(i int) string {
			return fmt.Sprintf(`query Item%d($more: Boolean! = true) { item%d: item(id: "7") { ...Item } top: topProducts(first: 3) { ...Product @include(if: $more) } }
fragment Item on Item { id name ...Stock price @skip(if: false) }
fragment Stock on Item { id stock note warehouse @include(if: $more) { code city } }
fragment Product on Product { upc name price }`, i, i)
		},
	},
	{
		name: "slow", description: "200 connections, a subgraph that takes 100 ms",
		operations: 1, operation: same(`{ items(first: 10) { id name price } }`), connections: 200, delay: 100 * time.Millisecond, goal: 1.0,
	},
}

// body returns the body of a request.
func (w *workload) body(i int) ([]byte, error) {
	body, err := json.Marshal(graphQLRequest{Query: w.operation(i)})
	if err != nil {
		return nil, fmt.Errorf("writing a request of %s: %w", w.name, err)
	}
	return body, nil
}
