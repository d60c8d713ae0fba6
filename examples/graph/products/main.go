// Command products is a subgraph with the products of a shop.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"products/graph"
)

//go:generate go run github.com/99designs/gqlgen generate

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: products PORT")
	}
	server := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{}}))
	server.AddTransport(transport.POST{})
	server.Use(extension.Introspection{}) // Souk reads the schema
	http.Handle("/graphql", server)
	s := &http.Server{Addr: "localhost:" + os.Args[1], ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(s.ListenAndServe())
}
