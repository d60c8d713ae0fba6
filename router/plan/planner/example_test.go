package planner_test

import (
	"context"
	"log"
	"os"

	"souk/router/compose"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

func Example() {
	composed, err := compose.Compose(context.Background(), []compose.Subgraph{
		{Name: "product", URL: "http://product", SDL: `
			extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key"])
			type Query { product(id: ID!): Product }
			type Product @key(fields: "id") { id: ID! name: String }`},
		{Name: "review", URL: "http://review", SDL: `
			extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key"])
			type Product @key(fields: "id") { id: ID! stars: Float }`},
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
	document, err := schema.Parse(`{ product(id: 1) { name stars } }`, "")
	if err != nil {
		log.Fatal(err)
	}
	p, err := planner.New(model, planner.Options{}).Plan(document.Operation(nil))
	if err != nil {
		log.Fatal(err)
	}
	if err := plan.Print(os.Stdout, p); err != nil {
		log.Fatal(err)
	}
	// Output:
	// query
	// 0 fetch product
	//     {product(id:1){name id}}
	// 1 entity fetch review depends on 0
	//     _entities: product Product{id}
	//     query($representations:[_Any!]!){
	//       _entities(representations:$representations){...on Product{stars}}
	//     }
}
