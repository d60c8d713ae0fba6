package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// A query that follows a mutation joins none that began before, also if the mutation ends in a router or
// with a supergraph that has been replaced meanwhile.
func TestQueriesAfterAMutationReadItsChangesDuringReloads(t *testing.T) {
	sdl := strings.Replace(smallSDL, "type Query", "type Mutation @join__type(graph: A) { set: String }\ntype Query", 1)
	for name, reload := range map[string]func(*router.Reloadable, config.Config) error{
		"configuration": func(live *router.Reloadable, c config.Config) error {
			c.Limits.MaxDepth = 20
			return live.Reconfigure(t.Context(), c, nil)
		},
		"supergraph": func(live *router.Reloadable, _ config.Config) error {
			return live.SetSupergraph(sdl + "\nscalar Extra @join__type(graph: A)\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var queries, mutations atomic.Int32
			endQueries, endMutation := make(chan struct{}), make(chan struct{})
			subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				count, end := &queries, endQueries
				if strings.Contains(string(body), "mutation") {
					count, end = &mutations, endMutation
				}
				count.Add(1)
				select {
				case <-end:
				case <-t.Context().Done(): // the test has failed
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"data":{"hello":"hi","set":"done"}}`)
			}))
			t.Cleanup(subgraph.Close)
			tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			c := config.Default()
			c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
			live, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: sdl, Telemetry: tel})
			if err != nil {
				t.Fatal(err)
			}
			begin := func(operation string) <-chan string {
				got := make(chan string, 1)
				go func() {
					r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"`+operation+`"}`))
					r.Header.Set("Content-Type", "application/json")
					w := httptest.NewRecorder()
					live.Handler().ServeHTTP(w, r)
					got <- w.Body.String()
				}()
				return got
			}
			mutation := begin("mutation { set }")
			eventually(t, func() bool { return mutations.Load() == 1 })
			if err := reload(live, c); err != nil {
				t.Fatal(err)
			}
			first := begin("{ hello }")
			eventually(t, func() bool { return queries.Load() == 1 })
			close(endMutation)
			if got := <-mutation; got != `{"data":{"set":"done"}}` {
				t.Errorf("the mutation got %s", got)
			}
			second := begin("{ hello }")
			eventually(t, func() bool { return queries.Load() == 2 })
			close(endQueries)
			for _, query := range []<-chan string{first, second} {
				if got := <-query; got != `{"data":{"hello":"hi"}}` {
					t.Errorf("a query got %s", got)
				}
			}
			if err := live.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
