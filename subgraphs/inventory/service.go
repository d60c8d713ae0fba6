package inventory

import (
	"context"
	"embed"
	"io/fs"
	"net/http"

	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/inventory/graph"
	"souk/subgraphs/inventory/productclient"
	"souk/subgraphs/inventory/stock"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the service's SQL migrations (NNN_name.sql, tern's
// format).
func Migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the pattern above embeds the directory
	}
	return files
}

// Run runs the service until ctx ends.
func Run(ctx context.Context, env server.Environment) error {
	return server.Run(ctx, env, Migrations(), build)
}

func build(_ context.Context, r server.Resources) (*server.Service, error) {
	store := stock.NewStore(r.DB, r.Now)
	products := productclient.New(peer.New("product", r.Services["product"], r.ServiceToken, r.Telemetry.Transport(peer.Transport())))
	schema := graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{StockStore: store, ProductExists: products.Exists}})
	authenticator := graphql.Authenticator(r)
	mux := http.NewServeMux()
	mux.Handle("/graphql", graphql.New(r, schema, authenticator))
	return &server.Service{
		Handler: mux,
		Workers: []func(context.Context) error{
			func(ctx context.Context) error { return store.Sweep(ctx, r.Logger) },
			authenticator.KeepKeys,
		},
	}, nil
}
