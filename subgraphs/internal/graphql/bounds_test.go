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

// The requests exceed the services' own limits, which apply without the
// router. The handler has no resolvers.
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
		{name: "a list in a variable", service: stocks, query: `query ($ids: [ID!]!) { stocks(productIds: $ids) { onHand } }`, variables: map[string]any{"ids": ids}, code: "LIST_TOO_LONG"},
		{name: "a list in the document", service: stocks, query: `{ stocks(productIds: [` + strings.Repeat("1 ", 2000) + `]) { onHand } }`, variables: nil, code: "LIST_TOO_LONG"},
		{name: "lists in lists", service: products, query: `{ categories { products(first: 100) { nodes { category { products(first: 100) { nodes { category { products(first: 100) { nodes { name } } } } } } } } } }`, variables: nil, code: "COMPLEXITY_LIMIT_EXCEEDED"},
		{name: "a page of any length", service: products, query: `query ($n: Int) { products(first: $n) { nodes { name } } }`, variables: map[string]any{"n": 2_000_000_000}, code: "COMPLEXITY_LIMIT_EXCEEDED"},
		{name: "deep nesting", service: products, query: "{ product(id: 1) { " + strings.Repeat("category { products(first: 1) { nodes { ", 40) + "name" + strings.Repeat(" } } }", 40) + " } }", variables: nil, code: "MAX_DEPTH_LIMIT"},
		{name: "many tokens", service: products, query: "{ " + strings.Repeat("__typename ", 60_000) + "}", variables: nil, code: "GRAPHQL_PARSE_FAILED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"query": tt.query, "variables": tt.variables})
			if err != nil {
				t.Fatal(err)
			}
			w := post(tt.service, string(body))
			if !strings.Contains(w.Body.String(), tt.code) {
				t.Errorf("got status %d, %.300s, want code %s", w.Code, w.Body, tt.code)
			}
		})
	}
}

// post sends a body to a service.
func post(service http.Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	return w
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

// A body that is not a GraphQL request is the client's error, not the service's.
func TestWhatIsNoRequestIsRefused(t *testing.T) {
	service := serve(t, product.NewExecutableSchema(product.Config{Resolvers: &product.Resolver{}}))
	for _, body := range []string{"", "{", "[]", `{"query":1}`} {
		w := post(service, body)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "could not be decoded") || strings.Contains(w.Body.String(), "INTERNAL") {
			t.Errorf("%q: got status %d, %s", body, w.Code, w.Body)
		}
	}
}
