package product

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/product/catalogue"
	"souk/subgraphs/product/graph"
	"souk/subgraphs/product/inventoryclient"
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

// imageBaseURLVariable names the variable with the base URL under which
// clients reach this service's pictures. Without it, the URL of a picture is a
// path.
const imageBaseURLVariable = "IMAGE_BASE_URL"

// Run runs the service until ctx ends.
func Run(ctx context.Context, env server.Environment) error {
	return server.Run(ctx, env, Migrations(), build)
}

func build(_ context.Context, r server.Resources) (*server.Service, error) {
	inventory := inventoryclient.New(peer.New("inventory", r.Services["inventory"], r.ServiceToken, r.Telemetry.Transport(peer.Transport())))
	products := catalogue.New(r.DB, inventory.SetStock, r.Now)
	images, _ := r.Lookup(imageBaseURLVariable)
	schema := graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{
		Catalogue: products,
		Images:    strings.TrimSuffix(images, "/"),
	}})
	authenticator := graphql.Authenticator(r)
	mux := http.NewServeMux()
	mux.Handle("/graphql", graphql.New(r, schema, authenticator))
	mux.Handle("GET "+imagePath, pictures(products, r.Logger))
	return &server.Service{Handler: mux, Workers: []func(context.Context) error{authenticator.KeepKeys}}, nil
}
