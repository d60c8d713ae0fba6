// Package exampletest runs the router of an example in front of a small subgraph.
package exampletest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
)

// sdl is the subgraph's schema.
const sdl = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@policy"])
type Query {
  hello: String
  salary: Int @policy(policies: [["finance"]])
}
`

// A Router is a running router with the extensions of an example. Its subgraph is
// called "office".
type Router struct{ url string }

// New starts a router. The subgraph answers every request with data and the
// status that check returns, 200 if check is nil.
func New(t *testing.T, x router.Extensions, check func(r *http.Request, body []byte) (status int)) *Router {
	t.Helper()
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if check != nil {
			w.WriteHeader(check(r, body))
		}
		data := `{"hello":"world"}`
		if strings.Contains(string(body), "salary") {
			data = `{"salary":1}`
		}
		fmt.Fprintf(w, `{"data":%s}`, data)
	}))
	t.Cleanup(subgraph.Close)
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "office", URL: subgraph.URL, SDL: sdl}})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Log.Level = "error"
	r, err := router.New(context.WithoutCancel(t.Context()), c, router.Options{Supergraph: composed.SDL, Extensions: x})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Router{server.URL}
}

// Send sends an operation, with headers in the form "Name: value", and returns
// the status and body of the response.
func (r *Router) Send(t *testing.T, query string, headers ...string) (int, string) {
	t.Helper()
	body := fmt.Sprintf(`{"query":%q}`, query)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
