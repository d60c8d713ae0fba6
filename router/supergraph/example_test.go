package supergraph_test

import (
	"fmt"
	"log"
	"os"

	"souk/router/supergraph"
)

func ExampleParse() {
	sdl, err := os.ReadFile("../../schema/supergraph.graphql")
	if err != nil {
		log.Fatal(err)
	}
	model, err := supergraph.Parse(string(sdl))
	if err != nil {
		log.Fatal(err)
	}
	stock := model.Type("Product").Field("inStock")
	for _, subgraph := range model.Subgraphs {
		if stock.InSubgraph(subgraph) != nil {
			fmt.Println("Product.inStock is resolved by", subgraph.Name)
		}
	}
	// Output:
	// Product.inStock is resolved by inventory
}
