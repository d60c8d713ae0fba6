package execute_test

import (
	"context"
	"fmt"
	"log"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// A greeter is a transport that responds without a subgraph. Package subgraph has
// the transport that sends requests over HTTP.
type greeter struct{}

func (greeter) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	fmt.Printf("%s is asked %s\n", r.Subgraph, r.Body.B)
	body := execute.NewBuffer(64)
	body.B = append(body.B, `{"data":{"greeting":"Hello, world"}}`...)
	return &execute.SubgraphResponse{Status: 200, Body: body}, nil
}

func (greeter) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}

func Example() {
	composed, err := compose.Compose(context.Background(), []compose.Subgraph{
		{Name: "greeting", URL: "http://greeting", SDL: `type Query { hello: String }`},
	})
	if err != nil {
		log.Fatal(err)
	}
	model, err := supergraph.Parse(composed.SDL)
	if err != nil {
		log.Fatal(err)
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		log.Fatal(err)
	}
	document, err := schema.Parse(`{ greeting: hello }`, "")
	if err != nil {
		log.Fatal(err)
	}
	p, err := planner.New(model, planner.Options{}).Plan(document.Operation(nil))
	if err != nil {
		log.Fatal(err)
	}
	executor := execute.New(execute.Options{Transport: greeter{}})
	program, err := executor.Compile(p) // once for each plan
	if err != nil {
		log.Fatal(err)
	}
	response := executor.Execute(context.Background(), &execute.Request{Program: program})
	defer response.Release()
	fmt.Printf("%s\n", response.Body)
	// Output:
	// greeting is asked {"query":"{greeting:hello}"}
	// {"data":{"greeting":"Hello, world"}}
}
