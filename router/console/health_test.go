package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router/gateway/config"
)

// TestSubgraphsThatRespondWithErrorsAreFailing: what counts is whether clients get data, not
// only whether the subgraph responds.
func TestSubgraphsThatRespondWithErrorsAreFailing(t *testing.T) {
	const good = `{"data":{"_entities":[{"reviews":[]},{"reviews":[]}]}}`
	for _, c := range []struct {
		name, response, health, problem string
		errors, withoutData             int
	}{
		{"data", good, "ok", "", 0, 0},
		{"data: null", `{"data":null,"errors":[{"message":"the disk is full"}]}`, "failing", "the disk is full", 3, 3},
		{"no data", `{"errors":[{"message":"first"},{"message":"second"}]}`, "failing", "second", 3, 3},
		{"no entity", `{"data":{"_entities":[null, null]},"errors":[{"message":"no such row","path":["_entities",0]}]}`, "failing", "no such row", 3, 3},
		{"one entity", `{"data":{"_entities":[{"reviews":[]},null]},"errors":[{"message":"no such row","path":["_entities",1]}]}`, "ok", "no such row", 3, 0},
		{"no JSON", `<html>`, "failing", "sent what is not JSON", 3, 3},
		{"neither", `{}`, "failing", "neither data nor errors", 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var response atomic.Pointer[string]
			response.Store(&c.response)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, *response.Load())
			}))
			defer server.Close()
			s := newShop(t, func(conf *config.Config) {
				conf.OverrideSubgraphURLs["reviews"] = []string{server.URL}
				conf.IncludeErrors.All = true
			})
			reviews := func() subgraphHealth {
				return get[struct{ Subgraphs []subgraphHealth }](t, s, "subgraphs").Subgraphs[1]
			}
			if got := reviews(); got.Health != "unknown" || got.Error != nil {
				t.Errorf("before the first request: %+v", got)
			}
			send := func(n int) {
				for range n {
					s.send(t, `{"query":"{ products { name reviews { text } } }"}`)
				}
			}
			send(3)
			got := reviews()
			problem := ""
			if got.Error != nil {
				problem = *got.Error
			}
			if got.Health != c.health || got.Requests != 3 || got.Errors != c.errors || got.WithoutData != c.withoutData || got.ErrorRate != float64(c.errors)/3 ||
				(problem == "") != (c.problem == "") || !strings.Contains(problem, c.problem) {
				t.Errorf("%+v, error %q", got, problem)
			}
			fine := good
			response.Store(&fine)
			send(3)
			if got = reviews(); got.Health != "ok" || got.Errors != c.errors || (got.Error == nil) != (c.errors == 0) {
				t.Errorf("after as many responses with data: %+v", got)
			}
		})
	}
}

type subgraphHealth struct {
	Health           string
	Error            *string
	Requests, Errors int
	ErrorRate        float64 `json:"error_rate"`
	WithoutData      int     `json:"without_data"`
}
