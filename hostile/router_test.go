//go:build unix

package hostile_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/internal/loopback/loopbacktest"
)

const sdl = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query subscription: Subscription }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }
type User @join__type(graph: A) { name: String friend: User a: String b: String c: String d: String e: String f: String g: String }
type Query @join__type(graph: A) { hello: String  user(id: ID): User  byIds(ids: [ID!]!): [User]  long: [String] }
type Subscription @join__type(graph: A) { ticks: String }
`

// routerConfig identifies callers by a header, which clients can invent.
const routerConfig = "rate_limit: {enabled: true, by: header, header: X-Key, requests: 100000, interval: 1s}\n"

// startRouter runs a router with a subgraph that responds to anything at once.
func startRouter(t *testing.T) *target {
	t.Helper()
	long := []byte(`{"data":{"long":["` + strings.Repeat(strings.Repeat("x", 100)+`","`, 45_000) + `"]}}`)
	short := []byte(`{"data":{"hello":"hi"}}`)
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		w.Header().Set("Content-Type", "application/json")
		answer := short
		if bytes.Contains(body.Bytes(), []byte("long")) {
			answer = long
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(subgraph.Close)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	address := loopbacktest.Address(t)
	graph := write("supergraph.graphql", sdl)
	file := write("router.yaml", fmt.Sprintf("listen: %q\nadmin: {listen: %q}\noverride_subgraph_urls: {a: %q}\n%s", address, loopbacktest.Address(t), subgraph.URL, routerConfig))
	s := launch(t, "router", "--supergraph", graph, "--config", file)
	s.address = address
	s.awaitReady()
	s.good, s.want = `{"query":"{ hello }"}`, `"hi"`
	return s
}
