package compose_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"souk/router/compose"
	"souk/router/supergraph"
)

func ExampleCompose() {
	composed, err := compose.Compose(context.Background(), []compose.Subgraph{
		{Name: "product", URL: "http://product/graphql", SDL: `
			extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key"])
			type Query { product(id: ID!): Product }
			type Product @key(fields: "id") { id: ID! name: String }`},
		{Name: "review", URL: "http://review/graphql", SDL: `
			extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key"])
			type Product @key(fields: "id") { id: ID! reviews: [String!] }`},
	})
	if err != nil {
		log.Fatal(err)
	}
	model, err := supergraph.Parse(composed.SDL)
	if err != nil {
		log.Fatal(err)
	}
	for _, field := range model.Type("Product").Fields {
		fmt.Println(field.Name)
	}
	// Output:
	// id
	// name
	// reviews
}

func ExampleComposer() {
	subgraphs := []compose.Subgraph{
		{Name: "product", URL: "http://product/graphql", SDL: `type Query { product: String }`},
		{Name: "review", URL: "http://review/graphql", SDL: `type Query { review: Int }`},
	}
	var composer compose.Composer
	for _, sdl := range []string{`type Query { review: String }`, `type Query { review: String`, `type Query { reviews: [String!] }`} {
		subgraphs[1].SDL = sdl
		composed, err := composer.Compose(context.Background(), subgraphs)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(len(composed.Hints), "hints")
	}
	// Output:
	// 0 hints
	// review:1:28: INVALID_GRAPHQL: Syntax error: Expected Name, found <EOF>
	// 0 hints
}

func ExampleCompose_errors() {
	_, err := compose.Compose(context.Background(), []compose.Subgraph{
		{Name: "a", URL: "http://a", SDL: `type Query { n: Int }`},
		{Name: "b", URL: "http://b", SDL: `type Query { n: String }`},
	})
	var problems compose.Errors
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Println(p.Code)
		}
	}
	// Output:
	// FIELD_TYPE_MISMATCH
}
