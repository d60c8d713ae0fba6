package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/internal/loopback/loopbacktest"
)

// writeFiles writes files into a new directory and returns its path.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// greeter is a subgraph that responds to each operation with a greeting.
func greeter(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var request struct{ Query string }
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		if strings.Contains(request.Query, "_service") {
			_, _ = w.Write([]byte(`{"data":{"_service":{"sdl":"type Query { hello: String }"}}}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":{"hello":"world"}}`))
	}))
	t.Cleanup(server.Close)
	return server
}

// souk dev --config composes a graph and serves it, again after a change, until an
// interrupt ends it with status 0.
func TestDevServesAnyGraphUntilInterrupted(t *testing.T) {
	subgraph := greeter(t)
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml":    "subgraphs:\n  greetings: {routing_url: '" + subgraph.URL + "', schema: {file: greetings.graphqls}}\n  more: {routing_url: 'http://localhost:1', schema: {file: more.graphqls}}\n",
		"greetings.graphqls": "type Query { hello: String }\n",
		"more.graphqls":      "type Query { more: Int }\n",
		"router.yaml":        "supergraph: {poll_interval: 20ms}\n",
	})
	address := loopbacktest.Address(t)
	p := souk(t, nil, "dev", "--config", filepath.Join(dir, "supergraph.yaml"), "--router-config", filepath.Join(dir, "router.yaml"), "--listen", address)
	await(t, p, "the graph is served", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
	if got := post(t, "http://"+address+"/graphql", `{"query":"{ hello }"}`); !strings.Contains(got, `"hello":"world"`) {
		t.Errorf("got %s", got)
	}
	if status(t, "http://"+address+"/playground") != http.StatusOK {
		t.Error("there is no playground")
	}
	change := filepath.Join(dir, "greetings.graphqls")
	if err := os.WriteFile(change, []byte("type Query { hello: String bye: String }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	await(t, p, "the change is told", func() bool { return strings.Contains(p.stdout.String(), "  + Query.bye\n") })
	if err := os.WriteFile(change, []byte("type Query { hello: String\n  bye: Sting }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	await(t, p, "the mistake is told", func() bool {
		return strings.Contains(p.stdout.String(), change+":2:") && strings.Contains(p.stdout.String(), "keeps the last graph")
	})
	if got := post(t, "http://"+address+"/graphql", `{"query":"{ hello }"}`); !strings.Contains(got, `"hello":"world"`) {
		t.Errorf("got %s", got)
	}
	p.interrupt(t)
	if status := p.wait(t); status != 0 || len(p.says()) > 0 {
		t.Errorf("got exit status %d, messages %q", status, p.says())
	}
}

func TestDevRefusesFlagsOfTheOtherMode(t *testing.T) {
	souk(t, nil, "dev", "--config", "x", "--auth", "enforced", "--dir", "y").refuses(t, "--dir and --auth cannot be used with --config")
	souk(t, nil, "dev", "--poll", "1s").refuses(t, "--poll cannot be used without --config")
	souk(t, nil, "dev", "--config", "x", "--poll", "1ms").refuses(t, "--poll is 1ms; it must be from 100ms to 1h0m0s")
}

func TestDevFailsIfItsPortIsInUse(t *testing.T) {
	dir := writeFiles(t, map[string]string{"supergraph.yaml": "subgraphs: {a: {routing_url: 'http://localhost:1', schema: {sdl: 'type Query { a: Int }'}}}\n"})
	address := taken(t)
	for _, c := range []struct{ listen, admin string }{{address, loopbacktest.Address(t)}, {loopbacktest.Address(t), address}} {
		p := souk(t, []string{"ROUTER_ADMIN_LISTEN=" + c.admin}, "dev", "--config", filepath.Join(dir, "supergraph.yaml"), "--listen", c.listen)
		p.fails(t, "cannot listen on "+address+": bind: address already in use; choose another")
		if said := p.stdout.String(); said != "" {
			t.Errorf("listening on %s and %s: got output %q", c.listen, c.admin, said)
		}
	}
}

// souk router --subgraph composes running subgraphs.
func TestRouterServesRunningSubgraphs(t *testing.T) {
	one, other := greeter(t), httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	number := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"data":{"_service":{"sdl":"type Query { hello: Int }"}}}`))
	}))
	defer number.Close()
	address := loopbacktest.Address(t)
	p := souk(t, []string{"ROUTER_ADMIN_LISTEN=" + loopbacktest.Address(t)}, "router", "--subgraph", "greetings="+one.URL, "--listen", address)
	await(t, p, "the router is ready", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
	if got := post(t, "http://"+address+"/graphql", `{"query":"{ hello }"}`); !strings.Contains(got, `"hello":"world"`) {
		t.Errorf("got %s", got)
	}
	p.interrupt(t)
	if status := p.wait(t); status != 0 {
		t.Errorf("got exit status %d", status)
	}
	for want, subgraphs := range map[string][]string{
		`--subgraph is "greetings"; it must be name=url, such as products=http://localhost:4001/graphql`:                       {"greetings"},
		`--subgraph names "a" twice; every subgraph needs a unique name`:                                                       {"a=http://a", "a=http://b"},
		`--subgraph: subgraphs.a.schema.subgraph_url is "localhost:1"; it must be a URL that begins with http:// or https://`:  {"a=localhost:1"},
		`loading the schema of subgraph a: ` + other.URL + ` responded with status 404 and without a GraphQL response in JSON`: {"a=" + other.URL},
	} {
		args := []string{"router"}
		for _, s := range subgraphs {
			args = append(args, "--subgraph", s)
		}
		wantStatus := 1
		if strings.HasPrefix(want, "--") {
			wantStatus = 2 // the flag is wrong
		}
		souk(t, nil, args...).failsWith(t, wantStatus, want)
	}
	conflict := souk(t, nil, "router", "--subgraph", "a="+one.URL, "--subgraph", "b="+number.URL)
	if status := conflict.wait(t); status != 1 || !strings.Contains(conflict.stderr.String(), "FIELD_TYPE_MISMATCH: ") {
		t.Errorf("got exit status %d and %s", status, &conflict.stderr)
	}
}

// Mocked subgraphs respond together, although none of them runs.
func TestDevMocksSubgraphs(t *testing.T) {
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])` + "\n"
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml":   "subgraphs:\n  products: {schema: {file: products.graphqls}}\n  reviews: {run: [none], schema: {file: reviews.graphqls}}\n",
		"products.graphqls": link + `type Query { product(id: ID!): Product } type Subscription { changed(id: ID!): Product } type Product @key(fields: "id") { id: ID! name: String! }`,
		"reviews.graphqls":  link + `type Product @key(fields: "id") { id: ID! reviews: [Review!]! } type Review { stars: Int! }`,
		"router.yaml":       "override_subgraph_urls: {products: 'http://localhost:1'}\n",
	})
	address := loopbacktest.Address(t)
	p := souk(t, nil, "dev", "--config", filepath.Join(dir, "supergraph.yaml"), "--router-config", filepath.Join(dir, "router.yaml"), "--mock", "products,reviews", "--listen", address)
	await(t, p, "the graph is served", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
	got := post(t, "http://"+address+"/graphql", `{"query":"{ product(id: \"7\") { id name reviews { stars } } }"}`)
	if !strings.Contains(got, `{"product":{"id":"7","name":"`) || !strings.Contains(got, `"reviews":[{"stars":`) || strings.Contains(got, `"errors"`) {
		t.Errorf("got %s", got)
	}
	event := firstEvent(t, "http://"+address+"/graphql", `{"query":"subscription { changed(id: \"7\") { id reviews { stars } } }"}`)
	if !strings.Contains(event, `{"changed":{"id":"7","reviews":[{"stars":`) {
		t.Errorf("got the event %s", event)
	}
	p.interrupt(t)
	if status := p.wait(t); status != 0 || len(p.says()) > 0 {
		t.Errorf("got exit status %d, messages %q", status, p.says())
	}
	souk(t, nil, "dev", "--config", filepath.Join(dir, "supergraph.yaml"), "--mock", "prices,products,reviews").refuses(t, `--mock names "prices"; the subgraphs are products, reviews`)
}

// firstEvent subscribes over server-sent events, and returns the first event.
func firstEvent(t *testing.T, url, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok && strings.TrimSpace(data) != "" {
			return data
		}
	}
	return ""
}

// A configuration of the router that is loaded again is told, although the log has warnings only.
func TestDevTellsThatTheRouterConfigurationIsLoaded(t *testing.T) {
	address := loopbacktest.Address(t)
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {sdl: 'type Query { a: Int }'}\n",
		"router.yaml":     "version: \"1\"\nsupergraph: {poll_interval: 10ms}\n",
	})
	p := soukIn(t, dir, nil, "dev", "--config", "supergraph.yaml", "--router-config", "router.yaml", "--listen", address)
	await(t, p, "the graph is served", func() bool { return status(t, "http://"+address+"/readyz") == 200 })
	if err := os.WriteFile(filepath.Join(dir, "router.yaml"), []byte("version: \"1\"\nsupergraph: {poll_interval: 20ms}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, p, "the configuration is loaded", func() bool {
		return strings.Contains(p.stdout.String(), "The router's configuration was loaded again.")
	})
	p.interrupt(t)
	p.done(t)
}
