package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/rest"
)

// addingRoute runs a mutation.
type addingRoute struct{ graph rest.Executor }

func (addingRoute) RunsOperation(*http.Request) bool { return true }

func (h addingRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := h.graph.Execute(r.Context(), w.Header(), r, "mutation { add(n: 1) }", "", nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// With forbid_mutations, mutations are refused whichever way they come, also while limits are only
// logged, and queries are not.
func TestMutationsCanBeForbidden(t *testing.T) {
	const add = `{"query":"query Read { hello } mutation Add { add(n: 1) }","operationName":"Add"}`
	for _, forbidden := range []bool{false, true} {
		_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
			c.Limits.ForbidMutations, c.Limits.Mode = forbidden, config.LogLimits
			c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 2}
			o.REST = func(_ string, graph rest.Executor) (gateway.RESTHandler, error) { return addingRoute{graph}, nil }
		})
		answers := map[string]string{}
		for _, accept := range []string{"application/graphql-response+json", "application/json"} {
			got := send(t, "POST", url+"/graphql", add, "Accept: "+accept)
			if answers[accept] = got.body; forbidden && got.status != http.StatusForbidden {
				t.Errorf("%s: got status %d, %s", accept, got.status, got.body)
			}
		}
		answers["batch"] = send(t, "POST", url+"/graphql", "["+add+"]").body
		answers["event stream"] = send(t, "POST", url+"/graphql", add, "Accept: text/event-stream").body
		answers["multipart"] = send(t, "POST", url+"/graphql", add, "Accept: multipart/mixed").body
		answers["REST"] = send(t, "POST", url+"/api/v1/additions", "").body
		s := dial(t, url+"/graphql", protocol)
		s.send(`{"type":"connection_init"}`)
		s.want(`{"type":"connection_ack"}`)
		s.send(`{"id":"1","type":"subscribe","payload":` + add + `}`)
		_, message, err := s.conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		answers["WebSocket"] = string(message)
		for name, body := range answers {
			if got := strings.Contains(body, `"MUTATION_FORBIDDEN"`) && strings.Contains(body, "Mutations are forbidden."); got != forbidden {
				t.Errorf("%s: forbidden is %v: got %s", name, forbidden, body)
			}
			if got := strings.Contains(body, `"add":`); got == forbidden {
				t.Errorf("%s: forbidden is %v: got %s", name, forbidden, body)
			}
		}
		if got := send(t, "POST", url+"/graphql", strings.Replace(add, `"Add"}`, `"Read"}`, 1)); got.status != 200 || !strings.Contains(got.body, `"hello":"hi"`) {
			t.Errorf("a query: got %d, %s", got.status, got.body)
		}
	}
}
