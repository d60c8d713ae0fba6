package graphql_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gqlgen "github.com/99designs/gqlgen/graphql"

	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
	inventory "souk/subgraphs/inventory/graph"
	product "souk/subgraphs/product/graph"
	"souk/telemetry"
)

// TestDirectCallersAreBounded sends services what the router would refuse. No
// resolver is reached: there is none.
func TestDirectCallersAreBounded(t *testing.T) {
	products := serve(t, product.NewExecutableSchema(product.Config{Resolvers: &product.Resolver{}}))
	stocks := serve(t, inventory.NewExecutableSchema(inventory.Config{Resolvers: &inventory.Resolver{}}))
	ids := make([]string, 200_000)
	for _, tt := range []struct {
		name      string
		service   http.Handler
		query     string
		variables map[string]any
		code      string
	}{
		{"a list in a variable", stocks, `query ($ids: [ID!]!) { stocks(productIds: $ids) { onHand } }`, map[string]any{"ids": ids}, "LIST_TOO_LONG"},
		{"a list in the document", stocks, `{ stocks(productIds: [` + strings.Repeat("1 ", 2000) + `]) { onHand } }`, nil, "LIST_TOO_LONG"},
		{"lists in lists", products, `{ categories { products(first: 100) { nodes { category { products(first: 100) { nodes { category { products(first: 100) { nodes { name } } } } } } } } } }`, nil, "COMPLEXITY_LIMIT_EXCEEDED"},
		{"a page of any length", products, `query ($n: Int) { products(first: $n) { nodes { name } } }`, map[string]any{"n": 2_000_000_000}, "COMPLEXITY_LIMIT_EXCEEDED"},
		{"deep nesting", products, "{ product(id: 1) { " + strings.Repeat("category { products(first: 1) { nodes { ", 40) + "name" + strings.Repeat(" } } }", 40) + " } }", nil, "MAX_DEPTH_LIMIT"},
		{"many tokens", products, "{ " + strings.Repeat("__typename ", 60_000) + "}", nil, "GRAPHQL_PARSE_FAILED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"query": tt.query, "variables": tt.variables})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			tt.service.ServeHTTP(w, r)
			if !strings.Contains(w.Body.String(), tt.code) {
				t.Errorf("status %d: %.300s, want %s", w.Code, w.Body, tt.code)
			}
		})
	}
}

func serve(t *testing.T, schema gqlgen.ExecutableSchema) http.Handler {
	t.Helper()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "test", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r := server.Resources{Environment: server.Environment{Telemetry: tel, Logger: slog.New(slog.DiscardHandler)}}
	return graphql.New(r, schema, &identity.Authenticator{Tutorial: true, Logger: r.Logger})
}
