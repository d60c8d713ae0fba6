package top

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

var record = flag.Bool("record", false, "write the responses of the router's API to testdata/api")

// sdl is a supergraph of the subgraphs catalog and reviews.
const sdl = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
scalar link__Import
scalar join__FieldSet
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { CATALOG @join__graph(name: "catalog", url: "http://catalog.invalid") REVIEWS @join__graph(name: "reviews", url: "http://reviews.invalid") }
type Query @join__type(graph: CATALOG) @join__type(graph: REVIEWS) { products: [Product!]! @join__field(graph: CATALOG) latest: [Review!] @join__field(graph: REVIEWS) }
type Product @join__type(graph: CATALOG, key: "id") @join__type(graph: REVIEWS, key: "id") {
  id: ID!
  name: String @join__field(graph: CATALOG)
  title: String @join__field(graph: CATALOG) @deprecated(reason: "Use name.")
  reviews: [Review!]! @join__field(graph: REVIEWS)
}
type Review @join__type(graph: REVIEWS) { text: String! }
`

// subgraph starts a subgraph with fixed answers. The field latest always fails.
func subgraph(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch query := string(body); {
		case strings.Contains(query, "latest"):
			fmt.Fprint(w, `{"data":{"latest":null},"errors":[{"message":"the reviews are being moved","path":["latest"],"extensions":{"code":"MAINTENANCE"}}]}`)
		case strings.Contains(query, "_entities"):
			fmt.Fprint(w, `{"data":{"_entities":[{"__typename":"Product","reviews":[{"text":"good"}]},{"__typename":"Product","reviews":[]}]}}`)
		default:
			fmt.Fprint(w, `{"data":{"products":[{"__typename":"Product","id":"1","name":"Lamp","title":"Lamp"},{"__typename":"Product","id":"2","name":"Chair","title":"Chair"}]}}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// startRouter starts a router with a console and returns the URLs of its public and its admin
// port.
func startRouter(t *testing.T, change func(*config.Config)) (public, admin string) {
	t.Helper()
	c := config.Default()
	url := subgraph(t)
	c.OverrideSubgraphURLs = config.SubgraphURLs{"catalog": {url}, "reviews": {url}}
	c.Admin.Console.Enabled, c.Admin.Console.Token, c.Admin.Console.Sample = true, "console-t0ken", 1
	if change != nil {
		change(&c)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: sdl, Telemetry: tel, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	servers := []*httptest.Server{httptest.NewServer(r.Handler()), httptest.NewServer(r.Admin())}
	t.Cleanup(func() {
		for _, s := range servers {
			s.Close()
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return servers[0].URL, servers[1].URL
}

// send sends an operation.
func send(t *testing.T, url, client, operation string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": operation})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	name, version, _ := strings.Cut(client, "/")
	request.Header.Set("apollographql-client-name", name)
	request.Header.Set("apollographql-client-version", version)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
}

// busyRouter starts a router that has had traffic, and returns a client of its console.
func busyRouter(t *testing.T) *Client {
	t.Helper()
	public, admin := startRouter(t, nil)
	for i := range 12 {
		send(t, public, "web/2.1.0", "query TopProducts { products { id name reviews { text } } }")
		if i%3 == 0 {
			send(t, public, "ios/7.3", "query Titles { products { title } }")
			send(t, public, "web/2.1.0", "query LatestReviews { latest { text } }")
		}
		if i%6 == 0 {
			send(t, public, "", "{ products { name } }")
			send(t, public, "ios/7.3", "query Wrong { nothing }")
		}
	}
	return &Client{URL: admin, Token: "console-t0ken", HTTP: http.DefaultClient}
}

func TestRouterIsShown(t *testing.T) {
	client := busyRouter(t)
	var s Snapshot
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if s, err = client.Snapshot(t.Context(), 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		if s.Traffic.Totals.Requests >= 24 || time.Now().After(end) {
			break
		}
	}
	top := find(s.Operations, func(o Operation) bool { return o.Name == "TopProducts" })
	if top == nil || top.Requests != 12 || top.Kind != "query" || top.P95 == nil || *top.P95 <= 0 || top.Fetches != 2 || top.Traces.Latest == "" {
		t.Fatalf("the operation is %+v", top)
	}
	if titles := find(s.Operations, func(o Operation) bool { return o.Name == "Titles" }); titles == nil || len(titles.Deprecated) != 1 {
		t.Errorf("the operation with a deprecated field is %+v", titles)
	}
	if web := find(s.Clients, func(c Caller) bool { return c.Name == "web" }); web == nil || web.Version != "2.1.0" || web.Requests != 16 || web.Errors != 4 {
		t.Errorf("the client is %+v", web)
	}
	if reviews := find(s.Subgraphs, func(g Subgraph) bool { return g.Name == "reviews" }); reviews == nil || reviews.Health == "" || reviews.Rate <= 0 {
		t.Errorf("the subgraph is %+v", reviews)
	}
	failed := find(s.Errors, func(f Failure) bool { return f.Code == "MAINTENANCE" })
	if failed == nil || failed.Count != 4 || failed.Message == "" {
		t.Errorf("the errors are %+v", s.Errors)
	}
	trace, err := client.Trace(t.Context(), top.Traces.Latest)
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Fetches) != 2 || trace.Fetches[0].Subgraph != "catalog" || trace.Fetches[1].Start <= 0 || trace.Fetches[1].Duration <= 0 || trace.Duration < trace.Fetches[1].Start {
		t.Errorf("the trace is %+v", trace)
	}
	if lines := waterfall(trace, 100); !strings.Contains(strings.Join(lines, "\n"), "█") || len(lines) != 3 {
		t.Errorf("the waterfall is\n%s", strings.Join(lines, "\n"))
	}
	if *record {
		writeRecording(t, client, s, top.Traces.Latest)
	}
}

// writeRecording writes the responses of the API.
func writeRecording(t *testing.T, client *Client, s Snapshot, trace string) {
	t.Helper()
	body, err := client.get(t.Context(), "/traces/"+trace, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.raw["trace"] = body
	s.raw["info"] = bytes.ReplaceAll(s.raw["info"], []byte(s.Info.Replica), []byte("router-1"))
	for name, body := range s.raw {
		var indented bytes.Buffer
		if err := json.Indent(&indented, body, "", "  "); err != nil {
			t.Fatal(err)
		}
		indented.WriteByte('\n')
		if err := os.WriteFile(filepath.Join("testdata", "api", name+".json"), indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProblemsAreExplained(t *testing.T) {
	_, admin := startRouter(t, nil)
	public, without := startRouter(t, func(c *config.Config) { c.Admin.Console.Enabled = false })
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	t.Cleanup(other.Close)
	for _, test := range []struct{ name, url, token, want string }{
		{name: "no token", url: admin, want: "needs a token; set SOUK_CONSOLE_TOKEN"},
		{name: "a wrong token", url: admin, token: "other", want: "rejected the token"},
		{name: "no console", url: without, token: "console-t0ken", want: "set admin.console.enabled: true"},
		{name: "the public port", url: public, token: "console-t0ken", want: "--url to its admin port"},
		{name: "another server", url: other.URL, token: "console-t0ken", want: "is it the admin port"},
		{name: "nothing there", url: "http://127.0.0.1:1", token: "console-t0ken", want: "cannot reach the router at http://127.0.0.1:1"},
	} {
		client := &Client{URL: test.url, Token: test.token, HTTP: http.DefaultClient}
		if _, err := client.Snapshot(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// TestFiguresAreOfTheSameWindow: a screen compares operations, clients and subgraphs.
func TestFiguresAreOfTheSameWindow(t *testing.T) {
	client := busyRouter(t)
	var mu sync.Mutex
	windows := map[string]string{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		windows[r.URL.Path] = r.URL.Query().Get("window")
		mu.Unlock()
		body, err := client.get(r.Context(), strings.TrimPrefix(r.URL.Path, "/console/api"), r.URL.Query())
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(proxy.Close)
	if _, err := (&Client{URL: proxy.URL, HTTP: http.DefaultClient}).Snapshot(t.Context(), 15*time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"traffic", "operations", "subgraphs", "clients", "errors"} {
		if got := windows["/console/api/"+name]; got != "900" {
			t.Errorf("the window of %s is %q", name, got)
		}
	}
}

func TestSnapshotIsPrinted(t *testing.T) {
	s := recorded(t)
	var text strings.Builder
	if err := s.WriteText(&text, "http://localhost:9090", 120); err != nil {
		t.Fatal(err)
	}
	golden(t, "once", text.String())
	var printed bytes.Buffer
	if err := s.WriteJSON(&printed); err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(printed.Bytes(), &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"info", "traffic", "operations", "subgraphs", "clients", "errors"} {
		if members[name] == nil {
			t.Errorf("no member %s", name)
		}
	}
}
