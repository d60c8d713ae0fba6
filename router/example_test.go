package router_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// A custom router with a hook that adds to each response the number of its
// subgraph requests.
func Example() {
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"world"}}`)
	}))
	defer subgraph.Close()
	ctx := context.Background()
	composed, err := compose.Compose(ctx, []compose.Subgraph{{Name: "greeting", URL: subgraph.URL, SDL: `type Query { hello: String }`}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := router.New(ctx, config.Default(), router.Options{
		Supergraph: composed.SDL,
		Extensions: router.Extensions{Hooks: []hook.Hooks{{
			Name: "count",
			Response: func(_ context.Context, r *hook.Response) error {
				return r.SetExtension("requests", len(r.Fetches))
			},
		}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()

	// Serve listens on the configured ports; Handler is for a program's own server.
	request := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
	request.Header.Set("Content-Type", "application/json")
	response := httptest.NewRecorder()
	r.Handler().ServeHTTP(response, request)
	fmt.Println(response.Body)
	// Output:
	// {"data":{"hello":"world"},"extensions":{"requests":1}}
}
