package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/router/gateway/config"
	"souk/router/plan"
)

type traceOf struct {
	ID, Carrier, Outcome string
	Shared               bool
	Operation            struct {
		Hash, Name, Kind, Document string
		DocumentHash               string `json:"document_hash"`
		Variables                  map[string]any
	}
	Client   struct{ Name, Version string }
	Duration float64
	Status   int
	Errors   []struct {
		Message, Code, Subgraph string
		Path                    []any
	}
	Stages []struct {
		Name            string
		Start, Duration float64
	}
	Plan      json.RawMessage
	PlanText  string  `json:"plan_text"`
	PlanError *string `json:"plan_error"`
	Fetches   []struct {
		ID                                        int
		Subgraph, Outcome, Query                  string
		Start, Duration                           float64
		Status, Sent, Received                    int
		Representations, Entities, Found, Retries int
		Error                                     *string
		Critical                                  bool
	}
	Cost struct{ Estimated, Actual, Max *float64 }
}

const manyBody = `{"query":"query Many($n: Int, $all: Boolean!) { products(first: $n) { name reviews(last: 77) @include(if: $all) { text } } }","variables":{"n":5,"all":true}}`

func TestTraceShowsStagesFetchesAndPlan(t *testing.T) {
	s := newShop(t, development)
	s.token = ""
	for i := range 2 { // the second time everything is cached
		res, body := s.send(t, manyBody, "GraphQL-Client-Name: web")
		id := res.Header.Get("Souk-Trace-Id")
		if len(id) != 32 {
			t.Fatalf("%v %s", res.Header, body)
		}
		got := get[traceOf](t, s, "traces/"+id)
		if got.ID != id || got.Operation.Name != "Many" || got.Operation.Kind != "query" || got.Client.Name != "web" || got.Duration <= 0 || got.Status != 200 || got.Outcome != "ok" || got.Carrier != "http" {
			t.Errorf("%+v", got)
		}
		if got.Operation.Variables["n"] != 5.0 || !strings.Contains(got.Operation.Document, "last: 77") {
			t.Errorf("development mode shows values: %+v", got.Operation)
		}
		names, at := "", 0.0
		for _, st := range got.Stages {
			names += st.Name + " "
			if st.Start < at-1e-9 || st.Duration < 0 {
				t.Errorf("stages %+v", got.Stages)
			}
			at = st.Start + st.Duration
		}
		want := "receive parse validate authorize plan execute respond "
		if i == 1 { // the document is in the cache
			want = "receive parse authorize plan execute respond "
		}
		if names != want || at > got.Duration+1e-6 {
			t.Errorf("stages %+v, duration %v", got.Stages, got.Duration)
		}
		p, err := plan.ReadJSON(strings.NewReader(string(got.Plan)))
		if err != nil || len(p.Fetches) != 2 || got.PlanText == "" || got.PlanError != nil {
			t.Fatalf("plan %v %s", err, got.Plan)
		}
		if len(got.Fetches) != 2 {
			t.Fatalf("request %d: fetches %+v", i, got.Fetches)
		}
		root, entities := got.Fetches[0], got.Fetches[1]
		if root.Subgraph != "catalog" || root.Status != 200 || root.Sent == 0 || root.Received == 0 || !root.Critical || root.Outcome != "none" || !strings.Contains(root.Query, "products") {
			t.Errorf("%+v", root)
		}
		if entities.Representations != 2 || entities.Entities != 2 || !entities.Critical || entities.Start < root.Start+root.Duration || !strings.Contains(entities.Query, "_entities") {
			t.Errorf("%+v after %+v", entities, root)
		}
		// 2 products with one review each.
		if got.Cost.Estimated == nil || got.Cost.Actual == nil || *got.Cost.Actual != 4 {
			t.Errorf("cost %+v", got.Cost)
		}
	}
}

func TestTracesHideValuesOutsideDevelopmentMode(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Admin.Console.Sample = 1 })
	// So many digits do not occur by chance in a time or an identifier.
	res, _ := s.send(t, strings.Replace(manyBody, `"n":5`, `"n":1471147111`, 1))
	id := res.Header.Get("Souk-Trace-Id")
	got := get[traceOf](t, s, "traces/"+id)
	if got.Operation.Variables["n"] != "(hidden)" || len(got.Fetches) != 2 || got.Fetches[1].Query == "" || got.PlanError != nil {
		t.Errorf("%+v", got)
	}
	_, body := s.api(t, http.MethodGet, "traces/"+id, "")
	if strings.Contains(body, "last:77") || strings.Contains(body, "last: 77") || strings.Contains(body, "1471147111") {
		t.Errorf("values: %s", body)
	}
}

// Development mode shows variables, but not those of secrets.
func TestTracesHideSecretsInDevelopmentMode(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Dev, c.Admin.Console.Sample = true, 1 })
	res, _ := s.send(t, strings.Replace(manyBody, `"n":5`, `"n":5,"newPassword":"tutorial-1","input":{"login":"ada","items":[{"api_key":"tutorial-2"}],"accessToken":null}`, 1))
	got := get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id"))
	want := map[string]any{"n": 5.0, "all": true, "newPassword": "(hidden)", "input": map[string]any{"login": "ada", "items": []any{map[string]any{"api_key": "(hidden)"}}, "accessToken": nil}}
	if !reflect.DeepEqual(got.Operation.Variables, want) {
		t.Errorf("got %v", got.Operation.Variables)
	}
}

func TestFailingTracesAreKeptWithTheirErrors(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Admin.Console.Sample = 0 })
	res, _ := s.send(t, `{"query":"query B { broken }"}`)
	got := get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id"))
	if got.Outcome != "error" || len(got.Errors) != 1 || got.Errors[0].Code != "OUT_OF_ORDER" || got.Errors[0].Message != "A subgraph reported an error." || fmt.Sprint(got.Errors[0].Path) != "[broken]" || got.Errors[0].Subgraph != "reviews" {
		t.Errorf("%+v", got)
	}
	s.broken.Store(true)
	res, _ = s.send(t, `{"query":"query B { broken }"}`)
	got = get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id"))
	if len(got.Fetches) != 1 || got.Fetches[0].Error == nil || got.Errors[0].Code != "SUBREQUEST_HTTP_ERROR" {
		t.Errorf("%+v", got)
	}
	res, _ = s.send(t, `{"query":"query B { nothing }"}`)
	if got = get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id")); got.Status != 422 && got.Status != 200 || got.Errors[0].Code != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("%+v", got)
	}
	type list struct{ Traces []traceOf2 }
	if all := get[list](t, s, "traces?outcome=error").Traces; len(all) != 3 || all[0].Errors[0].Code != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("%+v", all)
	}
	if one := get[list](t, s, "traces?operation="+got.Operation.Hash+"&limit=1").Traces; len(one) != 1 {
		t.Errorf("%+v", one)
	}
}

// A traceOf2 is a trace in a list.
type traceOf2 struct {
	ID, Outcome string
	Errors      []struct{ Code string }
	Fetches     int
}

// TestTraceOfAnOperationWithDeniedFieldsHasItsPlan: the plan is that of the operation after
// authorization.
func TestTraceOfAnOperationWithDeniedFieldsHasItsPlan(t *testing.T) {
	for name, change := range map[string]func(*config.Config){"development": development, "production": func(c *config.Config) { c.Admin.Console.Sample = 1 }} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, change)
			res, body := s.send(t, `{"query":"query Denied { products(first: 42) { name secret } }"}`)
			if !strings.Contains(body, "UNAUTHORIZED_FIELD_OR_TYPE") {
				t.Fatal(body)
			}
			got := get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id"))
			if len(got.Fetches) != 1 || !strings.Contains(string(got.Plan), `"source":"denied"`) || strings.Contains(got.PlanText, "reviews") {
				t.Errorf("%s\n%s", got.PlanText, got.Plan)
			}
		})
	}
}

func TestTraceOfADeferredOperationHasAllItsFetches(t *testing.T) {
	s := newShop(t, development)
	res, body := s.send(t, `{"query":"query Later { products { name ... @defer { reviews { text } } } }"}`, "Accept: multipart/mixed;deferSpec=20220824")
	if !strings.Contains(body, "good") {
		t.Fatal(body)
	}
	got := get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id"))
	if len(got.Fetches) != 2 || got.Cost.Actual != nil || !strings.Contains(got.PlanText, "deferred 1") {
		t.Errorf("%+v", got)
	}
}

// TestQueryThatSharesAnExecutionHasATrace: the subgraph answers when both have arrived.
func TestQueryThatSharesAnExecutionHasATrace(t *testing.T) {
	s := newShop(t, func(c *config.Config) { development(c); c.TrafficShaping.Router.Deduplicate = new(true) })
	release := make(chan struct{})
	s.hold.Store(&release)
	var all sync.WaitGroup
	ids := make([]string, 2)
	for i := range ids {
		all.Go(func() {
			res, _ := s.send(t, `{"query":"query Same { products { name } }"}`)
			ids[i] = res.Header.Get("Souk-Trace-Id")
		})
	}
	until(t, func() bool {
		_, text := request(t, http.MethodGet, s.admin+"/metrics", "")
		return strings.Contains(text, "souk_router_operations_joined_total 1")
	})
	close(release)
	all.Wait()
	shared, fetches := 0, 0
	for _, id := range ids {
		got := get[traceOf](t, s, "traces/"+id)
		if got.Shared {
			shared++
		}
		fetches += len(got.Fetches)
	}
	if shared != 1 || fetches != 1 {
		t.Errorf("%d shared, %d fetches", shared, fetches)
	}
}

func TestEveryCarrierHasTraces(t *testing.T) {
	s := newShop(t, func(c *config.Config) { development(c); c.HTTP.Batching.Enabled = true })
	s.token = ""
	res, _ := s.send(t, `[{"query":"query One { products { id } }"},{"query":"query Two { products { id } }"}]`)
	if res.Header.Get("Souk-Trace-Id") != "" {
		t.Error("a batch is no operation")
	}
	res, _ = request(t, http.MethodGet, s.public+"/api/products", "")
	if id := res.Header.Get("Souk-Trace-Id"); get[traceOf](t, s, "traces/"+id).Carrier != "rest" || get[traceOf](t, s, "traces/"+id).Status != 200 {
		t.Errorf("%v", res.Header)
	}
	res, body := s.send(t, `{"query":"subscription Ticks { ticks { name reviews { text } } }"}`, "Accept: text/event-stream")
	if got := get[traceOf](t, s, "traces/"+res.Header.Get("Souk-Trace-Id")); got.Operation.Kind != "subscription" {
		t.Errorf("%+v %s", got, body)
	}
	type list struct {
		Traces []struct {
			Carrier   string
			Operation struct{ Name string }
		}
	}
	found := ""
	for _, one := range get[list](t, s, "traces").Traces {
		found = one.Carrier + ":" + one.Operation.Name + " " + found
	}
	for _, want := range []string{"batch:One", "batch:Two", "rest:products", "http:Ticks"} {
		if !strings.Contains(found, want) {
			t.Errorf("no %s in %s", want, found)
		}
	}
}

func TestNoTraceHeaderWithoutConsole(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Admin.Console.Enabled = false })
	if res, _ := s.send(t, `{"query":"{ products { id } }"}`); res.Header.Get("Souk-Trace-Id") != "" {
		t.Errorf("%v", res.Header)
	}
}

// TestTraceOutlivesItsSupergraph: a trace stays, but its plan cannot be made again.
func TestTraceOutlivesItsSupergraph(t *testing.T) {
	file := filepath.Join(t.TempDir(), "supergraph.graphql")
	if err := os.WriteFile(file, []byte(sdl), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newShopFrom(t, "", func(c *config.Config) {
		development(c)
		c.Supergraph.File, c.Supergraph.PollInterval = file, 10*time.Millisecond
	})
	s.token = ""
	res, _ := s.send(t, manyBody)
	id := res.Header.Get("Souk-Trace-Id")
	if err := os.WriteFile(file, []byte(strings.Replace(sdl, "parcel: String", "package: String", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got := get[traceOf](t, s, "traces/"+id)
		if got.PlanError != nil && strings.Contains(*got.PlanError, "supergraph has changed") && string(got.Plan) == "null" && len(got.Fetches) == 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", got)
		}
	}
}
