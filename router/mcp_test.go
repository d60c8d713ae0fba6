package router_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// agentSDL has a field for each kind of result that an agent may get.
var agentSDL = strings.Replace(supergraphHead, "query: Query", "query: Query mutation: Mutation", 1) + `
type Query @join__type(graph: A) {
  "Who asks."
  me: String
  "Products by their text."
  search(
    "What to look for."
    text: String!
    order: Order = PRICE
    filter: Filter
  ): [Product!]
  fail: String
  long: String
}
type Product @join__type(graph: A) { "The title, in English." title: String }
scalar Upload @join__type(graph: A)
input Parcel @join__type(graph: A) { note: String  files: [Upload!]  next: Parcel }
type Mutation @join__type(graph: A) { buy(n: Int!): Int  send(file: Upload, parcel: Parcel): Int }
"How results are sorted."
enum Order @join__type(graph: A) { "Cheapest first." PRICE  TITLE }
input Filter @join__type(graph: A) { "In cents." most: Int  not: Filter  tags: [String!] = ["new"] }
`

const agentDocuments = `{"operations": [
	{"id": "me", "body": "\"Who I am.\" query Me { me }"},
	{"id": "search", "body": "# Finds products.\n# At most ten.\nquery Search($text: String!, $order: Order = TITLE, $filter: Filter) { found: search(text: $text, order: $order, filter: $filter) { title } }"},
	{"id": "fail", "body": "query Fail { me fail }"},
	{"id": "long", "body": "query Long { long }"},
	{"id": "buy", "body": "mutation Buy($n: Int!) { buy(n: $n) }"},
	{"id": "file", "body": "mutation File($file: Upload!) { send(file: $file) }"},
	{"id": "parcel", "body": "mutation Parcel($n: Int!, $parcel: Parcel) { buy(n: $n) send(parcel: $parcel) }"},
	{"id": "own", "body": "query Own { me }", "clientName": "agents"},
	{"id": "foreign", "body": "query Foreign { me }", "clientName": "web"},
	{"id": "wrong", "body": "query Wrong { nothing }"},
	{"id": "unnamed", "body": "{ me }"}
]}`

// agents is a router with an endpoint for agents.
type agents struct {
	t         *testing.T
	url       string
	documents string
	log       *lockedBuffer
	router    *router.Reloadable
}

func startAgents(t *testing.T, change func(*config.Config)) *agents {
	t.Helper()
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		data, problems := map[string]any{}, []any{}
		for field, value := range map[string]any{
			"me": "you are " + r.Header.Get("Authorization"), "found": []any{map[string]any{"title": "Lamp"}}, "long": strings.Repeat("x", 1000), "buy": 1,
		} {
			if strings.Contains(string(body), field) {
				data[field] = value
			}
		}
		if strings.Contains(string(body), "fail") {
			data["fail"] = nil
			problems = append(problems, map[string]any{"message": "it fails", "path": []any{"fail"}})
		}
		response := map[string]any{"data": data}
		if len(problems) > 0 {
			response["errors"] = problems
		}
		_ = json.NewEncoder(w).Encode(response)
	}))
	t.Cleanup(sub.Close)
	a := &agents{t: t, documents: filepath.Join(t.TempDir(), "documents.json"), log: new(lockedBuffer)}
	replace(t, a.documents, agentDocuments)
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {sub.URL}}
	c.PersistedDocuments.Path, c.PersistedDocuments.PollInterval = a.documents, 10*time.Millisecond
	c.MCP.Enabled, c.MCP.ClientName = true, "agents"
	change(&c)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: a.log})
	if err != nil {
		t.Fatal(err)
	}
	a.router, err = router.NewReloadable(t.Context(), c, router.Options{Supergraph: agentSDL, Telemetry: tel, AccessLog: a.log})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.router.Handler())
	a.url = server.URL + c.MCP.Path
	t.Cleanup(func() {
		if err := a.router.Close(); err != nil { // ends the streams of sessions
			t.Error(err)
		}
		server.Close()
	})
	return a
}

// withHeader sends requests with a header.
type withHeader struct{ name, value string }

func (h withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(h.name, h.value)
	if h.name == "Host" {
		r.Host = h.value
	}
	return http.DefaultTransport.RoundTrip(r)
}

// connect starts a session, or fails.
func (a *agents) connect(h withHeader, changed func()) (*sdk.ClientSession, error) {
	client := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, &sdk.ClientOptions{
		ToolListChangedHandler: func(context.Context, *sdk.ToolListChangedRequest) { changed() },
	})
	session, err := client.Connect(a.t.Context(), &sdk.StreamableClientTransport{Endpoint: a.url, HTTPClient: &http.Client{Transport: h}, MaxRetries: -1}, nil)
	if err == nil {
		a.t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

func (a *agents) session() *sdk.ClientSession {
	a.t.Helper()
	s, err := a.connect(withHeader{"Authorization", "Bearer one"}, func() {})
	if err != nil {
		a.t.Fatalf("%v\n%s", err, a.log)
	}
	return s
}

func (a *agents) tools(s *sdk.ClientSession) (names []string, byName map[string]*sdk.Tool) {
	a.t.Helper()
	list, err := s.ListTools(a.t.Context(), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	byName = map[string]*sdk.Tool{}
	for _, t := range list.Tools {
		names, byName[t.Name] = append(names, t.Name), t
	}
	return names, byName
}

// call returns the text of a result, and the structured content as JSON.
func (a *agents) call(s *sdk.ClientSession, tool string, arguments any) (text, structured string, failed bool) {
	a.t.Helper()
	result, err := s.CallTool(a.t.Context(), &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		a.t.Fatal(err)
	}
	if result.StructuredContent != nil {
		encoded, err := json.Marshal(result.StructuredContent)
		if err != nil {
			a.t.Fatal(err)
		}
		structured = string(encoded)
	}
	return result.Content[0].(*sdk.TextContent).Text, structured, result.IsError
}

func TestTrustedDocumentsAreTools(t *testing.T) {
	a := startAgents(t, func(*config.Config) {})
	s := a.session()
	names, tools := a.tools(s)
	if want := []string{"Fail", "Long", "Me", "Own", "Search"}; !slices.Equal(names, want) {
		t.Errorf("got the tools %q, want %q", names, want)
	}
	if got := tools["Me"].Description; got != "Who I am.\n\nFields of the result:\n- me: Who asks." {
		t.Errorf("got %q", got)
	}
	search := tools["Search"]
	const description = "Finds products.\nAt most ten.\n\nFields of the result:\n- found: Products by their text.\n- found.title: The title, in English."
	if search.Description != description || !search.Annotations.ReadOnlyHint || !search.Annotations.IdempotentHint || *search.Annotations.DestructiveHint {
		t.Errorf("got %q and %+v", search.Description, search.Annotations)
	}
	got, err := json.Marshal(search.InputSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema, want any
	const input = `{"type":"object","additionalProperties":false,"required":["text"],"properties":{
		"text":{"type":"string","description":"What to look for."},
		"order":{"anyOf":[{"$ref":"#/$defs/Order"},{"type":"null"}],"default":"TITLE"},
		"filter":{"anyOf":[{"$ref":"#/$defs/Filter"},{"type":"null"}]}},
		"$defs":{
			"Order":{"type":"string","enum":["PRICE","TITLE"],"description":"How results are sorted.\nPRICE: Cheapest first."},
			"Filter":{"type":"object","additionalProperties":false,"properties":{
				"most":{"type":["integer","null"],"minimum":-2147483648,"maximum":2147483647,"description":"In cents."},
				"not":{"anyOf":[{"$ref":"#/$defs/Filter"},{"type":"null"}]},
				"tags":{"type":["array","null"],"items":{"type":"string"},"default":["new"]}}}}}`
	if json.Unmarshal(got, &schema) != nil || json.Unmarshal([]byte(input), &want) != nil || fmt.Sprint(schema) != fmt.Sprint(want) {
		t.Errorf("got %s", got)
	}
	const output = `{"type":"object","additionalProperties":false,"required":["found"],"properties":{"found":{"type":["array","null"],"items":{
		"type":"object","additionalProperties":false,"required":["title"],"properties":{"title":{"type":["string","null"]}}}}}}`
	if got, err = json.Marshal(search.OutputSchema); err != nil {
		t.Fatal(err)
	}
	schema, want = nil, nil
	if json.Unmarshal(got, &schema) != nil || json.Unmarshal([]byte(output), &want) != nil || fmt.Sprint(schema) != fmt.Sprint(want) {
		t.Errorf("the results of Search have the schema %s", got)
	}
	for _, c := range []struct {
		tool, arguments, text, structured string
		failed                            bool
	}{
		{"Me", `{}`, `{"me":"you are Bearer one"}`, `{"me":"you are Bearer one"}`, false},
		{"Search", `{"text":"lamp","filter":{"most":5}}`, `{"found":[{"title":"Lamp"}]}`, `{"found":[{"title":"Lamp"}]}`, false},
		{"Search", `{}`, `"code":"BAD_USER_INPUT"`, "", true},
		{"Search", `{"text":"lamp","ordr":"PRICE","zz":1}`, "This tool has no argument \"ordr\". Did you mean \"order\"?\nThis tool has no argument \"zz\". It has text, order, filter.", "", true},
		{"Search", `{"text":"lamp","filter":{"mots":5}}`, `"code":"BAD_USER_INPUT"`, "", true},
		{"Me", `{"a":1}`, `This tool has no argument "a".`, "", true},
		{"Fail", `{}`, `{"errors":[{"message":`, `{"fail":null,"me":"you are Bearer one"}`, true},
	} {
		text, structured, failed := a.call(s, c.tool, json.RawMessage(c.arguments))
		if failed != c.failed || structured != c.structured || !strings.Contains(text, c.text) {
			t.Errorf("%s %s: got %s, %s, %t", c.tool, c.arguments, text, structured, failed)
		}
	}
	if _, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: "Buy", Arguments: map[string]any{"n": 1}}); err == nil {
		t.Error("a mutation was executed without mcp.mutations")
	}
	if log := a.log.String(); !strings.Contains(log, `"operation":"Wrong"`) || !strings.Contains(log, "it has no name") {
		t.Errorf("logged\n%s", log)
	}
}

func TestMutationsAreToolsIfConfigured(t *testing.T) {
	a := startAgents(t, func(c *config.Config) { c.MCP.Mutations, c.MCP.Path = true, "/agents" })
	s := a.session()
	_, tools := a.tools(s)
	if b := tools["Buy"]; b == nil || b.Annotations.ReadOnlyHint || b.Annotations.IdempotentHint || !*b.Annotations.DestructiveHint {
		t.Fatalf("got %+v", b)
	}
	if text, _, failed := a.call(s, "Buy", map[string]any{"n": 1}); failed || text != `{"buy":1}` {
		t.Errorf("got %s", text)
	}
	if tools["File"] != nil || tools["Parcel"] != nil {
		t.Error("operations with files are offered")
	}
	if log := a.log.String(); !strings.Contains(log, "its variable $file is a file, which agents cannot send") || !strings.Contains(log, "its variable $parcel is a file") {
		t.Errorf("logged\n%s", log)
	}
}

// Mutations are no tools where they are forbidden.
func TestForbiddenMutationsAreNoTools(t *testing.T) {
	a := startAgents(t, func(c *config.Config) { c.MCP.Mutations, c.Limits.ForbidMutations = true, true })
	s := a.session()
	if _, tools := a.tools(s); tools["Buy"] != nil || len(tools) == 0 {
		t.Errorf("got %v", tools)
	}
}

// Tools follow the documents, and sessions learn of it.
func TestToolsFollowTheDocuments(t *testing.T) {
	a := startAgents(t, func(*config.Config) {})
	changed := make(chan struct{}, 100)
	s, err := a.connect(withHeader{"X-Any", "1"}, func() { changed <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	a.tools(s)
	replace(t, a.documents, `{"operations": [{"id": "me", "body": "query Me { me }"}, {"id": "new", "body": "query New { me }"}]}`)
	for {
		select {
		case <-changed:
		case <-time.After(30 * time.Second):
			t.Fatalf("the client was not notified\n%s", a.log)
		}
		if names, _ := a.tools(s); slices.Equal(names, []string{"Me", "New"}) {
			return
		}
	}
}

// Tools follow the supergraph: what an operation returns may have another type.
func TestToolsFollowTheSupergraph(t *testing.T) {
	a := startAgents(t, func(*config.Config) {})
	changed := make(chan struct{}, 100)
	s, err := a.connect(withHeader{"X-Any", "1"}, func() { changed <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if _, tools := a.tools(s); !strings.Contains(fmt.Sprint(tools["Me"].OutputSchema), "me:map[type:[string null]]") {
		t.Errorf("got %v", tools["Me"].OutputSchema)
	}
	if err := a.router.SetSupergraph(strings.NewReplacer("\n  me: String\n", "\n  me: String!\n", "fail: String", "").Replace(agentSDL)); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case <-changed:
		case <-time.After(30 * time.Second):
			t.Fatalf("the client was not notified\n%s", a.log)
		}
		names, tools := a.tools(s)
		if !slices.Contains(names, "Fail") && strings.Contains(fmt.Sprint(tools["Me"].OutputSchema), "me:map[type:string]") {
			return
		}
	}
}

// The output schema of an operation with many fields is left out. A long list of fields is no
// reason to leave out the tool.
func TestLargeToolsHaveNoOutputSchema(t *testing.T) {
	a := startAgents(t, func(c *config.Config) { c.Limits.MaxAliases, c.Limits.MaxRootFields = 0, 0 })
	aliases := func(n int) (fields string) {
		for i := range n {
			fields += fmt.Sprintf(" a%d: me", i)
		}
		return fields
	}
	replace(t, a.documents, fmt.Sprintf(`{"operations": [{"id": "1", "body": "query Large {%s }"}, {"id": "2", "body": "query Small {%s }"}]}`, aliases(1001), aliases(1000)))
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, tools := a.tools(a.session())
		if large, small := tools["Large"], tools["Small"]; large != nil && small != nil {
			if large.OutputSchema != nil || small.OutputSchema == nil {
				t.Errorf("got %v and %v", large.OutputSchema, small.OutputSchema)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the tools did not change\n%s", a.log)
		}
	}
}

// Calls are counted by tool, which an agent cannot choose freely, from zero on.
func TestToolCallsAreCounted(t *testing.T) {
	a := startAgents(t, func(*config.Config) {})
	s := a.session()
	counts := func(lines ...string) {
		t.Helper()
		w := httptest.NewRecorder()
		a.router.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		for _, line := range lines {
			if !strings.Contains(w.Body.String(), "\nsouk_router_mcp_"+line+"\n") {
				t.Errorf("the metrics lack %s", line)
			}
		}
	}
	counts(`calls_total{result="ok",tool="Me"} 0`, `calls_total{result="partial",tool="Fail"} 0`, `calls_total{result="failed",tool="_other"} 0`, `call_duration_seconds_count{result="ok"} 0`)
	a.call(s, "Me", nil)
	a.call(s, "Me", nil)
	a.call(s, "Fail", nil)
	a.call(s, "Search", map[string]any{})
	for _, name := range []string{"Buy", "any"} {
		if _, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: name}); err == nil {
			t.Errorf("%s is a tool", name)
		}
	}
	counts(`calls_total{result="ok",tool="Me"} 2`, `calls_total{result="partial",tool="Fail"} 1`, `calls_total{result="failed",tool="Search"} 1`, `calls_total{result="failed",tool="_other"} 2`,
		`call_duration_seconds_count{result="ok"} 2`, `call_duration_seconds_count{result="failed"} 3`)
}

// Each call passes the stages of any operation.
func TestToolCallsAreLimited(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.Config)
		tool   string
		want   string
	}{
		"rate": {func(c *config.Config) { // beginning a session needs two requests: it, and a stream
			c.RateLimit = config.RateLimit{Enabled: true, Requests: 3, Interval: time.Hour, By: "ip"}
		}, "Me", `"code":"RATE_LIMIT_EXCEEDED"`},
		"cost":   {func(c *config.Config) { c.DemandControl.Enabled, c.DemandControl.Max = true, 1 }, "Search", `"code":"COST_ESTIMATED_TOO_EXPENSIVE"`},
		"result": {func(c *config.Config) { c.MCP.MaxResultBytes = 100 }, "Long", "more than the limit of 100 (mcp.max_result_bytes)"},
	} {
		t.Run(name, func(t *testing.T) {
			a := startAgents(t, c.change)
			s := a.session()
			if name == "rate" {
				a.call(s, "Me", nil)
			}
			arguments := map[string]any{}
			if c.tool == "Search" {
				arguments["text"] = "lamp"
			}
			if text, structured, failed := a.call(s, c.tool, arguments); !failed || structured != "" || !strings.Contains(text, c.want) {
				t.Errorf("got %s, %s, %t", text, structured, failed)
			}
		})
	}
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}`

// A session ends when a bound is reached, and it is the oldest idle one of the client that has the most.
func TestSessionsOfAgentsAreLimited(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.Config)
		from   []string // the client of each session
		ended  []int
	}{
		"in all":                               {func(c *config.Config) { c.MCP.MaxSessions = 2 }, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"}, []int{0, 1}},
		"of a client":                          {func(c *config.Config) { c.MCP.MaxPerClient = 2 }, []string{"10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1", "10.0.0.2"}, []int{0}},
		"a client with many, and a new one":    {func(c *config.Config) { c.MCP.MaxSessions = 3 }, []string{"10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"}, []int{1}},
		"a client with one, and one with many": {func(c *config.Config) { c.MCP.MaxSessions = 3 }, []string{"10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.2"}, []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			a := startAgents(t, func(to *config.Config) {
				to.ClientAddress.TrustedProxies = []string{"127.0.0.1"}
				c.change(to)
			})
			var sessions []string
			for _, from := range c.from {
				got := a.post(initialize, withHeader{"X-Forwarded-For", from})
				if got.StatusCode != http.StatusOK || got.Header.Get("Mcp-Session-Id") == "" {
					t.Fatalf("a session gets %d", got.StatusCode)
				}
				sessions = append(sessions, got.Header.Get("Mcp-Session-Id"))
			}
			for i, id := range sessions {
				want := http.StatusOK
				if slices.Contains(c.ended, i) {
					want = http.StatusNotFound
				}
				for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) { // a session ends after the response
					got := a.post(`{"jsonrpc":"2.0","id":2,"method":"ping"}`, withHeader{"Mcp-Session-Id", id}).StatusCode
					if got == want {
						break
					}
					if time.Now().After(end) || want == http.StatusOK {
						t.Fatalf("session %d gets %d, want %d", i, got, want)
					}
				}
			}
		})
	}
}

// A session that is used later than others is not the oldest. One with a call in progress is not idle.
func TestSessionsInUseAreKept(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, `{"data":{"me":"you"}}`)
	}))
	t.Cleanup(slow.Close)
	a := startAgents(t, func(c *config.Config) {
		c.MCP.MaxSessions = 2
		c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {slow.URL}}
	})
	begin := func() withHeader {
		got := a.post(initialize)
		if got.StatusCode != http.StatusOK {
			t.Fatalf("a session gets %d", got.StatusCode)
		}
		return withHeader{"Mcp-Session-Id", got.Header.Get("Mcp-Session-Id")}
	}
	ping := func(session withHeader) int {
		return a.post(`{"jsonrpc":"2.0","id":2,"method":"ping"}`, session).StatusCode
	}
	first := begin()
	second := begin()
	if got := ping(first); got != http.StatusOK {
		t.Fatalf("got %d", got)
	}
	third := begin()
	for end := time.Now().Add(30 * time.Second); ping(second) != http.StatusNotFound; time.Sleep(5 * time.Millisecond) { // a session ends after the response
		if time.Now().After(end) {
			t.Fatal("the session that was not used last has not ended")
		}
	}
	if got := ping(first); got != http.StatusOK {
		t.Errorf("the session that was used last gets %d", got)
	}
	statuses := make(chan int, 2)
	for tool, session := range map[string]withHeader{"Me": first, "Fail": third} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url, strings.NewReader(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"`+tool+`","arguments":{}}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Session-Id": {session.value}}
		go func() {
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				statuses <- 0
				return
			}
			_ = response.Body.Close()
			statuses <- response.StatusCode
		}()
		<-arrived
	}
	got := a.post(initialize)
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("with no idle session, another one gets %d", got.StatusCode)
	}
	close(release)
	for range 2 {
		if got := <-statuses; got != http.StatusOK {
			t.Errorf("a call in progress gets %d", got)
		}
	}
}

// Requests of agents that are no calls count, too.
func TestRequestsOfAgentsAreLimited(t *testing.T) {
	a := startAgents(t, func(c *config.Config) {
		c.RateLimit = config.RateLimit{Enabled: true, Requests: 5, Interval: time.Hour, By: "ip"}
	})
	var statuses []int
	session := withHeader{"Mcp-Session-Id", a.post(initialize).Header.Get("Mcp-Session-Id")}
	for range 3 {
		statuses = append(statuses, a.post(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, session).StatusCode)
		statuses = append(statuses, a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, session).StatusCode)
	}
	call := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"Me","arguments":{}}}`
	statuses = append(statuses, a.post(call, session).StatusCode, a.post(initialize).StatusCode, a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`).StatusCode)
	refused := a.post(`[{"jsonrpc":"2.0","id":2,"method":"tools/list"}]`, session)
	if statuses = append(statuses, refused.StatusCode); !slices.Equal(statuses, []int{200, 202, 200, 202, 200, 202, 200, 429, 429, 429}) {
		t.Errorf("got %v", statuses)
	}
	if refused.Header.Get("Retry-After") == "" || refused.Header.Get("Ratelimit") == "" {
		t.Errorf("got the header %v", refused.Header)
	}
	stream := a.send(http.MethodGet, "", session)
	defer stream.Body.Close()
	var body struct {
		Version string `json:"jsonrpc"`
		Error   struct {
			Code    int               `json:"code"`
			Message string            `json:"message"`
			Data    map[string]string `json:"data"`
		} `json:"error"`
	}
	if err := json.NewDecoder(stream.Body).Decode(&body); err != nil || stream.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("a stream gets %d, %v", stream.StatusCode, err)
	}
	if body.Version != "2.0" || body.Error.Code != -32000 || body.Error.Message == "" || body.Error.Data["code"] != "RATE_LIMIT_EXCEEDED" {
		t.Errorf("the error is %+v", body)
	}
}

// post sends a message with further headers, and returns the response without its body.
func (a *agents) post(message string, headers ...withHeader) *http.Response {
	a.t.Helper()
	response := a.send(http.MethodPost, message, headers...)
	if err := response.Body.Close(); err != nil {
		a.t.Fatal(err)
	}
	return response
}

func (a *agents) send(method, message string, headers ...withHeader) *http.Response {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url, strings.NewReader(message))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for _, h := range headers {
		r.Header.Set(h.name, h.value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	return response
}

// Versions of the protocol with sessions have a stream for what the router tells the client.
func TestSessionsOfAgentsLearnOfNewTools(t *testing.T) {
	a := startAgents(t, func(*config.Config) {})
	session := withHeader{"Mcp-Session-Id", a.post(initialize).Header.Get("Mcp-Session-Id")}
	if got := a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, session); got.StatusCode != http.StatusAccepted {
		t.Fatalf("got %d", got.StatusCode)
	}
	stream := a.send(http.MethodGet, "", session)
	replace(t, a.documents, `{"operations": [{"id": "new", "body": "query New { me }"}]}`)
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), "notifications/tools/list_changed") {
	}
	if err := lines.Err(); err != nil || lines.Text() == "" {
		t.Fatalf("the client was not notified: %v\n%s", err, a.log)
	}
	called := a.send(http.MethodPost, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"New","arguments":{}}}`, session, withHeader{"Authorization", "Bearer two"})
	defer func() { _ = called.Body.Close() }()
	if body, err := io.ReadAll(called.Body); err != nil || !strings.Contains(string(body), `"structuredContent":{"me":"you are Bearer two"}`) {
		t.Errorf("got %s and %v", body, err)
	}
	if err := a.router.Close(); err != nil {
		t.Error(err)
	}
	for lines.Scan() { // until the router ends the stream
	}
	if err := stream.Body.Close(); err != nil {
		t.Error(err)
	}
}

// Pages of other sites cannot call tools, also if they make their host an address of the router.
func TestForeignPagesCannotCallTools(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		header withHeader
		works  bool
	}{
		{"another origin", func(*config.Config) {}, withHeader{"Origin", "https://evil.example"}, false},
		{"a listed origin", func(c *config.Config) { c.CORS.AllowOrigins = []string{"https://app.example"} }, withHeader{"Origin", "https://app.example"}, true},
		{"another host on loopback", func(*config.Config) {}, withHeader{"Host", "evil.example"}, false},
		{"a listed host", func(c *config.Config) { c.MCP.AllowedHosts = []string{"graph.example"} }, withHeader{"Host", "graph.example:4000"}, true},
		{"a host that is not listed", func(c *config.Config) { c.MCP.AllowedHosts = []string{"graph.example"} }, withHeader{"X-Any", "1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := startAgents(t, c.change)
			if _, err := a.connect(c.header, func() {}); (err == nil) != c.works {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Calls have the identity of the request that carries them, and a line in the access log.
func TestToolCallsHaveAnIdentity(t *testing.T) {
	issuer := newTokenIssuer(t)
	a := startAgents(t, func(c *config.Config) {
		c.Authentication.JWT.JWKS, c.Authentication.JWT.Required = []config.JWKS{{URL: issuer.URL, Refresh: time.Hour}}, true
		c.Telemetry.AccessLog.Enabled = true
	})
	if _, err := a.connect(withHeader{"X-Any", "1"}, func() {}); err == nil {
		t.Error("a client without a token has a session")
	}
	s, err := a.connect(withHeader{"Authorization", "Bearer " + issuer.token(t, time.Hour)}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if text, _, failed := a.call(s, "Me", nil); failed || !strings.HasPrefix(text, `{"me":"you are Bearer ey`) {
		t.Errorf("got %s", text)
	}
	for end := time.Now().Add(30 * time.Second); !strings.Contains(a.log.String(), `"operation_name":"Me"`) || !strings.Contains(a.log.String(), `"carrier":"mcp"`); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the call is not in the access log\n%s", a.log)
		}
	}
}
