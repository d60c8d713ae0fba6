package console_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// TestOperationsThatAreNotValidHaveNames: whoever looks for the cause of errors needs the
// operation, the document and the stage.
func TestOperationsThatAreNotValidHaveNames(t *testing.T) {
	for _, c := range []struct{ name, query, operationName, want, kind, code, stages string }{
		{"named in the document", `query Bad { products { nope } }`, "", "Bad", "query", "GRAPHQL_VALIDATION_FAILED", "receive parse validate respond"},
		{"a mutation", `mutation Worse { nope }`, "", "Worse", "mutation", "GRAPHQL_VALIDATION_FAILED", "receive parse validate respond"},
		{"chosen by operationName", `query A { nope } query B { products { id } }`, "A", "A", "query", "GRAPHQL_VALIDATION_FAILED", "receive parse validate respond"},
		{"not in the document", `query A { products { id } }`, "Z", "Z", "query", "", "receive parse validate respond"},
		{"not parsed, with operationName", `query { `, "Torn", "Torn", "query", "GRAPHQL_PARSE_FAILED", "receive parse respond"},
		{"anonymous", `{ nope }`, "", "", "query", "GRAPHQL_VALIDATION_FAILED", "receive parse validate respond"},
		{"too deep", `query Deep { products { reviews { text } } }`, "", "Deep", "query", "MAX_DEPTH_LIMIT", "receive parse validate respond"},
		{"wrong variables", `query Vars($n: Int) { products(first: $n) { id } }`, "", "Vars", "query", "", "receive parse validate respond"},
	} {
		for _, dev := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, dev=%t", c.name, dev), func(t *testing.T) {
				s := newShop(t, func(conf *config.Config) {
					conf.Limits.MaxDepth = 2
					if dev {
						development(conf)
					}
				})
				body, err := json.Marshal(map[string]any{"query": c.query, "operationName": c.operationName, "variables": map[string]string{"n": "x"}})
				if err != nil {
					t.Fatal(err)
				}
				var id string
				for range 3 {
					res, _ := s.send(t, string(body))
					if id = res.Header.Get("Souk-Trace-Id"); res.StatusCode < 400 {
						t.Fatal(res.Status)
					}
				}
				s.checkInvalid(t, id, c.query, c.want, c.kind, c.code, c.stages, dev)
			})
		}
	}
}

func (s *shop) checkInvalid(t *testing.T, id, query, name, kind, code, stages string, dev bool) {
	t.Helper()
	list := get[operations](t, s, "operations").Operations
	if len(list) != 1 || list[0].Name != name || list[0].Kind != kind || list[0].Requests != 3 || list[0].Errors != 3 {
		t.Fatalf("operations: %+v", list)
	}
	got := get[traceOf](t, s, "traces/"+id)
	sum := sha256.Sum256([]byte(query))
	if o := got.Operation; o.Name != name || o.Kind != kind || o.DocumentHash != hex.EncodeToString(sum[:]) || o.Hash != list[0].Hash || dev != (o.Document == query) && name != "Vars" {
		t.Errorf("the operation of the trace is %+v", o)
	}
	var names []string
	for _, stage := range got.Stages {
		names = append(names, stage.Name)
	}
	// The document with the wrong variables is valid, so that it is in the cache the third time.
	if strings.Join(names, " ") != stages && name != "Vars" || name == "Vars" && strings.Join(names, " ") != "receive parse respond" {
		t.Errorf("stages %v, not %s", names, stages)
	}
	if got.PlanError == nil || *got.PlanError != "the operation was rejected before it had a plan" {
		t.Errorf("plan error %v", got.PlanError)
	}
	if len(got.Errors) == 0 || code != "" && got.Errors[0].Code != code {
		t.Errorf("errors %+v", got.Errors)
	}
}

// TestInvalidOperationsAreBounded: clients that send new documents all the time fill no more
// than the table, and the operation in use stays in it.
func TestInvalidOperationsAreBounded(t *testing.T) {
	s := newShop(t, nil)
	for i := range 300 {
		for range 2 {
			s.send(t, `{"query":"query InUse { products { id } }"}`)
		}
		s.send(t, fmt.Sprintf(`{"query":"query Q%d { nope%[1]d }"}`, i))
	}
	got := get[struct {
		Operations []struct{ Name string }
		Other      struct{ Requests int }
	}](t, s, "operations?limit=1000")
	if len(got.Operations) > 256 || got.Operations[0].Name != "InUse" || got.Other.Requests == 0 {
		t.Errorf("%d operations, the first is %s; others %+v", len(got.Operations), got.Operations[0].Name, got.Other)
	}
	if res, _ := s.api(t, http.MethodGet, "traces?outcome=error&name=Q299", ""); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
}
