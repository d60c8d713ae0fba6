package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/router/gateway/config"
)

type totals struct {
	Requests, Errors  int
	RequestsPerSecond float64 `json:"requests_per_second"`
	P50, P95, P99     float64
}

type traffic struct {
	Window, Step int
	Times        []int64
	Requests     []float64
	P95          []float64
	InFlight     []float64 `json:"in_flight"`
	Totals       totals
}

// complete calls the API until the second of the last request is over, since the current
// second is not part of the traffic.
func complete(t *testing.T, s *shop, requests int) traffic {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		got := get[traffic](t, s, "traffic?window=60")
		inSteps := 0.0
		for _, rate := range got.Requests {
			inSteps += rate * float64(got.Step)
		}
		if got.Totals.Requests == requests && inSteps == float64(requests) {
			return got
		}
		if time.Now().After(deadline) || got.Totals.Requests > requests {
			t.Fatalf("%+v, want %d requests", got.Totals, requests)
		}
		time.Sleep(50 * time.Millisecond) // until the next poll
	}
}

func TestTrafficCountsRequestsOfAllKinds(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.HTTP.Batching.Enabled = true })
	for range 3 {
		s.send(t, `{"query":"query Names { products { name } }"}`)
	}
	s.send(t, `{"query":"{ broken }"}`)                                                          // 4: an error
	s.send(t, `{"query":"{ nothing }"}`)                                                         // 5: invalid
	s.send(t, `nonsense`)                                                                        // 6: no operation
	s.send(t, `[{"query":"{ products { id } }"},{"query":"query Names { products { name } }"}]`) // 7, 8
	request(t, http.MethodGet, s.public+"/api/products", "")                                     // 9
	got := complete(t, s, 9)
	if got.Totals.Errors != 3 || got.Window != 60 || got.Step != 1 || len(got.Times) != 60 || len(got.Requests) != 60 || got.Totals.P50 <= 0 || got.Totals.P99 < got.Totals.P50 {
		t.Errorf("%+v", got)
	}
	sum := 0.0
	for i, r := range got.Requests {
		sum += r
		if r > 0 && got.P95[i] <= 0 {
			t.Errorf("requests without a duration at %d", got.Times[i])
		}
	}
	if sum != 9 {
		t.Errorf("%v requests in the steps", sum)
	}
	if hour := get[traffic](t, s, "traffic?window=3600"); hour.Step != 60 || len(hour.Times) < 59 {
		t.Errorf("%+v", hour)
	}
	for _, wrong := range []string{"traffic?window=59", "traffic?window=3601", "traffic?window=x", "operations?sort=name", "operations?limit=0", "traces?outcome=good", "traces/x"} {
		if res, body := s.api(t, http.MethodGet, wrong, ""); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", wrong, res.Status, body)
		}
	}
}

type operations struct {
	Operations []operationStats
	Other      struct{ Requests, Errors int }
	More       int
}

type operationStats struct {
	Hash, Name, Kind string
	Requests, Errors int
	ErrorRate        float64 `json:"error_rate"`
	P95              float64
	Fetches          float64 `json:"fetches_per_request"`
	Cost             struct{ Estimated, Actual, Max *float64 }
	Deprecated       []string `json:"deprecated_fields"`
	Document         string
	Traces           struct{ Latest, Slowest, Failing *string }
}

func (o operations) named(t *testing.T, name string) operationStats {
	t.Helper()
	for _, one := range o.Operations {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("no operation %s in %+v", name, o)
	return operationStats{}
}

// Steps before the router started have no figures, not zeros.
func TestTrafficBeforeTheStartIsUnknown(t *testing.T) {
	s := newShop(t, func(*config.Config) {})
	s.send(t, manyBody)
	complete(t, s, 1)
	hour := get[struct {
		Requests, Errors, Subscriptions, Shed []*float64
		InFlight                              []*float64 `json:"in_flight"`
	}](t, s, "traffic?window=3600")
	for name, list := range map[string][]*float64{
		"requests": hour.Requests, "errors": hour.Errors, "subscriptions": hour.Subscriptions, "shed": hour.Shed, "in_flight": hour.InFlight,
	} {
		if len(list) < 59 || list[0] != nil || list[len(list)-2] != nil {
			t.Errorf("%s before the start: %v", name, list)
		}
	}
	if minute := get[struct{ Requests []*float64 }](t, s, "traffic?window=60"); minute.Requests[len(minute.Requests)-1] == nil {
		t.Error("the last second has no figures")
	}
}

func TestOperationsAreToldApart(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.DemandControl.Enabled = true })
	const many = `{"query":"query Many($n: Int) { products(first: $n) { name title reviews(last: 77) { text } } }","variables":{"n":5}}`
	for range 3 {
		s.send(t, many)
	}
	s.send(t, `{"query":"query Broken { broken }"}`)
	got := get[operations](t, s, "operations")
	o := got.named(t, "Many")
	if o.Requests != 3 || o.Errors != 0 || o.Kind != "query" || o.Fetches != 2 || o.P95 <= 0 || len(o.Hash) != 64 || o.Cost.Estimated == nil || *o.Cost.Estimated == 0 {
		t.Errorf("%+v", o)
	}
	if len(o.Deprecated) != 1 || o.Deprecated[0] != "Product.title" {
		t.Errorf("deprecated %v", o.Deprecated)
	}
	if !strings.Contains(o.Document, "reviews(last:") || strings.Contains(o.Document, "77") {
		t.Errorf("the document shows values: %s", o.Document)
	}
	if o.Traces.Latest == nil || o.Traces.Slowest == nil || o.Traces.Failing != nil {
		t.Errorf("traces %+v", o.Traces)
	}
	if b := got.named(t, "Broken"); b.Errors != 1 || b.ErrorRate != 1 || b.Traces.Failing == nil {
		t.Errorf("%+v", b)
	}
	if got.Operations[0].Name != "Many" {
		t.Errorf("not sorted by rate: %+v", got)
	}
	if got := get[operations](t, s, "operations?sort=errors&limit=1"); got.Operations[0].Name != "Broken" || len(got.Operations) != 1 || got.More != 1 {
		t.Errorf("sorted by errors: %+v", got)
	}
}

// TestDocumentsThatDifferInValuesAreOneOperation: the operation, its traces and its
// subscriptions have the same hash, and a trace is also found by the hash of its document.
func TestDocumentsThatDifferInValuesAreOneOperation(t *testing.T) {
	for _, dev := range []bool{false, true} {
		s := newShop(t, func(c *config.Config) { c.Admin.Console.Sample, c.Dev = 1, dev })
		const n = 30
		for i := range n {
			s.send(t, fmt.Sprintf(`{"query":"query Some { products(first: %d) { name reviews(last: %d) { text } } }"}`, i+4000, i+5000))
		}
		s.send(t, `{"query":"query Some { products(first: 1) { name } }"}`)
		complete(t, s, n+1)
		list := get[operations](t, s, "operations?window=60").Operations
		if len(list) != 2 || list[0].Requests != n || list[1].Requests != 1 {
			t.Fatalf("%+v", list)
		}
		if shown := strings.Contains(list[0].Document, "first: 40"); shown != dev {
			t.Errorf("dev %t: %s", dev, list[0].Document)
		}
		type summary struct{ ID string }
		traces := func(hash string) []summary {
			return get[struct{ Traces []summary }](t, s, "traces?limit=100&operation="+hash).Traces
		}
		all := traces(list[0].Hash)
		if len(all) != n || len(traces(list[1].Hash)) != 1 {
			t.Errorf("%d traces", len(all))
		}
		one := get[traceOf](t, s, "traces/"+all[0].ID)
		if one.Operation.Hash != list[0].Hash || one.Operation.DocumentHash == one.Operation.Hash || len(one.Plan) < 10 {
			t.Errorf("%+v", one)
		}
		if found := traces(one.Operation.DocumentHash); len(found) != 1 || found[0].ID != one.ID {
			t.Errorf("%d traces by the hash of the document", len(found))
		}
	}
}

func TestClientsAndErrorsAreCounted(t *testing.T) {
	s := newShop(t, nil)
	s.send(t, `{"query":"{ products { id } }"}`, "Apollographql-Client-Name: web", "Apollographql-Client-Version: 7")
	s.send(t, `{"query":"{ products { id } }"}`, "GraphQL-Client-Name: app")
	s.send(t, `{"query":"{ broken }"}`, "User-Agent: curl/8.5.0 x")
	s.send(t, `{"query":"{ nothing }"}`, "User-Agent: Mozilla/5.0 (X11)")
	s.broken.Store(true)
	s.send(t, `{"query":"{ broken }"}`, "User-Agent: curl/8.5.0 x")
	type clients struct {
		Clients []struct {
			Name, Version    string
			Requests, Errors int
		}
	}
	found := map[string]string{}
	for _, c := range get[clients](t, s, "clients").Clients {
		found[c.Name+" "+c.Version] = fmt.Sprint(c.Requests, c.Errors)
	}
	if found["web 7"] != "1 0" || found["app "] != "1 0" || found["curl 8.5.0"] != "2 2" || found["browser "] != "1 1" || len(found) != 4 {
		t.Errorf("clients %v", found)
	}
	type errors struct {
		Errors []struct {
			Code, Message   string
			Count           int
			Subgraph, Trace *string
		}
	}
	codes := map[string]int{}
	for _, e := range get[errors](t, s, "errors").Errors {
		codes[e.Code] += e.Count
		if e.Message == "" || e.Trace == nil {
			t.Errorf("no message or trace: %+v", e)
		}
		if e.Subgraph == nil != (e.Code == "GRAPHQL_VALIDATION_FAILED") {
			t.Errorf("subgraph of %+v", e)
		}
	}
	if codes["OUT_OF_ORDER"] != 1 || codes["SUBREQUEST_HTTP_ERROR"] != 1 || codes["GRAPHQL_VALIDATION_FAILED"] != 1 {
		t.Errorf("errors %v", codes)
	}
}

func TestUsageCountsOperationsPerField(t *testing.T) {
	s := newShop(t, nil)
	for range 2 {
		s.send(t, `{"query":"query A { products { name reviews { text } } }"}`, "GraphQL-Client-Name: app")
	}
	s.send(t, `{"query":"query B { products { ... on Product { name n2: name } } __schema { queryType { name } } }"}`, "GraphQL-Client-Name: web")
	type usage struct {
		Fields map[string]struct {
			Requests int
			Clients  []string
		}
	}
	got := get[usage](t, s, "graph/usage").Fields
	if f := got["Product.name"]; f.Requests != 3 || fmt.Sprint(f.Clients) != "[app web]" {
		t.Errorf("%+v", f)
	}
	if f := got["Review.text"]; f.Requests != 2 || fmt.Sprint(f.Clients) != "[app]" {
		t.Errorf("%+v", f)
	}
	if len(got) != 4 { // Query.products, Product.name, Product.reviews, Review.text
		t.Errorf("%v", got)
	}
}

func TestSubgraphsShowHealthAndLatency(t *testing.T) {
	s := newShop(t, nil)
	s.send(t, `{"query":"{ products { name reviews { text } } }"}`)
	s.broken.Store(true)
	for range 3 {
		s.send(t, `{"query":"{ broken }"}`)
	}
	type subgraphs struct {
		Subgraphs []struct {
			Name, URL, Health, Breaker string
			Error                      *string
			Requests                   int
			ErrorRate                  float64 `json:"error_rate"`
			P95                        float64
		}
	}
	list := get[subgraphs](t, s, "subgraphs").Subgraphs
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	if c := list[0]; c.Name != "catalog" || c.Health != "ok" || c.Breaker != "closed" || c.Error != nil || c.Requests != 1 || c.P95 <= 0 || !strings.HasPrefix(c.URL, "http://127.0.0.1") {
		t.Errorf("%+v", c)
	}
	if r := list[1]; r.Health != "failing" || r.Error == nil || !strings.Contains(*r.Error, "500") || r.Requests < 4 || r.ErrorRate < .5 {
		t.Errorf("%+v", r)
	}
}

// TestConcurrentRequestsAreAllCounted also shows that reading statistics and recording do not
// disturb each other (under the race detector).
func TestConcurrentRequestsAreAllCounted(t *testing.T) {
	s := newShop(t, nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 25 {
				s.send(t, fmt.Sprintf(`{"query":"query Q%d { products { name reviews { text } } }"}`, i))
			}
			get[operations](t, s, "operations")
		})
	}
	all.Wait()
	sum := 0
	for _, o := range get[operations](t, s, "operations").Operations {
		sum += o.Requests
	}
	if sum != 200 {
		t.Errorf("%d requests", sum)
	}
}
