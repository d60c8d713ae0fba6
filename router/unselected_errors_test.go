package router_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
)

// Subgraph b knows media only as an @interfaceObject that cannot be asked for again, so it is asked for the rating
// of all of them, also if the client wants that of films only. What it reports about the rating of a tape reaches only clients that have
// selected it there, or that get a null because of it.
func TestErrorsOfFieldsSelectedOnOtherTypesAreLeftOut(t *testing.T) {
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@interfaceObject"])` + "\n"
	graph, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "a", URL: "http://a", SDL: link + `
			interface Media @key(fields: "id") { id: ID! }
			type Film implements Media @key(fields: "id") { id: ID! }
			type Tape implements Media @key(fields: "id") { id: ID! }`},
		{Name: "b", URL: "http://b", SDL: link + `
			type Query { best: [Media] }
			type Media @key(fields: "id", resolvable: false) @interfaceObject { id: ID! votes: Votes }
			type Votes { count: Int rating: Float strict: Float! }`},
	})
	if err != nil {
		t.Fatal(err)
	}
	// respond responds as both subgraphs; votes are those of the tape.
	respond := func(votes string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/a" {
				fmt.Fprint(w, `{"data":{"_entities":[{"__typename":"Film"},{"__typename":"Tape"}]}}`)
				return
			}
			var request struct{ Query string }
			if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
				t.Error(err)
			}
			field := "rating"
			if strings.Contains(request.Query, "strict") {
				field = "strict"
			}
			fmt.Fprintf(w, `{"data":{"best":[{"__typename":"Media","id":"1","votes":{"count":5,"%[1]s":4.5}},{"__typename":"Media","id":"2","votes":%[2]s}]},
				"errors":[{"message":"no %[1]s","path":["best",1,"votes","%[1]s"]}]}`, field, votes)
		}
	}
	const failed = `,"errors":[{"message":"no %[1]s","path":["best",1,"votes","%[1]s"],"extensions":{"code":"DOWNSTREAM_SERVICE_ERROR","service":"b"}}]`
	for name, c := range map[string]struct{ query, votes, want string }{
		"selected on films": {
			`{ best { votes { count } ... on Film { votes { rating } } } }`, `{"count":7,"rating":null}`,
			`{"data":{"best":[{"votes":{"count":5,"rating":4.5}},{"votes":{"count":7}}]}}`,
		},
		"selected on tapes, too": {
			`{ best { votes { count } ... on Film { votes { rating } } ... on Tape { votes { rating } } } }`, `{"count":7,"rating":null}`,
			`{"data":{"best":[{"votes":{"count":5,"rating":4.5}},{"votes":{"count":7,"rating":null}}]}` + fmt.Sprintf(failed, "rating") + `}`,
		},
		"a null that propagates": {
			`{ best { votes { count } ... on Film { votes { strict } } } }`, `null`,
			`{"data":{"best":[{"votes":{"count":5,"strict":4.5}},{"votes":null}]}` + fmt.Sprintf(failed, "strict") + `}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := newRouterWith(t, router.Options{Supergraph: graph.SDL}, respond(c.votes), func(c *config.Config) { c.IncludeErrors.All = true })
			server := httptest.NewServer(gateway.Handler())
			t.Cleanup(server.Close)
			body, err := json.Marshal(map[string]string{"query": c.query})
			if err != nil {
				t.Fatal(err)
			}
			if _, got := ask(t, "POST", server.URL+"/graphql", string(body), posts); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
