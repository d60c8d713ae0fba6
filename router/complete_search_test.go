package router_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
)

// A coverGraph has an item of which many subgraphs have some fields each, so that the fewest of them that have
// all are hard to find.
type coverGraph struct {
	requests atomic.Int64
	public   string // URL
	admin    string
}

const coverFields, coverSubgraphs = 60, 30

var coverField = regexp.MustCompile(`\bf[0-9]+\b`)

func (s *coverGraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	var request struct{ Query string }
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	item := map[string]any{"__typename": "Item", "id": "1"}
	for _, f := range coverField.FindAllString(request.Query, -1) {
		item[f] = f
	}
	data := any(map[string]any{"item": item})
	if strings.Contains(request.Query, "_entities") {
		data = map[string]any{"_entities": []any{item}}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

func startCoverGraph(t *testing.T, change func(*config.Config)) *coverGraph {
	t.Helper()
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])` + "\n"
	parts := []compose.Subgraph{{Name: "items", URL: "http://items", SDL: link + `type Query { item: Item } type Item @key(fields: "id") { id: ID! }`}}
	r := rand.New(rand.NewPCG(0, 1))
	for i := range coverSubgraphs {
		var fields strings.Builder
		for _, f := range r.Perm(coverFields)[:coverFields/4] {
			fmt.Fprintf(&fields, " f%d: String @shareable", f)
		}
		for f := i; f < coverFields; f += coverSubgraphs / 2 { // each field is in one at least
			if !strings.Contains(fields.String()+" ", fmt.Sprintf(" f%d:", f)) {
				fmt.Fprintf(&fields, " f%d: String @shareable", f)
			}
		}
		name := fmt.Sprintf("s%02d", i)
		parts = append(parts, compose.Subgraph{Name: name, URL: "http://" + name, SDL: link + `type Item @key(fields: "id") { id: ID!` + fields.String() + ` }`})
	}
	graph, err := compose.Compose(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	s := &coverGraph{}
	gateway := newRouterWith(t, router.Options{Supergraph: graph.SDL}, s, func(c *config.Config) {
		urls := config.SubgraphURLs{}
		for i := range parts {
			urls[parts[i].Name] = c.OverrideSubgraphURLs["a"]
		}
		c.OverrideSubgraphURLs = urls
		change(c)
	})
	s.public, s.admin = servePorts(t, gateway)
	return s
}

// ask sends a query for all fields of an item under an alias, and returns the number of its requests.
func (s *coverGraph) ask(t *testing.T, alias string) int64 {
	t.Helper()
	item := map[string]string{}
	for f := range coverFields {
		item[fmt.Sprintf("f%d", f)] = fmt.Sprintf("f%d", f)
	}
	fields := slices.Sorted(maps.Keys(item))
	body, err := json.Marshal(map[string]string{"query": "{ item { " + strings.Join(fields, " ") + " } " + alias + ": __typename }"})
	if err != nil {
		t.Fatal(err)
	}
	before := s.requests.Load()
	_, text := ask(t, "POST", s.public+"/graphql", string(body), posts)
	var got struct {
		Data struct{ Item map[string]string }
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || !maps.Equal(got.Data.Item, item) {
		t.Fatalf("got %s, error %v", text, err)
	}
	return s.requests.Load() - before
}

// A search that would take long ends early for the first request. When the operation is used again, it is completed in
// the background, and the requests that follow have the better plan. Operations that are used once are not
// planned again.
func TestLongSearchIsCompletedForOperationsThatAreUsedAgain(t *testing.T) {
	fewest := startCoverGraph(t, func(c *config.Config) { c.QueryPlanner.CompleteSearch = true }).ask(t, "once")
	s := startCoverGraph(t, func(*config.Config) {})
	first := s.ask(t, "often")
	if first <= fewest {
		t.Fatalf("the first plan has %d requests, and the best %d: the search does not end early", first, fewest)
	}
	s.ask(t, "once")
	await(t, "the better plan is used", func() bool { return s.ask(t, "often") == fewest })
	if n := metric(t, s.admin, `souk_router_plans_replaced_total{result="changed"}`); n != 1 {
		t.Errorf("%v plans were replaced", n)
	}
	if n := s.ask(t, "once"); n != first {
		t.Errorf("%d requests for the second use of an operation, want %d as for the first", n, first)
	}
}

// If a complete search finds a plan that is as good but another one, the first plan stays in use, and the console
// shows that.
func TestConsoleShowsThePlanInUse(t *testing.T) {
	const token = "123456789012"
	sdl, err := os.ReadFile("testdata/equal_plans.graphql")
	if err != nil {
		t.Fatal(err)
	}
	subgraph := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":null,"errors":[{"message":"no"}]}`)
	})
	public, admin := servePorts(t, newRouterWith(t, router.Options{Supergraph: string(sdl), AccessLog: io.Discard}, subgraph, func(c *config.Config) {
		url := c.OverrideSubgraphURLs["a"]
		c.OverrideSubgraphURLs = config.SubgraphURLs{"g0": url, "g1": url, "g2": url, "g3": url}
		c.ExposeQueryPlan.Enabled, c.ExposeQueryPlan.Token = true, token
		c.Admin.Console.Enabled, c.Admin.Console.Token, c.Admin.Console.Sample = true, token, 1
	}))
	const body = `{"query":"{ t1 { f4 t0 { f3 f0 } f0 t2 { f4 r1 } } t2 { t0 { r1 f0 } r0 f2 k0 k2 } t0 { f2 f3 n { id } } }"}`
	type planned struct{ Plan json.RawMessage }
	check := func() {
		t.Helper()
		_, text := ask(t, "POST", public+"/graphql", body, posts, "Souk-Expose-Query-Plan: true", "Souk-Expose-Token: "+token)
		var used struct{ Extensions struct{ Souk planned } }
		if err := json.Unmarshal([]byte(text), &used); err != nil {
			t.Fatal(err)
		}
		response, _ := ask(t, "POST", public+"/graphql", body, posts)
		_, text = ask(t, "GET", admin+"/console/api/traces/"+response.Header.Get("Souk-Trace-Id"), "", "Authorization: Bearer "+token)
		var shown planned
		if err := json.Unmarshal([]byte(text), &shown); err != nil {
			t.Fatal(err)
		}
		if plan := used.Extensions.Souk.Plan; plan == nil || string(plan) != string(shown.Plan) {
			t.Errorf("the console shows the plan\n%s\nand the one in use is\n%s", shown.Plan, plan)
		}
	}
	check()
	await(t, "the operation is planned again", func() bool {
		ask(t, "POST", public+"/graphql", body, posts)
		return metric(t, admin, `souk_router_plans_replaced_total{result="same"}`) == 1
	})
	check()
}
