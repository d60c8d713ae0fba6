package router_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"souk/router"
	"souk/router/gateway/config"
)

// Options.TextIDs decides what an ID is in the REST routes.
func TestTextIDsOfRoutes(t *testing.T) {
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Variables map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		for _, id := range q.Variables {
			fmt.Fprintf(w, `{"data":{"item":%q}}`, id)
		}
	}))
	defer subgraph.Close()
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
	sdl := strings.Replace(smallSDL, "hello: String", "item(id: ID!): ID", 1)
	routes := fstest.MapFS{"item.graphql": {Data: []byte(`query item($id: ID!) @rest(method: GET, path: "/api/items/{id}", result: "item") { item(id: $id) }`)}}
	for text, want := range map[bool]map[string]string{
		true:  {"/api/items/7": `200 "7"`, "/api/items/a-1": `200 "a-1"`},
		false: {"/api/items/7": "200 7", "/api/items/a-1": "404 "},
	} {
		r, err := router.New(t.Context(), c, router.Options{Supergraph: sdl, Routes: routes, TextIDs: text})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range want {
			w := httptest.NewRecorder()
			r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if got := fmt.Sprintf("%d %s", w.Code, w.Body); !strings.HasPrefix(got, want) {
				t.Errorf("TextIDs %t: %s is answered %s, want %s", text, path, got, want)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
