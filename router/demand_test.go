package router_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// demanding is a router with demand control, in front of two subgraphs.
type demanding struct {
	*testing.T
	url    string
	router *router.Router
}

func startDemanding(t *testing.T, change func(*config.Config)) demanding {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), "_entities") {
			fmt.Fprint(w, `{"data":{"_entities":[{"balance":"1"},{"balance":"2"}]}}`)
			return
		}
		fmt.Fprint(w, `{"data":{"accounts":[{"__typename":"Account","id":"1"},{"__typename":"Account","id":"2"}]}}`)
	}))
	t.Cleanup(upstream.Close)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {upstream.URL}, "b": {upstream.URL}}
	c.DemandControl.Enabled, c.DemandControl.ListSize = true, 4
	c.Telemetry.Operations.Names, c.Telemetry.Clients.Names = []string{"Balances"}, []string{"web"}
	change(&c)
	routes := fstest.MapFS{"accounts.graphql": {Data: []byte(`query accounts @rest(method: GET, path: "/api/accounts", result: "accounts") { accounts { balance } }`)}}
	sdl := composed(t, `type Query { accounts: [Account!] }  type Account @key(fields: "id") { id: ID! }`, `type Account @key(fields: "id") { id: ID! @external  balance: String }`)
	d := demanding{T: t}
	if d.router, err = router.New(t.Context(), c, router.Options{Supergraph: sdl, Routes: routes, Telemetry: tel}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.router.Handler())
	d.url = server.URL
	t.Cleanup(func() {
		if err := d.router.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return d
}

func (d demanding) query() answer {
	d.Helper()
	res, text := ask(d.T, "POST", d.url+"/graphql", `{"query":"query Balances { accounts { balance } }"}`, "Content-Type: application/json", "GraphQL-Client-Name: web")
	return answer{status: res.StatusCode, header: res.Header, body: text}
}

// exports fails unless the metrics of the router have each line.
func (d demanding) exports(lines ...string) {
	d.Helper()
	w := httptest.NewRecorder()
	d.router.Admin().ServeHTTP(w, httptest.NewRequestWithContext(d.Context(), "GET", "/metrics", nil))
	for _, line := range lines {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			var found []string
			for l := range strings.SplitSeq(w.Body.String(), "\n") {
				if name, _, _ := strings.Cut(line, "{"); strings.HasPrefix(l, name) && !strings.Contains(l, "_bucket") {
					found = append(found, l)
				}
			}
			d.Errorf("the metrics lack %s; they have\n%s", line, strings.Join(found, "\n"))
		}
	}
}

// Over budget, every protocol refuses the operation with the same code.
func TestBudgetsOfSubgraphsAreEnforced(t *testing.T) {
	d := startDemanding(t, func(c *config.Config) {
		c.DemandControl.Subgraph.Subgraphs = map[string]config.SubgraphCost{"b": {Max: 3}}
	})
	const code, message = "SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE", "The requests to the subgraph b have an estimated cost of 4; the limit is 3. Request fewer fields or shorter lists."
	for name, got := range map[string]answer{"GraphQL": d.query(), "REST": call(t, d.url, "/api/accounts")} {
		if is, says := got.refusal(t); got.status != http.StatusUnprocessableEntity || is != code && is != "INVALID_INPUT" || says != message {
			t.Errorf("%s: got status %d, %s", name, got.status, got.body)
		}
	}
	res, text := ask(t, "GET", d.url+"/graphql?query={accounts{id}}", "", "GraphQL-Require-Preflight: 1")
	if res.StatusCode != http.StatusOK {
		t.Errorf("within the budget: got %s", text)
	}
	d.exports("souk_router_cost_rejected_total 2", `souk_router_graphql_errors_total{code="`+code+`"} 2`)
}

// A client may have a maximum cost of its own, which it can see.
func TestClientsHaveMaximumCosts(t *testing.T) {
	d := startDemanding(t, func(c *config.Config) {
		c.DemandControl.Max, c.DemandControl.Expose = 3, true
		c.DemandControl.Clients = map[string]config.ClientCost{"web": {Max: 5}, "reports": {}, "guest": {Max: 1}}
	})
	for client, want := range map[string]string{
		"web": `"estimated":4,"actual":2,"max":5,`, "reports": `"estimated":4,"actual":2,"subgraphs"`,
		"guest": "an estimated cost of 4; the limit is 1.", "": "an estimated cost of 4; the limit is 3.",
	} {
		_, text := ask(t, "POST", d.url+"/graphql", `{"query":"{ accounts { balance } }"}`, "Content-Type: application/json", "GraphQL-Client-Name: "+client)
		if !strings.Contains(text, want) {
			t.Errorf("%q: got %s", client, text)
		}
	}
	res, text := ask(t, "GET", d.url+"/api/accounts", "", "GraphQL-Client-Name: web")
	if got := res.Header.Get("Souk-Cost"); got != "estimated=4, actual=2, max=5" {
		t.Errorf("REST: got %q, %s", got, text)
	}
	d.exports("souk_router_cost_rejected_total 2")
}

// In measure mode, operations are executed, and those over a limit counted.
func TestBudgetsAreMeasured(t *testing.T) {
	for name, change := range map[string]func(*config.DemandControl){
		"everything": func(c *config.DemandControl) { c.Measure = true },
		"budgets":    func(c *config.DemandControl) { c.Subgraph.Measure, c.Max = true, 0 },
	} {
		d := startDemanding(t, func(c *config.Config) {
			c.DemandControl.Max, c.DemandControl.Subgraph.All.Max = 3, 3
			change(&c.DemandControl)
		})
		if got := d.query(); got.status != http.StatusOK || strings.Contains(got.body, "extensions") {
			t.Errorf("%s: got status %d, %s", name, got.status, got.body)
		}
		d.exports(
			`souk_router_limits_exceeded_total{code="SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE"} 1`,
			`souk_router_cost_estimated_sum 4`, `souk_router_cost_actual_sum 2`,
			`souk_router_subgraph_cost_sum{cost="estimated",subgraph="b"} 4`, `souk_router_subgraph_cost_sum{cost="actual",subgraph="b"} 2`,
			`souk_router_named_operation_cost_sum{cost="estimated",graphql_operation_name="Balances"} 4`,
			`souk_router_named_operation_cost_sum{cost="actual",graphql_operation_name="Balances"} 2`,
			`souk_router_client_operation_cost_sum{client_name="web",client_version="",cost="actual"} 2`,
		)
		if name == "everything" {
			d.exports(`souk_router_limits_exceeded_total{code="COST_ESTIMATED_TOO_EXPENSIVE"} 1`)
		}
	}
}

// GraphQL has the costs in the extensions, REST in a header, and agents in metadata.
func TestCostsAreExposed(t *testing.T) {
	d := startDemanding(t, func(c *config.Config) { c.DemandControl.Max, c.DemandControl.Expose = 50, true })
	const want = `"extensions":{"cost":{"estimated":4,"actual":2,"max":50,"subgraphs":{"a":{"estimated":4,"actual":2},"b":{"estimated":4,"actual":2}}}}}`
	if got := d.query(); !strings.HasSuffix(got.body, want) {
		t.Errorf("GraphQL: got %s", got.body)
	}
	if got := call(t, d.url, "/api/accounts"); got.status != http.StatusOK || got.header.Get("Souk-Cost") != "estimated=4, actual=2, max=50" {
		t.Errorf("REST: got %v, %s", got.header, got.body)
	}
	a := startAgents(t, func(c *config.Config) {
		c.DemandControl.Enabled, c.DemandControl.Expose = true, true
		c.DemandControl.Subgraph.All.Max = 9
	})
	s := a.session()
	result, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: "Me", Arguments: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	if meta, _ := json.Marshal(result.Meta); !strings.Contains(string(meta), `"souk/cost":{"actual":0,"estimated":0,"max":10000,"subgraphs":{"a":{"actual":0,"estimated":0,"max":9}}}`) {
		t.Errorf("MCP: got %s", meta)
	}
	if text, _, failed := a.call(s, "Search", map[string]any{"text": "x"}); !failed || !strings.Contains(text, "SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE") {
		t.Errorf("MCP: got %s", text)
	}
}

// Parts of a response have an estimate only.
func TestDeferredOperationsHaveAnEstimate(t *testing.T) {
	d := startDemanding(t, func(c *config.Config) { c.DemandControl.Expose = true })
	_, text := ask(t, "POST", d.url+"/graphql", `{"query":"{ accounts { id ... @defer { balance } } }"}`, "Content-Type: application/json", "Accept: multipart/mixed")
	if !strings.Contains(text, `"cost":{"estimated":4,"max":10000,`) || strings.Contains(text, "actual") || !strings.Contains(text, `"balance":"2"`) {
		t.Errorf("got %s", text)
	}
}

// REST has a problem in place of a response that lacks what a limit does not allow.
func TestRESTKeepsLimitsOfResponses(t *testing.T) {
	for name, change := range map[string]func(*config.Limits){
		"MAX_RESPONSE_BYTES_LIMIT":  func(l *config.Limits) { l.MaxResponseBytes = 20 },
		"MAX_REPRESENTATIONS_LIMIT": func(l *config.Limits) { l.MaxRepresentations = 1 },
	} {
		d := startDemanding(t, func(c *config.Config) { change(&c.Limits) })
		if got := d.query(); got.status != http.StatusOK || !strings.Contains(got.body, name) {
			t.Errorf("GraphQL: got status %d, %s", got.status, got.body)
		}
		got := call(t, d.url, "/api/accounts")
		if partial := got.header.Get("Souk-Partial"); name == "MAX_REPRESENTATIONS_LIMIT" && (got.status != http.StatusOK || partial != `"/*/balance"`) {
			t.Errorf("REST: got status %d, Souk-Partial %s, %s", got.status, partial, got.body)
		}
		if name == "MAX_RESPONSE_BYTES_LIMIT" && got.status != http.StatusUnprocessableEntity {
			t.Errorf("REST: got status %d, %s", got.status, got.body)
		}
		d.exports(`souk_router_graphql_errors_total{code="` + name + `"} 2`)
	}
}

// The cost of an operation follows its literals, also where operations that differ only in these
// share a plan.
func TestLiteralsDecideTheCost(t *testing.T) {
	sdl := composed(t, `extend schema @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@listSize"])
		type Query { items(first: Int!): [Item!] @listSize(slicingArguments: ["first"]) }  type Item { id: ID! }`, "type Query { other: String }")
	r := newRouter(t, sdl, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"items":[]}}`)
	}, func(c *config.Config) {
		c.DemandControl.Enabled, c.DemandControl.Max, c.DemandControl.Expose = true, 50, true
	})
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	for first, status := range []int{0: 200, 1: 200, 2: 200, 3: 200, 1000: 422, 49: 200, 51: 422, 4: 200} {
		if status == 0 {
			continue
		}
		response, body := ask(t, "POST", server.URL+"/graphql", fmt.Sprintf(`{"query":"{ items(first: %d) { id } }"}`, first), posts)
		if response.StatusCode != status {
			t.Errorf("first: %d: got %d, %s", first, response.StatusCode, body)
		}
		if want := fmt.Sprintf(`"estimated":%d`, first); status == 200 && !strings.Contains(body, want) {
			t.Errorf("first: %d: got %s, want %s", first, body, want)
		}
	}
}
