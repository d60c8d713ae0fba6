package gateway_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// large returns a supergraph of many types in two subgraphs.
func large(t testing.TB, types int) string {
	t.Helper()
	var home, guest strings.Builder
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable", "@external", "@requires"])` + "\n"
	home.WriteString(link + `type Query { hello: String list(filter: Filter): [Page!] node(id: ID!): Node }
interface Node { id: ID! }
enum Order { ASCENDING DESCENDING }
input Filter { text: String = "" first: Int = 10 order: Order = ASCENDING }
type Page @shareable { total: Int! next: String }
`)
	guest.WriteString(link + "type Page @shareable { total: Int! next: String }\n")
	for n := range types {
		fmt.Fprintf(&home, "\"An item of the kind %d.\"\ntype Item%d implements Node @key(fields: \"id\") { id: ID! name: String! weight: Int \"In the currency of the buyer.\" price(currency: String = \"EUR\"): Float page: Page next: Item%d labels: [String!] }\n",
			n, n, (n+1)%types)
		fmt.Fprintf(&guest, "type Item%d @key(fields: \"id\") { id: ID! weight: Int @external shipping: Int @requires(fields: \"weight\") stock(first: Int): [Page!] }\n", n)
	}
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "home", URL: "http://home", SDL: home.String()}, {Name: "guest", URL: "http://guest", SDL: guest.String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return composed.SDL
}

// withField returns a supergraph with one more field of an item.
func withField(t testing.TB, sdl string, item, version int) string {
	t.Helper()
	at := strings.Index(sdl, fmt.Sprintf("\ntype Item%d implements", item))
	if at < 0 {
		t.Fatalf("the supergraph has no type Item%d", item)
	}
	at += strings.Index(sdl[at:], "{\n") + 2
	return sdl[:at] + fmt.Sprintf("  version%d: Int @join__field(graph: HOME)\n", version) + sdl[at:]
}

// A large supergraph of which a type changes again and again retains nothing of its former versions,
// although each version shares types with the one before. One collection frees them: none waits in a
// pool.
func TestReloadsOfALargeSupergraphLeakNothing(t *testing.T) {
	text := large(t, 300)
	gw, err := gateway.New(t.Context(), config.Default(), gateway.Options{
		Supergraph: text,
		Transport:  func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	version := 0
	reload := func(n int) {
		for range n {
			version++
			text = withField(t, text, version, version)
			if err := gw.SetSupergraph(text); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/graphql", strings.NewReader(fmt.Sprintf(`{"query":"{ hello list { next } version: __type(name: \"Item%d\") { fields { name } } }"}`, version)))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if gw.Handler().ServeHTTP(w, r); w.Code != 200 || !strings.Contains(w.Body.String(), fmt.Sprintf(`{"name":"version%d"}`, version)) {
				t.Fatalf("version %d: got status %d, %s", version, w.Code, w.Body)
			}
		}
	}
	live := func() uint64 {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	reload(5)
	before := live()
	reload(20)
	// A graph of this size takes more than 2 MiB, and its text 200 KiB.
	if after := live(); after > before+1<<20 {
		t.Errorf("after 20 reloads %d bytes are live, %d before", after, before)
	}
}

// BenchmarkReload changes one of 5,000 types.
func BenchmarkReload(b *testing.B) {
	text := large(b, 5000)
	versions := []string{text, withField(b, text, 7, 1)}
	gw, err := gateway.New(b.Context(), config.Default(), gateway.Options{
		Supergraph: text,
		Transport:  func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer gw.Close()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if err := gw.SetSupergraph(versions[n%2]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(liveHeap())/(1<<20), "live-MiB")
}
